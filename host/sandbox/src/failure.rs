//! Says why a guest ended without a result, in the guest's own words where it has any.

use scheduler::{FailureKind, TaskFailure};
use wasmtime::{Trap, WasmBacktrace};

use crate::contract::{ErrorKind, GuestError};
use crate::guest::{Guest, Role};
use crate::kill::KillReason;
use crate::wasi::Exited;

/// The failure of a guest that trapped, was killed or exited.
pub(crate) fn of_trap(error: &wasmtime::Error, guest: &mut Guest) -> TaskFailure {
    // A kill ends code by the same trap as a program's own abort.
    if let Some(reason) = guest.kill.reason() {
        return of_kill(reason);
    }
    if let Some(exited) = error.downcast_ref::<Exited>() {
        return TaskFailure::new(
            FailureKind::Trapped,
            format!("{exited}; return from the function instead"),
        );
    }
    let (kind, message) = match error.downcast_ref::<Trap>() {
        _ if guest.memory.refused_bytes.is_some() => {
            (FailureKind::MemoryExceeded, out_of_memory(guest))
        }
        Some(Trap::StackOverflow) => stack_overflow(),
        // A program's own stack lies at the bottom of its memory: what outgrows it writes below address 0.
        Some(Trap::MemoryOutOfBounds) if is_deep_recursion(error) => stack_overflow(),
        _ if let Some(panic) = guest.panic.take() => {
            let place = Some(panic.place);
            return TaskFailure {
                kind: FailureKind::Panicked,
                message: panic.message,
                place,
                backtrace: backtrace(error),
            };
        }
        Some(trap) => (FailureKind::Trapped, trap.to_string()),
        None => (FailureKind::Trapped, format!("{error:#}")),
    };
    TaskFailure {
        backtrace: backtrace(error),
        ..TaskFailure::new(kind, message)
    }
}

/// The failure of a guest that returned an error.
pub(crate) fn of_error(error: GuestError) -> TaskFailure {
    let kind = match error.kind {
        ErrorKind::Io => FailureKind::Io,
        _ => FailureKind::Returned,
    };
    TaskFailure::new(kind, error.message)
}

pub(crate) fn of_kill(reason: KillReason) -> TaskFailure {
    match reason {
        KillReason::Ordered => TaskFailure::new(FailureKind::Killed, "it was killed"),
        KillReason::TimedOut => TaskFailure::new(
            FailureKind::TimedOut,
            "it ran for longer than `task.timeout`",
        ),
    }
}

fn out_of_memory(guest: &Guest) -> String {
    let asked = guest.memory.refused_bytes.unwrap_or_default();
    let remedy = match guest.role {
        Role::Driver(_) => {
            "keep large data in datasets instead of variables, or raise `driver.memory`"
        }
        Role::Task(_) => "use more partitions, so that each is smaller, or raise `executor.memory`",
    };
    format!(
        "it asked for {} MiB of memory and may have {} MiB; {remedy}",
        asked.div_ceil(1 << 20),
        guest.memory.maximum_bytes >> 20
    )
}

fn stack_overflow() -> (FailureKind, String) {
    (
        FailureKind::StackOverflowed,
        "the call stack is exhausted; is there a recursion without end?".into(),
    )
}

/// Whether one function is on the stack again and again.
fn is_deep_recursion(error: &wasmtime::Error) -> bool {
    const CALLS_MIN: usize = 5;
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return false;
    };
    let functions: Vec<_> = backtrace
        .frames()
        .iter()
        .map(|frame| frame.func_index())
        .collect();
    functions
        .iter()
        .any(|function| functions.iter().filter(|other| *other == function).count() >= CALLS_MIN)
}

/// The guest's own frames, innermost first, without the machinery of panics.
fn backtrace(error: &wasmtime::Error) -> Option<String> {
    const FRAMES_MAX: usize = 16;
    let frames = error.downcast_ref::<WasmBacktrace>()?.frames();
    let names = frames
        .iter()
        .filter_map(|frame| frame.func_name())
        .map(|name| format!("{:#}", rustc_demangle::demangle(name)));
    let mut told: Vec<_> = names
        .filter(|name| !is_machinery(name))
        .take(FRAMES_MAX)
        .collect();
    // A recursion is told once.
    told.dedup();
    (!told.is_empty()).then(|| told.join("\n"))
}

fn is_machinery(name: &str) -> bool {
    const MACHINERY: [&str; 10] = [
        "abort",
        "alloc::alloc::handle_alloc_error",
        "core::panicking::",
        "rust_begin_unwind",
        "rust_panic",
        "__rust",
        "std::alloc::",
        "std::panicking::",
        "std::process::abort",
        "std::sys::",
    ];
    MACHINERY.iter().any(|prefix| {
        name.trim_start_matches(['_', '<'])
            .starts_with(prefix.trim_start_matches('_'))
    })
}
