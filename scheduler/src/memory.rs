//! How an executor's memory is shared out: tasks, cached blocks, prepared images.

use crate::Settings;

/// The share of cached blocks, in hundredths. (Spark: `memory.fraction` times `memory.storageFraction`, 0.3.)
const BLOCKS_PERCENT: u64 = 30;

/// The share of prepared images, in hundredths.
const IMAGES_PERCENT: u64 = 10;

/// An image may take this part of the executor's memory.
const IMAGE_DIVISOR: u64 = 4;

/// Bytes for each user of an executor's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// For one task, beyond its image.
    pub task: u64,
    /// For cached blocks.
    pub blocks: u64,
    /// For prepared images.
    pub images: u64,
}

/// Shares out the memory of an executor that runs `cores` tasks at a time.
pub fn shares(executor_memory: u64, cores: u32) -> Shares {
    let percent = |percent| executor_memory / 100 * percent;
    let (blocks, images) = (percent(BLOCKS_PERCENT), percent(IMAGES_PERCENT));
    let task = (executor_memory - blocks - images) / u64::from(cores.max(1));
    Shares {
        task,
        blocks,
        images,
    }
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
        for cores in [0, 1, 2, 64] {
            let shares = shares(1 << 30, cores);
            assert!(
                shares.task * u64::from(cores.max(1)) + shares.blocks + shares.images <= 1 << 30
            );
            assert!(shares.task > 0);
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
