//! Masters and workers as they run: real connections on loopback, real child processes.

mod executors;
mod support;
