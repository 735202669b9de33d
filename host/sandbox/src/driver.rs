//! The driver: runs a program's `main`, whose checkpoints become images.

use scheduler::{FailureKind, TaskFailure};
use wasmtime::Store;

use crate::clock::{Clock, Random};
use crate::contract::{ABI_VERSION, DriverHost};
use crate::failure;
use crate::guest::{Checkpoints, Guest, LogBound, MemoryBound, Role};
use crate::kill::KillSwitch;
use crate::program::Program;

/// Runs `main` on this thread until it returns, in at most `memory_bytes` of memory.
///
/// # Errors
///
/// How the driver failed: its own error, a panic, a trap, a kill.
pub fn run_driver(
    program: &Program,
    args: &[String],
    seed: u64,
    memory_bytes: usize,
    kill: KillSwitch,
    host: Box<dyn DriverHost>,
) -> Result<(), TaskFailure> {
    let guest = Guest {
        role: Role::Driver(host),
        clock: Clock::real(),
        random: Random::new(seed),
        kill: kill.clone(),
        memory: MemoryBound::new(memory_bytes),
        log: LogBound::new(0),
        panic: None,
        fork_of: None,
        checkpoints: Checkpoints {
            program: program.hash(),
            globals: program.globals(),
            seed,
            last: None,
        },
    };
    let mut store = Store::new(program.engine(), guest);
    store.limiter(|guest| &mut guest.memory);
    // Handing over the memory at a checkpoint costs nothing, so its size is no reason to refuse it.
    store.set_hostcall_fuel(usize::MAX);
    // Declared after the store, so that it goes before the store's memory does.
    let _within_reach = kill.attach().map_err(|killed| failure::of_kill(killed.0))?;
    run_main(program, args, &mut store)
}

fn run_main(
    program: &Program,
    args: &[String],
    store: &mut Store<Guest>,
) -> Result<(), TaskFailure> {
    let fresh = program
        .fresh()
        .map_err(|error| TaskFailure::new(FailureKind::Trapped, error.to_string()))?;
    let ended = fresh.instantiate(&mut *store).and_then(|instance| {
        let application = instance.tinderbox_job_application();
        refuse_other_version(application.call_abi_version(&mut *store)?)?;
        application.call_main(&mut *store, args)
    });
    match ended {
        Ok(Ok(())) => Ok(()),
        // Whatever its kind: the driver's own words say it all.
        Ok(Err(error)) => Err(TaskFailure::new(FailureKind::Returned, error.message)),
        Err(trap) => Err(failure::of_trap(&trap, store.data_mut())),
    }
}

/// The names of the imports say the same; this is the program's own word.
fn refuse_other_version(version: u32) -> wasmtime::Result<()> {
    if version / 100 == ABI_VERSION / 100 {
        return Ok(());
    }
    let name = |version: u32| {
        format!(
            "{}.{}.{}",
            version / 10_000,
            version / 100 % 100,
            version % 100
        )
    };
    let (theirs, ours) = (name(version), name(ABI_VERSION));
    Err(wasmtime::Error::msg(format!(
        "it was built for version {theirs} of the contract, this is {ours}; build it with this SDK"
    )))
}
