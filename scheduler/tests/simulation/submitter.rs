//! The process of a user who hands a driver to the cluster and waits for the answer.

use scheduler::client::submission::{Action, Input, Outbox};
use scheduler::client::{Request, Submission};
use scheduler::message::ToSubmitter;

use crate::network::HostId;
use crate::process::{Going, Machine, ProcessId};
use crate::world::{Told, World};

/// A submitter's process.
#[derive(Debug)]
pub(crate) struct Submitter {
    pub(crate) submission: Submission,
    pub(crate) errand: usize,
}

impl World {
    pub(crate) fn start_submitter(&mut self, host: HostId, errand: usize) {
        let spec = self.errands[errand]
            .cluster
            .clone()
            .expect("it is for the cluster");
        let (seed, address) = (self.random.draw(), self.free_address(host));
        let masters = self.master_addresses.clone();
        let request = Request::SubmitDriver(spec);
        let submission = Submission::new(request, masters, &self.scenario.settings, seed);
        let process = Submitter { submission, errand };
        let id = self.spawn(&address, host, Machine::Submitter(Box::new(process)));
        self.plan_told(id, Told::Submission(Input::Started));
    }

    pub(crate) fn tell_submitter(&mut self, id: ProcessId, input: Input) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let now = process.clock.read(self.now);
        let Machine::Submitter(submitter) = &mut process.machine else {
            return;
        };
        let errand = submitter.errand;
        let mut out = Outbox::default();
        submitter.submission.handle(now, input, &mut out);
        for action in out.actions {
            match action {
                Action::Send { to, message } => self.say(id, &to, message),
                Action::Answer(answer) => {
                    self.note(|| format!("  the answer: {answer:?}"));
                    if let Err(reason) = &answer {
                        self.excuse(errand, reason);
                    }
                    if let Ok(ToSubmitter::SubmitDriverResponse {
                        driver: Err(reason),
                        ..
                    }) = answer
                    {
                        panic!("a driver was refused: {reason}");
                    }
                    self.end(id, Going::Orderly);
                }
            }
        }
        self.plan_wake(id);
    }
}
