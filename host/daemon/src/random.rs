//! Numbers that nobody has drawn before.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Draws a number for a name or a seed. Not for secrets: those are made by `network`.
pub(crate) fn draw() -> u64 {
    // The standard library seeds its hashers from the system.
    RandomState::new().build_hasher().finish()
}
