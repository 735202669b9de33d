//! How an executor's memory is shared out: tasks, cached blocks, prepared images, transfers.

mod broker;

use crate::Settings;

pub use broker::{Broker, Lease, Pool};

/// The share of all tasks, in hundredths. (Spark: `memory.fraction`, 0.6, which cached blocks have a part of.)
const TASKS_PERCENT: u64 = 60;

/// The share of transfers, in hundredths.
const TRANSFERS_PERCENT: u64 = 5;

/// An image may take this part of the executor's memory.
const IMAGE_DIVISOR: u64 = 4;

/// Bytes for each user of an executor's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// For one task, beyond its image.
    pub task: u64,
    /// For cached blocks: what is left, and whatever they can borrow.
    pub blocks: u64,
    /// For prepared images: the largest that there may be.
    pub images: u64,
    /// For bytes on their way to and from other processes.
    pub transfers: u64,
}

/// Shares out the memory of an executor that runs `cores` tasks at a time.
pub fn shares(settings: &Settings, cores: u32) -> Shares {
    let memory = settings.executor_memory();
    let percent = |percent| memory / 100 * percent;
    let (tasks, transfers) = (percent(TASKS_PERCENT), percent(TRANSFERS_PERCENT));
    let images = image_max(settings);
    Shares {
        task: tasks / u64::from(cores.max(1)),
        blocks: (memory - tasks).saturating_sub(transfers + images),
        images,
        transfers,
    }
}

/// Bytes that each of the fetches of an executor's tasks may have under way: `reducer.maxSizeInFlight`, and all of them
/// no more than the share of transfers.
pub fn in_flight_max(settings: &Settings, cores: u32) -> u64 {
    let share = shares(settings, cores).transfers / u64::from(cores.max(1));
    settings.reducer_max_size_in_flight().min(share.max(1))
}

/// The largest image in bytes: `image.maxSize`, and no more than a quarter of the executor's memory.
pub fn image_max(settings: &Settings) -> u64 {
    settings
        .image_max_size()
        .min(settings.executor_memory() / IMAGE_DIVISOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_fit_into_the_whole() {
        for (memory, cores) in [("1g", 0), ("1g", 1), ("64m", 2), ("100g", 64)] {
            let mut settings = Settings::default();
            settings.set("executor.memory", memory).unwrap();
            let shares = shares(&settings, cores);
            let Shares {
                task,
                blocks,
                images,
                transfers,
            } = shares;
            let sum = task * u64::from(cores.max(1)) + blocks + images + transfers;
            assert!(sum <= settings.executor_memory(), "{shares:?}");
            assert!(task.min(blocks).min(images).min(transfers) > 0);
            assert!(in_flight_max(&settings, cores) * u64::from(cores.max(1)) <= transfers);
        }
    }

    #[test]
    fn a_small_executor_makes_a_small_image() {
        let mut settings = Settings::default();
        assert_eq!(image_max(&settings), 256 << 20);
        settings.set("executor.memory", "100m").unwrap();
        assert_eq!(image_max(&settings), 25 << 20);
    }
}
