//! Says why a guest ended without a result, in the guest's own words where it has any.

use scheduler::{FailureKind, TaskFailure};
use wasmtime::{Trap, WasmBacktrace};

use crate::contract::{GuestError, ErrorKind};
use crate::guest::Guest;
use crate::kill::{KillReason, Killed};
use crate::wasi::Exited;

/// The failure of a guest that trapped, was killed or exited.
pub(crate) fn of_trap(error: &wasmtime::Error, guest: &mut Guest) -> TaskFailure {
    if let Some(Killed(reason)) = error.downcast_ref() {
        return of_kill(*reason);
    }
    if let Some(exited) = error.downcast_ref::<Exited>() {
        return TaskFailure::new(FailureKind::Trapped, format!("{exited}; return from the function instead"));
    }
    let (kind, message) = match error.downcast_ref::<Trap>() {
        _ if guest.memory.refused_bytes.is_some() => (FailureKind::MemoryExceeded, out_of_memory(guest)),
        Some(Trap::StackOverflow) => (FailureKind::StackOverflowed, "the call stack is exhausted; is there a recursion without end?".into()),
        _ if let Some(panic) = guest.panic.take() => {
            let place = Some(panic.place);
            return TaskFailure { kind: FailureKind::Panicked, message: panic.message, place, backtrace: backtrace(error) };
        }
        Some(trap) => (FailureKind::Trapped, trap.to_string()),
        None => (FailureKind::Trapped, format!("{error:#}")),
    };
    TaskFailure { backtrace: backtrace(error), ..TaskFailure::new(kind, message) }
}

/// The failure of a guest that returned an error.
pub(crate) fn of_error(error: GuestError) -> TaskFailure {
    let kind = match error.kind {
        ErrorKind::Io => FailureKind::Io,
        ErrorKind::LimitExceeded => FailureKind::ResultTooLarge,
        _ => FailureKind::Returned,
    };
    TaskFailure::new(kind, error.message)
}

pub(crate) fn of_kill(reason: KillReason) -> TaskFailure {
    match reason {
        KillReason::Ordered => TaskFailure::new(FailureKind::Killed, "it was killed"),
        KillReason::TimedOut => TaskFailure::new(FailureKind::TimedOut, "it ran for longer than `task.timeout`"),
    }
}

fn out_of_memory(guest: &Guest) -> String {
    let asked = guest.memory.refused_bytes.unwrap_or_default();
    format!(
        "it asked for {} MiB of memory and may have {} MiB; use more partitions, so that each is smaller, or raise `executor.memory`",
        asked.div_ceil(1 << 20),
        guest.memory.maximum_bytes >> 20
    )
}

/// The guest's own frames, innermost first, without the machinery of panics.
fn backtrace(error: &wasmtime::Error) -> Option<String> {
    const FRAMES_MAX: usize = 16;
    let frames = error.downcast_ref::<WasmBacktrace>()?.frames();
    let names = frames.iter().filter_map(|frame| frame.func_name()).map(|name| format!("{:#}", rustc_demangle::demangle(name)));
    let told: Vec<_> = names.filter(|name| !is_machinery(name)).take(FRAMES_MAX).collect();
    (!told.is_empty()).then(|| told.join("\n"))
}

fn is_machinery(name: &str) -> bool {
    ["abort", "rust_panic", "__rust", "rust_begin_unwind", "core::panicking::", "std::panicking::", "std::sys::"]
        .iter()
        .any(|prefix| name.trim_start_matches(['_', '<']).starts_with(prefix.trim_start_matches('_')))
}
