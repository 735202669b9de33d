//! What is wrong with bytes, or with a message that is to become bytes.

use thiserror::Error;

/// Why bytes are not a message, or a message cannot be bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The frame says that it is longer than frames may be.
    #[error("a frame of {bytes} bytes, {limit} are allowed")]
    FrameTooLong {
        /// Its length.
        bytes: u64,
        /// The limit of the reader, or of the writer.
        limit: u32,
    },
    /// There are fewer bytes than the least that could be one.
    #[error("{bytes} bytes are too few for {what}")]
    TooShort {
        /// What was expected.
        what: &'static str,
        /// How many there are.
        bytes: usize,
    },
    /// An envelope is neither a tell nor an ask nor an answer.
    #[error("an envelope of unknown kind {0}")]
    UnknownKind(u8),
    /// This version has no such message.
    #[error("an unknown message {group}.{number}")]
    UnknownMessage {
        /// The first byte: to whom it is.
        group: u8,
        /// The second byte.
        number: u8,
    },
    /// The bytes are not what the message's type looks like.
    #[error("a malformed `{message}`")]
    Malformed {
        /// The message's name.
        message: &'static str,
    },
    /// The message says what cannot be.
    #[error("an invalid `{message}`: {invalid}")]
    Invalid {
        /// The message's name.
        message: &'static str,
        /// What is wrong with it.
        invalid: Invalid,
    },
    /// The bytes of a bulk transfer are not those that were sent.
    #[error("a transfer of {bytes} bytes that arrived with a wrong checksum")]
    WrongChecksum {
        /// How many there were.
        bytes: u64,
    },
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// A text or name is too long.
    #[error("a text of {bytes} bytes, {limit} are allowed")]
    TextTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A name holds a character that would garble a log or a path.
    #[error("a name with a control character")]
    ControlCharacter,
    /// A list is too long.
    #[error("a list of {length}, {limit} are allowed")]
    ListTooLong {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A page table names a page that the image does not have, or one twice, or out of order.
    #[error("a page table that names page {page} of {pages} wrongly")]
    PageTable {
        /// The page.
        page: u64,
        /// How many pages there are.
        pages: u64,
    },
    /// What comes with a page table is not whole pages of it.
    #[error("{bytes} bytes of pages, where whole ones of {bytes_max} bytes may come")]
    PageBytes {
        /// How many bytes came.
        bytes: u64,
        /// Those of all its pages.
        bytes_max: u64,
    },
    /// A memory is not whole pages, or more than WebAssembly can have.
    #[error("a memory of {0} bytes")]
    MemoryBytes(u64),
    /// The parts of a transfer do not add up to its length.
    #[error("a transfer of {length} bytes whose parts add up to {sum}")]
    Parts {
        /// The length.
        length: u64,
        /// The sum.
        sum: u64,
    },
    /// A duration cannot be written.
    #[error("a duration too long")]
    Duration,
}

impl Invalid {
    /// Names the message that it is wrong with.
    pub(crate) const fn of(self, message: &'static str) -> Error {
        Error::Invalid {
            message,
            invalid: self,
        }
    }
}
