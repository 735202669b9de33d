//! Text that costs no allocation: short ones lie in place, longer ones share the batch they were read in.
//!
//! Cutting a batch into lines and lines into words copies at most [`INLINE_MAX`] bytes each; keeping a longer piece
//! keeps its whole batch, until it is detached.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::rc::Rc;

use crate::bytes::{Bytes, ends};
use crate::record::{Input, Malformed, Record, write_length};

/// The longest text that lies in place, in bytes: with it a text takes 16 bytes in WebAssembly, and few words are longer.
const INLINE_MAX: usize = 14;

/// A piece of text, cheap to clone: a line of a file or a word of it.
///
/// It reads, compares and hashes as the `str` that it is.
#[derive(Clone)]
pub struct Text {
    place: Place,
}

/// Where the bytes are, which are always UTF-8.
#[derive(Clone)]
enum Place {
    /// Here; what is behind the length is zero.
    Inline { length: u8, bytes: [u8; INLINE_MAX] },
    /// In a batch.
    Shared(Bytes),
}

impl Place {
    /// A copy of what is at `range`, if it is short enough.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "at most INLINE_MAX")]
    fn inline(bytes: &[u8], range: Range<usize>) -> Option<Self> {
        let length = range.len();
        if length > INLINE_MAX {
            return None;
        }
        // So many bytes at once are two moves, where their true number would be a call.
        let window = match bytes.get(range.start..).and_then(|rest| rest.first_chunk()) {
            Some(window) => *window,
            None => {
                let mut window = [0; INLINE_MAX];
                window
                    .iter_mut()
                    .zip(&bytes[range])
                    .for_each(|(to, from)| *to = *from);
                window
            }
        };
        Some(Self::Inline {
            length: length as u8,
            bytes: first(window, length),
        })
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Self::Shared(bytes) => bytes,
        }
    }
}

/// The first `length` of the bytes, the rest as zero. It has no branch: the lengths of words cannot be predicted.
#[inline]
fn first(window: [u8; INLINE_MAX], length: usize) -> [u8; INLINE_MAX] {
    let mut wide = [0; 16];
    wide[..INLINE_MAX].copy_from_slice(&window);
    let kept = u128::from_le_bytes(wide) & !(u128::MAX << (8 * length));
    let mut bytes = [0; INLINE_MAX];
    bytes.copy_from_slice(&kept.to_le_bytes()[..INLINE_MAX]);
    bytes
}

impl Text {
    /// The text, where it is.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "checking each word again would cost more than counting it"
    )]
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes whole characters of UTF-8: `From` all of a string, `decode` bytes that it has
        // checked; `of_piece` and `of_range`, private to this crate, cut a `String`'s bytes at line ends and a text at
        // characters.
        unsafe { std::str::from_utf8_unchecked(self.place.bytes()) }
    }

    /// The text as a string of its own.
    #[expect(
        clippy::inherent_to_string_shadow_display,
        reason = "gives the same, without the machinery of formatting"
    )]
    pub fn to_string(&self) -> String {
        self.as_str().to_owned()
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
        let inline = Place::inline(piece, range.clone());
        Self {
            place: inline.unwrap_or_else(|| Place::Shared(Bytes::of_batch(piece, range))),
        }
    }

    /// A piece of it; both ends are at characters.
    #[inline]
    fn of_range(&self, range: Range<usize>) -> Self {
        debug_assert!(self.is_char_boundary(range.start) && self.is_char_boundary(range.end));
        let shared = |range| match &self.place {
            Place::Shared(bytes) => Place::Shared(bytes.of_range(range)),
            Place::Inline { .. } => unreachable!("a piece is no longer than its whole"),
        };
        let inline = Place::inline(self.place.bytes(), range.clone());
        Self {
            place: inline.unwrap_or_else(|| shared(range)),
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
        let inline = Place::inline(text.as_bytes(), 0..text.len());
        Self {
            place: inline.unwrap_or_else(|| Place::Shared(Bytes::from(text.into_bytes()))),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from(String::new())
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (
                Place::Inline {
                    length: a,
                    bytes: these,
                },
                Place::Inline {
                    length: b,
                    bytes: those,
                },
            ) => a == b && ends::<8>(these) == ends::<8>(those),
            // A text of any one length is always in the same kind of place.
            (Place::Shared(these), Place::Shared(those)) => these == those,
            _ => false,
        }
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
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
        write_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let bytes = Bytes::decode(input)?;
        if std::str::from_utf8(&bytes).is_err() {
            return Err(Malformed::of("UTF-8"));
        }
        let inline = Place::inline(&bytes, 0..bytes.len());
        Ok(Self {
            place: inline.unwrap_or(Place::Shared(bytes)),
        })
    }

    fn detach(&mut self) {
        if let Place::Shared(bytes) = &mut self.place {
            bytes.detach();
        }
    }
}

/// The words of a [`Text`].
#[derive(Clone, Debug)]
pub struct Words {
    text: Text,
    at: usize,
}

impl Words {
    /// Where the white space that begins at `at` ends.
    #[inline]
    fn skip_white(text: &str, mut at: usize) -> usize {
        while let Some(byte) = text.as_bytes().get(at) {
            match character(*byte) {
                Character::White => at += 1,
                Character::Black => break,
                Character::Wide => match text[at..].chars().next() {
                    Some(wide) if wide.is_whitespace() => at += wide.len_utf8(),
                    _ => break,
                },
            }
        }
        at
    }

    /// Where the word that begins at `at` ends.
    #[inline]
    fn skip_word(text: &str, mut at: usize) -> usize {
        while let Some(byte) = text.as_bytes().get(at) {
            match character(*byte) {
                Character::Black => at += 1,
                Character::White => break,
                Character::Wide => match text[at..].chars().next() {
                    Some(wide) if !wide.is_whitespace() => at += wide.len_utf8(),
                    _ => break,
                },
            }
        }
        at
    }
}

/// What a character is, as far as its first byte tells.
#[derive(PartialEq, Eq)]
enum Character {
    /// White space in the sense of `char::is_whitespace`.
    White,
    /// Another one of ASCII.
    Black,
    /// One of several bytes.
    Wide,
}

#[inline]
fn character(byte: u8) -> Character {
    if byte.wrapping_sub(b'!') <= 0x7f - b'!' {
        Character::Black
    } else if byte == b' ' || byte.wrapping_sub(b'\t') < 5 {
        Character::White
    } else if byte.is_ascii() {
        Character::Black
    } else {
        Character::Wide
    }
}

impl Iterator for Words {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        let start = Self::skip_white(&self.text, self.at);
        self.at = Self::skip_word(&self.text, start);
        (start < self.at).then(|| self.text.of_range(start..self.at))
    }

    /// Looks the text up once, not once a word.
    fn fold<B, F: FnMut(B, Text) -> B>(self, start: B, mut f: F) -> B {
        let text = self.text.as_str();
        let mut value = start;
        let mut at = self.at;
        loop {
            let start = Self::skip_white(text, at);
            at = Self::skip_word(text, start);
            if start == at {
                return value;
            }
            value = f(value, self.text.of_range(start..at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash_of;
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
        assert!(
            (0..128u8)
                .all(|byte| (character(byte) == Character::White)
                    == char::from(byte).is_whitespace())
        );
        assert!((128..=255u8).all(|byte| character(byte) == Character::Wide));
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

    /// A word that does not fit in place.
    const LONG: &str = "incombustibilities";

    #[test]
    fn a_detached_word_lets_go_of_its_batch() {
        let batch = Rc::new(format!("tinder and {LONG}").into_bytes());
        let line = Text::of_piece(&batch, 0..batch.len());
        let mut words: Vec<Text> = line.words().collect();
        assert_eq!(Rc::strong_count(&batch), 2, "short words hold nothing");
        words[2].detach();
        assert_eq!((words[2].as_str(), Rc::strong_count(&batch)), (LONG, 1));
    }

    #[test]
    fn a_long_text_decoded_from_a_batch_shares_it() {
        let batch = Rc::new(to_bytes(&Text::from(LONG)));
        let text = Text::decode(&mut Input::of_batch(&batch, 0)).expect("a text");
        assert_eq!((text.as_str(), Rc::strong_count(&batch)), (LONG, 2));
        assert_eq!(from_bytes::<String>(&batch), Ok(LONG.to_owned()));
        assert!(from_bytes::<Text>(&[2, 0xC3, 0x28]).is_err());
    }

    #[test]
    fn texts_of_every_length_compare_and_hash_as_strings() {
        let strings: Vec<String> = (0..40)
            .flat_map(|length| {
                [b'a', b'b'].map(|last| {
                    let mut bytes = vec![b'a'; length];
                    bytes.extend([last]);
                    String::from_utf8(bytes).expect("ASCII")
                })
            })
            .collect();
        let texts: Vec<Text> = strings
            .iter()
            .map(|string| Text::from(string.as_str()))
            .collect();
        for (a, text_a) in strings.iter().zip(&texts) {
            assert_eq!(hash_of(text_a), hash_of(a));
            assert_eq!(text_a.to_string(), *a);
            for (b, text_b) in strings.iter().zip(&texts) {
                assert_eq!((text_a == text_b, text_a.cmp(text_b)), (a == b, a.cmp(b)));
            }
        }
    }
}
