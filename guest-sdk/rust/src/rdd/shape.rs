//! What a dataset tells of itself.

use super::Rdd;
use crate::checkpoint::Checkpointed;
use crate::lineage::{Lineage, Parent};

/// What one dataset needs of another (Spark's `Dependency`). Datasets are named by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// Some partitions of it, each computed by the task that needs it.
    Narrow {
        /// The parent's number.
        parent: u32,
    },
    /// All of its records, moved by this shuffle.
    Shuffle {
        /// The parent's number.
        parent: u32,
        /// The shuffle's number.
        shuffle: u32,
    },
}

impl<T> Rdd<'_, T> {
    /// What the dataset is computed from.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let described = |parent: &Parent<'_>| {
            let number = parent.lineage().header().id();
            match parent {
                Parent::Narrow(..) => Dependency::Narrow { parent: number },
                Parent::Shuffle(shuffle) => Dependency::Shuffle {
                    parent: number,
                    shuffle: shuffle.number(),
                },
            }
        };
        Lineage::parents(self).iter().map(described).collect()
    }

    /// Gives the dataset a name, which is shown behind the transformation's: `map "clicks"`. The host shows it if it was given
    /// before the first action.
    ///
    /// ```no_run
    /// # fn example(lines: tinderbox::Rdd<'_, String>) {
    /// let clicks = lines.filter(|line| line.contains("click")).set_name("clicks");
    /// assert_eq!(clicks.name().as_deref(), Some("clicks"));
    /// # }
    /// ```
    #[must_use]
    pub fn set_name(&self, name: &str) -> Self {
        self.header().label.replace(Some(name.to_owned()));
        self.clone()
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<String> {
        self.header().label.borrow().clone()
    }

    /// Whether the dataset is what [`checkpoint`](Self::checkpoint) or [`local_checkpoint`](Self::local_checkpoint) returned.
    pub fn is_checkpointed(&self) -> bool {
        self.header().checkpoint.is_some()
    }

    /// The folder that holds the dataset, if it is what [`checkpoint`](Self::checkpoint) returned.
    pub fn checkpoint_file(&self) -> Option<&str> {
        match &self.header().checkpoint {
            Some(Checkpointed::Folder(folder)) => Some(folder),
            _ => None,
        }
    }
}
