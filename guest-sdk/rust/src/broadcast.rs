//! Values that the driver gives to all tasks.

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use crate::context::Context;

/// A value that tasks read: Spark's name for what a closure does by capturing.
///
/// Whatever the driver holds is in the image that tasks are forks of. It goes to each machine once, not once a task, and
/// between two jobs only the pages that have changed go. So a closure may borrow any local, and this type does no more than
/// to let programs that come from Spark read as they did.
///
/// ```no_run
/// # use std::collections::HashMap;
/// # fn example(cx: &tinderbox::Context, visits: tinderbox::Rdd<'_, u32>) -> tinderbox::Result<()> {
/// let names = HashMap::from([(1, "Ada"), (2, "Grace")]);
/// // As in Spark:
/// let shared = cx.broadcast(names.clone());
/// visits.map(|id| shared.value().get(&id).map(|name| name.len())).count()?;
/// // The same:
/// visits.map(|id| names.get(&id).map(|name| name.len())).count()?;
/// # Ok(())
/// # }
/// ```
///
/// There is nothing to unpersist or destroy: the value goes when the last handle is dropped.
pub struct Broadcast<T>(Rc<T>);

impl Context {
    /// Makes a handle of a value, which tasks read. See [`Broadcast`] for why a program hardly needs it.
    pub fn broadcast<T>(&self, value: T) -> Broadcast<T> {
        Broadcast(Rc::new(value))
    }
}

impl<T> Broadcast<T> {
    /// The value.
    pub fn value(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for Broadcast<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broadcast").field(&self.0).finish()
    }
}
