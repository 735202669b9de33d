//! A task's log, in lines.

/// A line that is longer is handed on in pieces.
const LINE_BYTES_MAX: usize = 64 << 10;

/// What was printed since the last line end: a program prints in pieces, and a log has lines.
#[derive(Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    /// Takes in a piece, and gives what is whole lines by now.
    pub(super) fn complete(&mut self, piece: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(piece);
        let end = match self.0.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if self.0.len() > LINE_BYTES_MAX => self.0.len(),
            None => 0,
        };
        self.0.drain(..end).collect()
    }

    /// Gives what is left, at the end.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}
