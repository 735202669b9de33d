//! Where the memory of blocks comes from.

use std::fmt::Debug;

/// Says how much memory blocks may take, which may change.
pub trait Room: Debug + Send + Sync {
    /// Blocks want to take so many bytes in all. How many they may take is told to `set`, before anybody can learn
    /// otherwise.
    fn grow(&self, wanted: usize, set: &mut dyn FnMut(usize));

    /// The most that they can ever take.
    fn bytes_max(&self) -> usize;
}

/// Always the same number of bytes.
#[derive(Clone, Copy, Debug)]
pub struct FixedRoom(pub usize);

impl Room for FixedRoom {
    fn grow(&self, _: usize, set: &mut dyn FnMut(usize)) {
        set(self.0);
    }

    fn bytes_max(&self) -> usize {
        self.0
    }
}
