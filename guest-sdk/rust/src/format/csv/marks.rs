//! Where the bytes are that end a field: a block of text becomes a word with a bit a byte, and whoever cuts takes one bit
//! after the other.
//!
//! The fields of most files are a few bytes long, and a search that begins anew behind each costs more than it skips (Langdale
//! and Lemire, "Parsing gigabytes of JSON per second", 2019, section 3.1).

const BLOCK: usize = 64;

/// The lowest bit of each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// All bits of each byte but the highest.
const LOW: u64 = 0x7f * ONES;

/// The places of some bytes in a text, in order.
#[derive(Debug)]
pub(super) struct Marks {
    /// Each byte that is looked for, in every byte of a word.
    wanted: [u64; 3],
    places: Vec<usize>,
    /// How many of them were taken.
    taken: usize,
}

impl Marks {
    /// The places of these bytes, in no text yet.
    pub(super) fn new(wanted: [u8; 3]) -> Self {
        Self {
            wanted: wanted.map(|byte| u64::from(byte) * ONES),
            places: Vec::new(),
            taken: 0,
        }
    }

    /// Begins with another text.
    pub(super) fn begin(&mut self, text: &[u8]) {
        self.taken = 0;
        self.places.clear();
        for (block, start) in text.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
            let mut marks = self.in_front(block);
            while marks != 0 {
                self.places.push(start + marks.trailing_zeros() as usize);
                marks &= marks - 1;
            }
        }
    }

    /// The next place; none where the text ends.
    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        let place = *self.places.get(self.taken)?;
        self.taken += 1;
        Some(place)
    }

    /// The next place of a quote; none if the line ends before.
    pub(super) fn closing(&mut self, text: &[u8], quote: u8) -> Option<usize> {
        let mut place = self.next()?;
        while text[place] != quote {
            if text[place] == b'\n' {
                return None;
            }
            place = self.next()?;
        }
        Some(place)
    }

    /// Those among the first bytes.
    #[inline]
    fn in_front(&self, text: &[u8]) -> u64 {
        if let Some(block) = text.first_chunk() {
            return self.in_block(block);
        }
        let mut block = [0; BLOCK];
        block[..text.len()].copy_from_slice(text);
        self.in_block(&block) & ((1 << text.len()) - 1)
    }

    #[inline]
    fn in_block(&self, block: &[u8; BLOCK]) -> u64 {
        let words = block.as_chunks::<8>().0.iter().rev();
        words.fold(0, |marks, word| {
            marks << 8 | self.in_word(u64::from_le_bytes(*word))
        })
    }

    /// A bit a byte (Warren, "Hacker's Delight", sections 6-1 and 7-2).
    #[inline]
    fn in_word(&self, word: u64) -> u64 {
        let others = self.wanted.iter().fold(!LOW, |others, wanted| {
            let zero_if_same = word ^ wanted;
            // The highest bit of a byte is set unless the byte is zero.
            others & (((zero_if_same & LOW) + LOW) | zero_if_same)
        });
        let found = (others ^ !LOW) >> 7;
        found.wrapping_mul(0x0102_0408_1020_4080) >> 56
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &[u8], wanted: [u8; 3]) -> Vec<usize> {
        let mut marks = Marks::new(wanted);
        marks.begin(text);
        std::iter::from_fn(|| marks.next()).collect()
    }

    #[test]
    fn every_place_is_found_whatever_stands_beside_it() {
        // Each byte beside each other, and texts of all lengths around a block.
        let text: Vec<u8> = (0..=255u8)
            .flat_map(|byte| [byte, byte.wrapping_mul(7), b',', byte ^ 0x80, b'\n'])
            .collect();
        for wanted in [*b",\n\"", *b"\0\x7f\0"] {
            for length in (0..200).chain([text.len()]) {
                let text = &text[text.len() - length..];
                let found = text.iter().enumerate();
                let found = found.filter(|(_, byte)| wanted.contains(byte));
                let expected: Vec<usize> = found.map(|(place, _)| place).collect();
                assert_eq!(places(text, wanted), expected, "{length} {wanted:?}");
            }
        }
    }
}
