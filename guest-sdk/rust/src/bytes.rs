//! Bytes and text that share the batch they were read in.
//!
//! Cutting a batch into lines and lines into words allocates nothing; keeping one small piece keeps the whole batch,
//! until it is detached.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::rc::Rc;

use crate::record::{Input, Malformed, Record, write_length};

/// A piece of a batch of bytes, cheap to clone.
#[derive(Clone, Default)]
pub struct Bytes {
    batch: Rc<Vec<u8>>,
    start: u32,
    length: u32,
}

impl Bytes {
    /// The piece of `batch` at `range`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "batches are far below 4 GiB: the host's largest is one record"
    )]
    pub(crate) fn of_batch(batch: &Rc<Vec<u8>>, range: Range<usize>) -> Self {
        Self {
            batch: Rc::clone(batch),
            start: range.start as u32,
            length: range.len() as u32,
        }
    }

    #[inline]
    fn of_range(&self, range: Range<usize>) -> Self {
        Self::of_batch(
            &self.batch,
            self.start as usize + range.start..self.start as usize + range.end,
        )
    }

    /// The numbers that the bytes are, eight bytes each, little-endian; a rest of fewer bytes is left out.
    pub fn f64s(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.as_chunks()
            .0
            .iter()
            .map(|number| f64::from_le_bytes(*number))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let start = self.start as usize;
        &self.batch[start..start + self.length as usize]
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        Self::of_batch(&Rc::new(bytes), 0..length)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Record for Bytes {
    const MIN_WIDTH: usize = 1;

    fn encode(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        out.extend_from_slice(self);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        let start = input.position();
        let bytes = input.take(length)?;
        Ok(match input.batch() {
            Some(batch) => Self::of_batch(batch, start..start + length),
            None => Self::from(bytes.to_vec()),
        })
    }

    fn detach(&mut self) {
        if self.len() < self.batch.capacity() / 2 {
            *self = Self::from(self.to_vec());
        }
    }
}

/// A piece of a batch of text, cheap to clone: a line of a file or a word of it.
///
/// It reads, compares and hashes as the `str` that it is.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// Always UTF-8.
    bytes: Bytes,
}

impl Text {
    /// The text, where it is.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "checking each word again would cost more than counting it"
    )]
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes whole characters of UTF-8: `From<String>` all of a string, `decode` bytes that
        // it has checked; `of_piece` and `of_range`, private to this crate, cut a `String`'s bytes at line ends and a
        // text at characters.
        unsafe { std::str::from_utf8_unchecked(&self.bytes) }
    }

    /// The words between white space, as `str::split_whitespace` gives them. No word is copied.
    pub fn words(self) -> Words {
        Words { at: 0, text: self }
    }

    /// The pieces between occurrences of a character, as `str::split` gives them. No piece is copied.
    pub fn split_on(self, separator: char) -> impl Iterator<Item = Self> {
        let mut rest = Some(0);
        std::iter::from_fn(move || {
            let start = rest?;
            let end = self[start..].find(separator).map(|at| start + at);
            rest = end.map(|end| end + separator.len_utf8());
            Some(self.of_range(start..end.unwrap_or(self.len())))
        })
    }

    /// A piece of what the host read as text; both ends are at line ends, so at characters.
    #[inline]
    pub(crate) fn of_piece(piece: &Rc<Vec<u8>>, range: Range<usize>) -> Self {
        Self {
            bytes: Bytes::of_batch(piece, range),
        }
    }

    /// A piece of it; both ends are at characters.
    #[inline]
    pub(crate) fn of_range(&self, range: Range<usize>) -> Self {
        debug_assert!(self.is_char_boundary(range.start) && self.is_char_boundary(range.end));
        Self {
            bytes: self.bytes.of_range(range),
        }
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self {
            bytes: Bytes::from(text.into_bytes()),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Hash for Text {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Record for Text {
    const MIN_WIDTH: usize = 1;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.bytes.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let bytes = Bytes::decode(input)?;
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self { bytes }),
            Err(_) => Err(Malformed::of("UTF-8")),
        }
    }

    fn detach(&mut self) {
        self.bytes.detach();
    }
}

/// The words of a [`Text`].
#[derive(Clone, Debug)]
pub struct Words {
    text: Text,
    at: usize,
}

impl Words {
    /// The end of the white space that begins at `at`, or of the word, where `wanted` says which.
    #[inline]
    fn skip(text: &str, mut at: usize, white: bool) -> usize {
        while let Some(byte) = text.as_bytes().get(at) {
            let width = if byte.is_ascii() {
                if is_white(*byte) != white {
                    break;
                }
                1
            } else {
                match text[at..].chars().next() {
                    Some(character) if character.is_whitespace() == white => character.len_utf8(),
                    _ => break,
                }
            };
            at += width;
        }
        at
    }
}

/// Whether an ASCII character is white space in the sense of `char::is_whitespace`.
#[inline]
fn is_white(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') < 5
}

impl Iterator for Words {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        let start = Self::skip(&self.text, self.at, true);
        self.at = Self::skip(&self.text, start, false);
        (start < self.at).then(|| self.text.of_range(start..self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{from_bytes, to_bytes};

    #[test]
    fn words_are_those_of_the_standard_library() {
        for line in [
            "",
            " ",
            "a",
            "  to be\tor\u{b}not ",
            "na\u{ef}ve\u{a0}caf\u{e9}\u{2003}\u{3000}x",
            "\u{85}y\r",
            "日本 語",
        ] {
            let words: Vec<Text> = Text::from(line).words().collect();
            assert_eq!(
                words,
                line.split_whitespace().map(Text::from).collect::<Vec<_>>(),
                "{line:?}"
            );
        }
    }

    #[test]
    fn every_ascii_character_is_white_as_the_standard_library_says() {
        assert!((0..128u8).all(|byte| is_white(byte) == char::from(byte).is_whitespace()));
    }

    #[test]
    fn pieces_are_those_of_the_standard_library() {
        for line in ["", "a", ",", "a,b,,c,", "ö,ä"] {
            let pieces: Vec<Text> = Text::from(line).split_on(',').collect();
            assert_eq!(
                pieces,
                line.split(',').map(Text::from).collect::<Vec<_>>(),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_detached_word_lets_go_of_its_batch() {
        let batch = Rc::new(b"tinder and spark".to_vec());
        let line = Text {
            bytes: Bytes::of_batch(&batch, 0..16),
        };
        let mut word = line.clone().words().nth(2).expect("three words");
        assert_eq!(Rc::strong_count(&batch), 3);
        word.detach();
        assert_eq!((word.as_str(), Rc::strong_count(&batch)), ("spark", 2));
    }

    #[test]
    fn a_text_decoded_from_a_batch_shares_it() {
        let batch = Rc::new(to_bytes(&Text::from("spark")));
        let text = Text::decode(&mut Input::of_batch(&batch, 0)).expect("a text");
        assert_eq!((text.as_str(), Rc::strong_count(&batch)), ("spark", 2));
        assert_eq!(from_bytes::<String>(&batch), Ok("spark".to_owned()));
        assert!(from_bytes::<Text>(&[2, 0xC3, 0x28]).is_err());
    }
}
