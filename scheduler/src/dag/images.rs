//! Who still needs which image.
//!
//! An image is held by each job, shuffle and task set that may fork it or is running forks of it, and is let go
//! with the last of them.

use std::collections::BTreeMap;

use crate::ImageId;

/// How many holders each image has. An image without any is not here.
#[derive(Debug, Default)]
pub(crate) struct Images(BTreeMap<ImageId, usize>);

impl Images {
    pub(crate) fn hold(&mut self, image: ImageId) {
        *self.0.entry(image).or_default() += 1;
    }

    /// Lets go of an image once; returns whether that was the last holder.
    pub(crate) fn let_go(&mut self, image: ImageId) -> bool {
        let holders = self.0.get_mut(&image).expect("what is let go was held");
        *holders -= 1;
        let last = *holders == 0;
        if last {
            self.0.remove(&image);
        }
        last
    }

    /// Returns the sum of all holders.
    pub(crate) fn holders(&self) -> usize {
        self.0.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_holder_lets_go() {
        let image = ImageId([1; 32]);
        let mut images = Images::default();
        images.hold(image);
        images.hold(image);
        assert!(!images.let_go(image));
        assert!(images.let_go(image));
        assert_eq!(images.holders(), 0);
    }
}
