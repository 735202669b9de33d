//! Whether bytes are what their name says: components and pages are named by their hashes.

use std::collections::VecDeque;

use wire::{Bulk, Content, Fetch, Hash, PAGE_BYTES};

use crate::Error;

/// Returns whether this is what was asked for, by its header.
pub(super) fn answers(fetch: &Fetch, bulk: &Bulk) -> bool {
    match (fetch, &bulk.content) {
        (Fetch::Pages { pages, .. }, Content::Pages) => {
            bulk.length == pages.len() as u64 * PAGE_BYTES
        }
        (Fetch::Component { hash: asked }, Content::Component { hash }) => asked == hash,
        (Fetch::Block { block: asked, .. }, Content::Block(block)) => asked == block,
        (Fetch::Buckets { outputs, .. }, Content::Buckets { lengths }) => {
            outputs.len() == lengths.len()
        }
        _ => false,
    }
}

/// How much is hashed at a time: hashing wants more than a datagram to be fast.
const GATHERED: usize = 64 << 10;

/// Hashes what comes, and compares with the names.
#[derive(Debug)]
pub(super) struct Named {
    /// Of what is still to come, in order.
    names: VecDeque<Hash>,
    /// How many bytes each names.
    each: u64,
    /// How many of the first have come.
    bytes: u64,
    /// Of these, what is not hashed yet.
    gathered: Vec<u8>,
    /// Two kilobytes, which nobody wants to move.
    hasher: Box<blake3::Hasher>,
}

impl Named {
    /// What came unasked has a name if it is a component.
    pub(super) fn new(bulk: &Bulk, asked: Option<Fetch>) -> Self {
        let (names, each) = match (&bulk.content, asked) {
            (Content::Component { hash }, _) => (VecDeque::from([*hash]), bulk.length),
            (_, Some(Fetch::Pages { pages, .. })) => (pages.into(), PAGE_BYTES),
            _ => (VecDeque::new(), 0),
        };
        Self {
            names,
            each,
            bytes: 0,
            gathered: Vec::new(),
            hasher: Box::default(),
        }
    }

    /// Takes in the next bytes.
    pub(super) fn update(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !self.names.is_empty() && !bytes.is_empty() {
            let left = usize::try_from(self.each - self.bytes).unwrap_or(usize::MAX);
            let (these, rest) = bytes.split_at(left.min(bytes.len()));
            self.gathered.extend_from_slice(these);
            self.bytes += these.len() as u64;
            bytes = rest;
            if self.gathered.len() >= GATHERED {
                self.hash();
            }
            if self.bytes == self.each {
                self.compare()?;
            }
        }
        Ok(())
    }

    /// Everything has come: only what has no bytes is still to be compared.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if self.names.is_empty() {
            return Ok(());
        }
        self.compare()
    }

    fn hash(&mut self) {
        self.hasher.update(&self.gathered);
        self.gathered.clear();
    }

    fn compare(&mut self) -> Result<(), Error> {
        self.hash();
        let hash = self.hasher.finalize();
        self.hasher.reset();
        self.bytes = 0;
        if self.names.pop_front().is_none_or(|name| hash == name) {
            return Ok(());
        }
        Err(Error::WrongHash)
    }
}
