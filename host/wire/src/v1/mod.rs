//! Version 1 of the messages.
//!
//! Frozen once it is released: `tests/golden/v1.txt` holds the bytes of each message, and a change of any of them is
//! version 2, a module beside this one.

mod messages;
mod records;

pub use crate::form::{LIST_MAX, NAME_MAX, TEXT_MAX};
pub use messages::{MESSAGES, decode, encode};
pub use records::PAGE_BYTES;
