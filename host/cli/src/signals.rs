//! Ctrl-C and termination: asked once, then made to.

use std::process;

use anyhow::{Context as _, Result};

use crate::exit::ExitCode;

/// Does something at the first SIGINT or SIGTERM, and ends the process at the second.
pub(crate) fn on_signals(first: impl Fn() + Send + 'static) -> Result<()> {
    let mut signals = 0;
    let on_signal = move || {
        signals += 1;
        if signals > 1 {
            process::exit(i32::from(ExitCode::Interrupted as u8));
        }
        first();
    };
    ctrlc::set_handler(on_signal).context("signals cannot be caught")
}
