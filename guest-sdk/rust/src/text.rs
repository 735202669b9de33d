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
    #[inline(always)]
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

    /// All the bytes where they are, and at which of them they begin.
    #[inline]
    fn surroundings(&self) -> (&[u8], usize) {
        match self {
            Self::Inline { bytes, .. } => (bytes, 0),
            Self::Shared(bytes) => bytes.surroundings(),
        }
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
    let mut words = [[0; 8]; 2];
    words.as_flattened_mut()[..INLINE_MAX].copy_from_slice(&window);
    let keep = |word, length| u64::to_le_bytes(u64::from_le_bytes(word) & low_bytes(length));
    let [low, high] = words;
    words = [keep(low, length), keep(high, length.saturating_sub(8))];
    let mut bytes = [0; INLINE_MAX];
    bytes.copy_from_slice(&words.as_flattened()[..INLINE_MAX]);
    bytes
}

/// The lowest so many bytes of a word, at most all.
#[inline]
fn low_bytes(count: usize) -> u64 {
    if count < 8 {
        !(u64::MAX << (8 * count))
    } else {
        u64::MAX
    }
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
    #[inline]
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
        let (bytes, at) = self.place.surroundings();
        match Place::inline(bytes, at + range.start..at + range.end) {
            Some(place) => Self { place },
            None => self.of_long_range(range),
        }
    }

    #[cold]
    fn of_long_range(&self, range: Range<usize>) -> Self {
        match &self.place {
            Place::Shared(bytes) => Self {
                place: Place::Shared(bytes.of_range(range)),
            },
            Place::Inline { .. } => unreachable!("a piece is no longer than its whole"),
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
        let inline = Place::inline(text.as_bytes(), 0..text.len());
        Self {
            place: inline.unwrap_or_else(|| Place::Shared(Bytes::from(text.as_bytes().to_vec()))),
        }
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

    #[inline]
    fn touch(&self) -> u8 {
        match &self.place {
            Place::Shared(bytes) => bytes.touch(),
            _ => 0,
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
    #[inline(always)]
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
    #[inline(always)]
    fn skip_word(text: &str, mut at: usize) -> usize {
        loop {
            at = skip_visible(text.as_bytes(), at);
            match text.as_bytes().get(at).map(|byte| character(*byte)) {
                Some(Character::Black) => at += 1,
                Some(Character::White) | None => return at,
                Some(Character::Wide) => match text[at..].chars().next() {
                    Some(wide) if !wide.is_whitespace() => at += wide.len_utf8(),
                    _ => return at,
                },
            }
        }
    }
}

/// Where the characters of ASCII that can be seen may end, from `at` on: eight bytes at a time.
#[inline]
fn skip_visible(bytes: &[u8], mut at: usize) -> usize {
    const EACH: u64 = u64::MAX / 0xff;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        // A byte's upper bit: it is not of ASCII, or below `!` (or behind one that is, of which only the first counts).
        let others = (word | word.wrapping_sub(EACH * u64::from(b'!'))) & (EACH * 0x80);
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
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
        let (bytes, first) = self.text.place.surroundings();
        let mut value = start;
        let mut at = self.at;
        loop {
            let start = Self::skip_white(text, at);
            at = Self::skip_word(text, start);
            if start == at {
                return value;
            }
            let word = match Place::inline(bytes, first + start..first + at) {
                Some(place) => Text { place },
                None => self.text.of_long_range(start..at),
            };
            value = f(value, word);
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
