//! Who asks a cluster: submit, kill, status, logs.
//!
//! Requests are driven by [`scheduler::client::Submission`], which asks all masters until the leader answers.

mod log;
mod request;

use std::time::Duration;

use bytes::Bytes;
use network::{Credentials, Endpoint};
use scheduler::client::Request;
use scheduler::message::{DriverSpec, DriverStatus, ToSubmitter};
use scheduler::{ApplicationId, DriverId, Host, Settings, Tenant};
use wire::{Data, LogSource, LogStream, Message, Role, Subject};

use crate::components::to_hex;
use crate::join::any_master;
use crate::machine::Listen;
use crate::process::Post;
use crate::status::ClusterStatus;
use crate::{Access, Error, Masters, certify};

pub use log::LogReader;

/// How long one master may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// What a command says of the cluster that it asks.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the masters are.
    pub masters: Masters,
    /// By what the command gets in.
    pub access: Access,
    /// In whose name it asks.
    pub tenant: Tenant,
    /// How long requests are tried (`deploy.client.submissionTimeout`).
    pub settings: Settings,
}

/// A connection with a cluster's masters.
#[derive(Debug)]
pub struct Submitter {
    post: Post,
    masters: Masters,
    tenant: Tenant,
    settings: Settings,
}

impl Submitter {
    /// Connects with the first master that answers.
    ///
    /// # Errors
    ///
    /// If none does, or the cluster does not let this process in.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let Config {
            masters,
            access,
            tenant,
            settings,
        } = config;
        let subject = Subject::Submitter {
            tenant: tenant.clone(),
        };
        let own = access.credentials(&masters, &subject).await?;
        let (endpoint, events) = Endpoint::bind(Listen::anywhere().config(), &own)?;
        let place = &endpoint;
        any_master(&masters, access.patience, |master| async move {
            place.connect(&master, Role::Master).await
        })
        .await?;
        Ok(Self {
            post: Post::new(endpoint, events),
            masters,
            tenant,
            settings,
        })
    }

    /// Brings a component to the leader, unless it is there, and returns the name by which a driver's description
    /// ([`DriverSpec::component`]) means it.
    ///
    /// # Errors
    ///
    /// If no leader answers, or it cannot keep the component.
    pub async fn upload(&self, component: Bytes) -> Result<String, Error> {
        let hash = *blake3::hash(&component).as_bytes();
        let endpoint = self.post.endpoint();
        let within = self.settings.deploy_client_submission_timeout();
        any_master(&self.masters, within, |master| {
            let component = component.clone();
            async move {
                let peer = endpoint.connect(&master, Role::Master).await?;
                request::bring(&peer, hash, component).await
            }
        })
        .await?;
        Ok(to_hex(hash))
    }

    /// Has the cluster run a driver, and returns its name.
    ///
    /// # Errors
    ///
    /// If it is refused, or no leader answers.
    pub async fn submit_driver(&mut self, spec: DriverSpec) -> Result<DriverId, Error> {
        match self.ask(Request::SubmitDriver(spec)).await? {
            ToSubmitter::SubmitDriverResponse { driver, .. } => driver.map_err(Error::Refused),
            other => Err(unexpected(&other)),
        }
    }

    /// Has a driver killed.
    ///
    /// # Errors
    ///
    /// If there is none, or no leader answers.
    pub async fn kill_driver(&mut self, driver: DriverId) -> Result<(), Error> {
        match self.ask(Request::KillDriver(driver)).await? {
            ToSubmitter::KillDriverResponse { refused, .. } => unless(refused),
            other => Err(unexpected(&other)),
        }
    }

    /// Has an application killed.
    ///
    /// # Errors
    ///
    /// If there is none, or no leader answers.
    pub async fn kill_application(&mut self, application: ApplicationId) -> Result<(), Error> {
        match self.ask(Request::KillApplication(application)).await? {
            ToSubmitter::KillApplicationResponse { refused, .. } => unless(refused),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns how a driver is.
    ///
    /// # Errors
    ///
    /// If there is none, or no leader answers.
    pub async fn driver_status(&mut self, driver: DriverId) -> Result<DriverStatus, Error> {
        match self.ask(Request::DriverStatus(driver)).await? {
            ToSubmitter::DriverStatusResponse { status, .. } => {
                status.ok_or_else(|| Error::Refused(format!("there is no {driver}").into()))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Takes machines out of service in good order. Returns how many workers were told to go.
    ///
    /// # Errors
    ///
    /// If no worker is there, or no leader answers.
    pub async fn decommission(&mut self, hosts: Vec<Host>) -> Result<u32, Error> {
        let request = Request::DecommissionWorkersOnHosts(hosts);
        match self.ask(request).await? {
            ToSubmitter::DecommissionResponse { workers, refused } => {
                unless(refused).map(|()| workers)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Returns how the cluster is, as JSON.
    ///
    /// # Errors
    ///
    /// If no leader answers.
    pub async fn status_json(&self) -> Result<String, Error> {
        let within = self.settings.deploy_client_submission_timeout();
        let endpoint = self.post.endpoint();
        let question = &Message::from(Data::StatusAsked);
        let answer = any_master(&self.masters, within, |master| async move {
            endpoint.ask(&master, question, ANSWER_WAIT).await
        });
        match answer.await? {
            Message::Data(Data::Status { json }) => Ok(json),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns how the cluster is.
    ///
    /// # Errors
    ///
    /// If no leader answers, or one of another version.
    pub async fn status(&self) -> Result<ClusterStatus, Error> {
        let json = self.status_json().await?;
        serde_json::from_str(&json).map_err(|error| unexpected(&error))
    }

    /// Finds a log. With `follow` it is read until the process that writes it has ended.
    ///
    /// # Errors
    ///
    /// If no worker has it, or no leader answers.
    pub async fn log(
        &self,
        source: LogSource,
        stream: LogStream,
        follow: bool,
    ) -> Result<LogReader, Error> {
        let workers = log::candidates(&self.status().await?, source);
        LogReader::find(self.post.endpoint(), workers, (source, stream), follow).await
    }

    /// Gets the certificate of a driver that runs in this process (client mode), before it has registered its
    /// application. When it has, it asks for one that names the application with [`certify`].
    ///
    /// # Errors
    ///
    /// If no master answers or gives it.
    pub async fn driver_credentials(&self) -> Result<Credentials, Error> {
        let subject = Subject::Driver {
            tenant: self.tenant.clone(),
            application: None,
        };
        certify(self.post.endpoint(), &self.masters, &subject, ANSWER_WAIT).await
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.post.leave().await;
    }

    async fn ask(&mut self, request: Request) -> Result<ToSubmitter, Error> {
        request::ask(&mut self.post, &self.masters, request, &self.settings).await
    }
}

fn unless(refused: Option<std::sync::Arc<str>>) -> Result<(), Error> {
    refused.map_or(Ok(()), |reason| Err(Error::Refused(reason)))
}

fn unexpected(answer: &dyn std::fmt::Debug) -> Error {
    Error::Refused(format!("the master answered with something else: {answer:?}").into())
}
