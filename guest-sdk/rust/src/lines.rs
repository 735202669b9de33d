//! The lines of files: cut from the pieces in which the host hands over text, where they are.

use std::rc::Rc;

use memchr::memchr_iter;

use crate::host::{self, Split};
use crate::lineage::Parent;
use crate::rdd::Operation;
use crate::reader::Reader;
use crate::source::Pieces;
use crate::stream::{Records, Stream};
use crate::text::Text;

/// The lines of files.
pub(crate) struct Lines {
    pub(crate) splits: Vec<Split>,
}

impl Operation for Lines {
    type Item = Text;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, Text> {
        let pieces = Pieces::of(
            &self.splits,
            partition,
            host::open_lines,
            Reader::read_lines,
        );
        Records::of_stream(SplitLines {
            pieces,
            piece: LinesOf::default(),
        })
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

/// The lines of a split. It is no iterator, because it can be counted without making a line of each.
struct SplitLines {
    pieces: Pieces,
    /// What is being read.
    piece: LinesOf,
}

impl Stream<Text> for SplitLines {
    fn pull(&mut self) -> Option<Text> {
        loop {
            if let Some(line) = self.piece.next() {
                return Some(line);
            }
            self.piece = LinesOf::new(self.pieces.next()?);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }

    fn drain(self: Box<Self>, sink: &mut dyn FnMut(Text)) {
        let Self { pieces, piece } = *self;
        piece.for_each(&mut *sink);
        pieces.for_each(|piece| LinesOf::new(piece).for_each(&mut *sink));
    }

    fn count(self: Box<Self>) -> u64 {
        let Self { pieces, piece } = *self;
        let counts = pieces.map(|piece| LinesOf::new(piece).count() as u64);
        piece.count() as u64 + counts.sum::<u64>()
    }
}

/// The lines of a piece, without their ends. Only the last line of a file may have none.
#[derive(Default)]
struct LinesOf {
    piece: Rc<Vec<u8>>,
    at: usize,
}

impl LinesOf {
    fn new(piece: Rc<Vec<u8>>) -> Self {
        Self { piece, at: 0 }
    }

    /// The line up to the line end at `end`, and what comes behind.
    #[inline]
    fn line(&mut self, end: usize) -> Text {
        let start = std::mem::replace(&mut self.at, end + 1);
        let end = match self.piece[start..end].ends_with(b"\r") {
            true => end - 1,
            false => end,
        };
        Text::of_piece(&self.piece, start..end)
    }

    /// What is behind the last line end.
    fn unended(&mut self) -> Option<Text> {
        let start = self.at;
        self.at = self.piece.len();
        (start < self.at).then(|| Text::of_piece(&self.piece, start..self.at))
    }
}

impl Iterator for LinesOf {
    type Item = Text;

    #[inline]
    fn next(&mut self) -> Option<Text> {
        let rest = self.piece.get(self.at..)?;
        match memchr::memchr(b'\n', rest) {
            Some(length) => Some(self.line(self.at + length)),
            None => self.unended(),
        }
    }

    #[inline]
    fn fold<B, F: FnMut(B, Text) -> B>(mut self, start: B, mut f: F) -> B {
        let piece = Rc::clone(&self.piece);
        let from = self.at;
        let ends = memchr_iter(b'\n', piece.get(from..).unwrap_or_default());
        let whole = ends.fold(start, |so_far, end| f(so_far, self.line(from + end)));
        match self.unended() {
            Some(last) => f(whole, last),
            None => whole,
        }
    }

    fn count(self) -> usize {
        let rest = self.piece.get(self.at..).unwrap_or_default();
        memchr_iter(b'\n', rest).count() + usize::from(!rest.is_empty() && !rest.ends_with(b"\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;
    use crate::host::fake::with;

    #[test]
    fn lines_are_pulled_pushed_and_counted_alike() {
        for text in [
            "",
            "\n",
            "\n\n",
            "a",
            "a\n",
            "a\r\n",
            "a\r",
            "\r\n",
            "a\nb",
            "a\r\nb\r\n\nc",
        ] {
            let lines = || LinesOf::new(Rc::new(text.into()));
            let pulled: Vec<Text> = std::iter::from_fn({
                let mut lines = lines();
                move || lines.next()
            })
            .collect();
            let mut pushed = Vec::new();
            lines().for_each(|line| pushed.push(line));
            let expected: Vec<&str> = text.lines().collect();
            assert_eq!(
                pulled.iter().map(|line| &**line).collect::<Vec<_>>(),
                expected,
                "{text:?}"
            );
            assert_eq!(pushed, pulled, "{text:?}");
            assert_eq!(lines().count(), pulled.len(), "{text:?}");
            let mut begun = lines();
            begun.next();
            assert_eq!(begun.count(), pulled.len().saturating_sub(1), "{text:?}");
        }
    }

    #[test]
    fn lines_that_are_counted_are_those_that_are_read() {
        let cx = Context::new();
        let text: String = (0..100)
            .map(|n| format!("{}\n", "x".repeat(n % 7)))
            .collect();
        with(|host| host.files.insert("in".into(), (text + "end").into_bytes()));
        let lines = cx.text_file_in("in", 3).unwrap();
        let all = lines.collect().unwrap().len() as u64;
        assert_eq!((lines.count().unwrap(), all), (101, 101));
        assert_eq!(lines.take(1000).unwrap().len(), 101);
        let beginning = cx.run_job(&lines, [0], |mut records| {
            records.next();
            records.count() as u64
        });
        let first = cx.run_job(&lines, [0], |records| records.count() as u64);
        assert_eq!(beginning.unwrap()[0] + 1, first.unwrap()[0]);
    }
}
