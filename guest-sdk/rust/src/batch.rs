//! Batches: the unit in which records cross to the host and back.
//!
//! A batch is its number of records as four bytes, then the records. Batches can be put one behind the other.

use std::rc::Rc;

use crate::error::{Error, ErrorKind, Result};
use crate::reader::Reader;
use crate::record::{Input, Malformed, Record};
use crate::stream::Records;
use crate::task;

/// How large a batch grows before it is handed over, in bytes.
///
/// Large enough that crossing costs little a record, small enough that a bucket of each of many partitions fits in a
/// task's memory.
pub(crate) const BATCH_BYTES: usize = 128 << 10;

const COUNT_BYTES: usize = 4;

/// How records of a type become batches and come back, for those who cannot name the trait.
pub(crate) struct Codec<T> {
    pub(crate) offer: Offer<T>,
    pub(crate) decode_all: DecodeAll<T>,
}

/// [`offer`] for some type.
pub(crate) type Offer<T> = fn(&mut Records<'_, T>, &mut Take<'_>) -> Result<Option<Vec<u8>>>;

/// Takes a batch; false if it does not.
pub(crate) type Take<'a> = dyn FnMut(&[u8]) -> Result<bool> + 'a;

/// [`Record::decode_all`] of some type.
pub(crate) type DecodeAll<T> = fn(usize, &mut Input<'_>, &mut Vec<T>) -> Result<(), Malformed>;

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Codec<T> {}

/// Hands over records in batches, to their end or until a batch is not taken. That one is returned; the records behind it
/// are still to come.
pub(crate) fn offer<T: Record>(
    records: &mut Records<'_, T>,
    take: &mut Take<'_>,
) -> Result<Option<Vec<u8>>> {
    let mut batch = Batch::default();
    for record in records {
        batch.push(|out| record.encode(out));
        if batch.len() >= BATCH_BYTES {
            if !take(batch.finish())? {
                return Ok(Some(batch.into_bytes()));
            }
            batch.clear();
        }
    }
    if batch.len() > 0 && !take(batch.finish())? {
        return Ok(Some(batch.into_bytes()));
    }
    Ok(None)
}

/// A batch that is being filled.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    count: u32,
}

impl Batch {
    #[inline]
    pub(crate) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.count == 0 {
            self.bytes.resize(COUNT_BYTES, 0);
        }
        encode(&mut self.bytes);
        self.count += 1;
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes so far, which are none where there are no records.
    pub(crate) fn finish(&mut self) -> &[u8] {
        if let Some(count) = self.bytes.first_chunk_mut() {
            *count = self.count.to_le_bytes();
        }
        &self.bytes
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.finish();
        self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// Hands over what is there, if anything, and starts anew.
    pub(crate) fn flush(&mut self, write: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let written = write(self.finish());
        self.clear();
        written
    }
}

/// Appends the records of batches that have all arrived.
pub(crate) fn decode_into<T: Record>(bytes: &[u8], records: &mut Vec<T>) -> Result<()> {
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let count = u32::from_le_bytes(input.take_array()?);
        T::decode_all(count as usize, &mut input, records)?;
    }
    Ok(())
}

/// Where batches come from: each answer is one or more of them, and empty at the end.
pub(crate) type Source<'a> = Box<dyn FnMut() -> Result<Vec<u8>> + 'a>;

/// The batches of a shuffle or a block.
pub(crate) fn of_reader<'a>(reader: u32) -> Source<'a> {
    let mut reader = Some(Reader::new(reader));
    Box::new(move || {
        let read = reader
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), Reader::read_bytes);
        let batch = read.map_err(Error::from_host)?;
        if batch.is_empty() {
            reader = None;
        }
        Ok(batch)
    })
}

/// How much of a batch is decoded at once, in bytes of the records: little enough to stay in the first-level cache.
const DECODED_BYTES: usize = 4 << 10;

/// The records of batches. Where one cannot be read, the records end and the task fails with the reason.
pub(crate) struct Decoded<'a, T> {
    source: Source<'a>,
    decode_all: DecodeAll<T>,
    batch: Rc<Vec<u8>>,
    at: usize,
    /// Records that are left in the current batch.
    left: usize,
    /// Where a record is that is asked for by itself. It is empty between two calls.
    pulled: Vec<T>,
}

impl<'a, T> Decoded<'a, T> {
    pub(crate) fn new(source: Source<'a>, decode_all: DecodeAll<T>) -> Self {
        Self {
            source,
            decode_all,
            batch: Rc::default(),
            at: 0,
            left: 0,
            pulled: Vec::new(),
        }
    }

    /// Moves to the next record, however many batches it takes; false at the end.
    fn advance(&mut self) -> Result<bool> {
        while self.left == 0 {
            if self.at == self.batch.len() {
                self.at = 0;
                // Gives back its memory first, so that the next batch lands in the same, which is in a cache.
                self.batch = Rc::default();
                let bytes = (self.source)()?;
                if bytes.is_empty() {
                    return Ok(false);
                }
                self.batch = Rc::new(bytes);
            }
            let mut input = Input::of_batch(&self.batch, self.at);
            self.left = u32::from_le_bytes(input.take_array().map_err(corrupt)?) as usize;
            self.at = input.position();
        }
        Ok(true)
    }

    /// Appends some more records to a list, [`DECODED_MAX`](Self::DECODED_MAX) at most; false if there are none.
    pub(crate) fn decode_into(&mut self, records: &mut Vec<T>) -> bool {
        self.try_decode(Self::DECODED_MAX, records)
    }

    /// How many records are decoded at once.
    pub(crate) const DECODED_MAX: usize = match DECODED_BYTES.checked_div(size_of::<T>()) {
        Some(0) => 1,
        Some(count) => count,
        None => DECODED_BYTES,
    };

    /// Where the records cannot be read, they end and the task fails.
    fn try_decode(&mut self, count: usize, records: &mut Vec<T>) -> bool {
        let before = records.len();
        self.decode(count, records).unwrap_or_else(|error| {
            task::fail(error);
            records.truncate(before);
            self.end();
            false
        })
    }

    /// Decodes at most so many records of the current batch, or of the next.
    fn decode(&mut self, count: usize, records: &mut Vec<T>) -> Result<bool> {
        let more = self.advance()?;
        let count = count.min(self.left);
        let mut input = Input::of_batch(&self.batch, self.at);
        (self.decode_all)(count, &mut input, records).map_err(corrupt)?;
        self.at = input.position();
        self.left -= count;
        Ok(more)
    }

    /// Ends the records for good.
    fn end(&mut self) {
        self.source = Box::new(|| Ok(Vec::new()));
        self.left = 0;
        self.at = self.batch.len();
    }
}

fn corrupt(malformed: Malformed) -> Error {
    Error::of(ErrorKind::Io, malformed)
}

impl<T> Iterator for Decoded<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let mut pulled = std::mem::take(&mut self.pulled);
        self.try_decode(1, &mut pulled);
        let record = pulled.pop();
        self.pulled = pulled;
        record
    }

    fn fold<B, F: FnMut(B, T) -> B>(mut self, start: B, mut f: F) -> B {
        let (mut value, mut decoded) = (start, Vec::new());
        while self.decode_into(&mut decoded) {
            value = decoded.drain(..).fold(value, &mut f);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    type Pair = [f64; 2];

    fn pairs() -> impl Iterator<Item = Pair> {
        (0..30_000).map(|number| [f64::from(number), -f64::from(number)])
    }

    fn encode(mut records: Records<'_, Pair>) -> VecDeque<Vec<u8>> {
        let mut batches = VecDeque::new();
        let mut take = |batch: &[u8]| {
            batches.push_back(batch.to_vec());
            Ok(true)
        };
        assert_eq!(offer(&mut records, &mut take).unwrap(), None);
        batches
    }

    fn decoded<'a>(mut batches: VecDeque<Vec<u8>>) -> Records<'a, Pair> {
        let source = Box::new(move || Ok(batches.pop_front().unwrap_or_default()));
        Records::of_batches(Decoded::new(source, Pair::decode_all))
    }

    #[test]
    fn records_come_back_in_order_whether_they_are_pulled_or_pushed() {
        let batches = encode(Records::new(pairs()));
        assert!(batches.len() > 2, "several batches");
        for pulled in [0, 1, 300, 20_000, 30_000] {
            let mut records = decoded(batches.clone());
            let mut found: Vec<Pair> = records.by_ref().take(pulled).collect();
            records.for_each(|pair| found.push(pair));
            assert!(found.into_iter().eq(pairs()), "{pulled} pulled");
        }
        assert_eq!(decoded(batches).fold(0, |count, _| count + 1), 30_000);
        assert_eq!(decoded(VecDeque::new()).next(), None);
    }

    #[test]
    fn batches_may_come_one_behind_the_other() {
        let together: Vec<u8> = encode(Records::new(pairs()))
            .into_iter()
            .flatten()
            .collect();
        let found: Vec<Pair> = decoded(VecDeque::from([together])).collect();
        assert!(found.into_iter().eq(pairs()));
    }

    #[test]
    fn nothing_is_lost_when_a_batch_is_not_taken() {
        for taken in 0..3 {
            let (mut records, mut batches) = (Records::new(pairs()), VecDeque::new());
            let mut take = |batch: &[u8]| {
                let room = batches.len() < taken;
                if room {
                    batches.push_back(batch.to_vec());
                }
                Ok(room)
            };
            let refused = offer(&mut records, &mut take).unwrap().unwrap();
            assert_eq!(batches.len(), taken);
            batches.push_back(refused);
            assert!(decoded(batches).chain(records).eq(pairs()));
        }
    }

    #[test]
    fn a_damaged_batch_ends_the_records_and_fails_the_task() {
        let batches = encode(Records::new(pairs()));
        let whole = batches[0].len();
        for length in [3, 4, 5, 5_000, whole - 1] {
            let mut damaged = batches.clone();
            damaged[0].truncate(length);
            let count = decoded(damaged.clone()).fold(0, |count, _| count + 1);
            assert!(count * size_of::<Pair>() < whole, "{length}");
            assert!(task::check().is_err(), "{length}, pushed");
            let mut records = decoded(damaged);
            assert!(
                records
                    .by_ref()
                    .eq(pairs().take(length.saturating_sub(4) / 16))
            );
            assert_eq!(records.next(), None, "the end is the end");
            assert!(task::check().is_err(), "{length}, pulled");
        }
    }
}
