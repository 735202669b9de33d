//! Randomness that is handed in: the same seed draws the same numbers.
//!
//! Never used for secrets.

/// A generator of numbers (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws any number.
    pub const fn draw(&mut self) -> u64 {
        let drawn = mix(self.0);
        self.0 = self.0.wrapping_add(GOLDEN);
        drawn
    }

    /// Draws a number below `bound`, which is not 0. Not exactly even; for a bound far below 2^64 nobody can tell.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// Draws whether something with a chance of `of` in a million happens.
    pub const fn happens(&mut self, of: u32) -> bool {
        self.below(1_000_000) < of as u64
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The step and finaliser of SplitMix64: every bit of the input moves every bit of the output.
pub(crate) const fn mix(input: u64) -> u64 {
    let sum = input.wrapping_add(GOLDEN);
    let high = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let low = (high ^ (high >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    low ^ (low >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [random.draw(), random.draw(), random.below(10)]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn the_numbers_are_splitmix64s() {
        // The first outputs of the reference implementation for the seed 0.
        let mut random = Random::new(0);
        assert_eq!(random.draw(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.draw(), 0x6e78_9e6a_a1b9_65f4);
    }
}
