//! Shuffle files: one for each map attempt, read by nobody until the attempt is committed.
//!
//! ```text
//! file  = batch* index footer
//! index = (bucket u32, checksum u32, length u64, offset u64)*   by bucket, then by order of writing
//! footer = entries u64, checksum of the index u32, magic u32     all little-endian
//! ```
//!
//! Batches go to the file as they come, so a map task needs no memory for what it has written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use scheduler::{AttemptId, BucketSizes, ShuffleId};

use crate::{Error, Result};

/// Marks a whole file, and its format.
const MAGIC: u32 = u32::from_le_bytes(*b"TBS1");
const FOOTER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 24;

/// What is joined into one read: small batches would cost a call into the guest each.
const READ_BYTES: u64 = 256 << 10;

/// Where one batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    bucket: u32,
    checksum: u32,
    length: u64,
    offset: u64,
}

/// Batches that lie in one entry of the index: a program that writes them one byte at a time must not fill the host's memory.
const ENTRY_BYTES_MAX: u64 = READ_BYTES;

/// Entries of one file, 24 bytes of memory each.
const ENTRIES_MAX: usize = 1 << 20;

/// Writes the file of one map attempt. Dropped without [`MapOutputWriter::finish`], the file goes.
#[derive(Debug)]
pub struct MapOutputWriter {
    path: PathBuf,
    file: BufWriter<File>,
    buckets: u32,
    index: Vec<Entry>,
    offset: u64,
    finished: bool,
}

impl MapOutputWriter {
    /// Adds a batch to a bucket.
    ///
    /// # Errors
    ///
    /// If the shuffle has no such bucket, or the batch cannot be written: a full disk, say.
    pub fn write(&mut self, bucket: u32, batch: &[u8]) -> Result<()> {
        if bucket >= self.buckets {
            let buckets = self.buckets;
            return Err(Error::Invalid(format!(
                "the shuffle has {buckets} buckets, there is no bucket {bucket}"
            )));
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.note(bucket, batch)?;
        self.offset += batch.len() as u64;
        self.file
            .write_all(batch)
            .map_err(Error::io("write", &self.path))
    }

    /// Notes where a batch is: with the one before it, where that is small and of the same bucket.
    fn note(&mut self, bucket: u32, batch: &[u8]) -> Result<()> {
        let length = batch.len() as u64;
        if let Some(last) = self.index.last_mut()
            && last.bucket == bucket
            && last.length + length <= ENTRY_BYTES_MAX
        {
            let mut checksum = crc32fast::Hasher::new_with_initial(last.checksum);
            checksum.update(batch);
            last.checksum = checksum.finalize();
            last.length += length;
            return Ok(());
        }
        if self.index.len() == ENTRIES_MAX {
            let message =
                "a map task may change from bucket to bucket a million times; write larger batches";
            return Err(Error::Invalid(message.into()));
        }
        self.index.push(Entry {
            bucket,
            checksum: crc32fast::hash(batch),
            length,
            offset: self.offset,
        });
        Ok(())
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Completes the file. It is still read by nobody.
    ///
    /// # Errors
    ///
    /// If it cannot be written, renamed or read back.
    pub fn finish(mut self) -> Result<FinishedMapOutput> {
        // Stable: batches of a bucket stay in order.
        self.index.sort_by_key(|entry| entry.bucket);
        let mut index = Vec::with_capacity(self.index.len() * ENTRY_BYTES);
        for entry in &self.index {
            index.extend(entry.bucket.to_le_bytes());
            index.extend(entry.checksum.to_le_bytes());
            index.extend(entry.length.to_le_bytes());
            index.extend(entry.offset.to_le_bytes());
        }
        let checksum = crc32fast::hash(&index);
        index.extend((self.index.len() as u64).to_le_bytes());
        index.extend(checksum.to_le_bytes());
        index.extend(MAGIC.to_le_bytes());
        self.file
            .write_all(&index)
            .and_then(|()| self.file.flush())
            .map_err(Error::io("write", &self.path))?;
        let whole = self.path.with_extension("map");
        fs::rename(&self.path, &whole).map_err(Error::io("rename", &self.path))?;
        self.finished = true;
        let sizes = Arc::new(BucketSizes::new(&self.sizes()));
        Ok(FinishedMapOutput {
            output: Some(MapOutput::open(whole)?),
            sizes,
        })
    }

    /// Bytes of each bucket.
    fn sizes(&self) -> Vec<u64> {
        let mut sizes = vec![0; self.buckets as usize];
        for entry in &self.index {
            sizes[entry.bucket as usize] += entry.length;
        }
        sizes
    }
}

impl Drop for MapOutputWriter {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A whole file that waits for its attempt to be committed. Dropped without that, it goes.
#[derive(Debug)]
pub struct FinishedMapOutput {
    output: Option<MapOutput>,
    sizes: Arc<BucketSizes>,
}

impl FinishedMapOutput {
    /// Returns what is in each bucket, for the scheduler.
    pub fn sizes(&self) -> Arc<BucketSizes> {
        Arc::clone(&self.sizes)
    }
}

impl Drop for FinishedMapOutput {
    fn drop(&mut self) {
        if let Some(output) = &self.output {
            let _ = fs::remove_file(&output.path);
        }
    }
}

#[derive(Debug)]
struct Shuffle {
    buckets: u32,
    /// The committed ones, by map partition.
    outputs: BTreeMap<u32, Arc<MapOutput>>,
}

/// All shuffle files of an application.
#[derive(Debug)]
pub struct ShuffleFiles {
    folder: PathBuf,
    shuffles: RwLock<BTreeMap<ShuffleId, Shuffle>>,
}

impl ShuffleFiles {
    /// Keeps the files in `folder`, which exists.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            shuffles: RwLock::default(),
        }
    }

    /// Learns of a shuffle and how many buckets it has. One that is known stays as it is.
    pub fn declare(&self, shuffle: ShuffleId, buckets: u32) {
        let outputs = BTreeMap::new();
        self.lock()
            .entry(shuffle)
            .or_insert(Shuffle { buckets, outputs });
    }

    /// Begins the file of a map attempt.
    ///
    /// # Errors
    ///
    /// If there is no such shuffle, or the file cannot be created.
    pub fn writer(&self, shuffle: ShuffleId, attempt: AttemptId) -> Result<MapOutputWriter> {
        let buckets = self.lock().get(&shuffle).map(|known| known.buckets);
        let buckets = buckets.ok_or_else(|| Error::Invalid(format!("{shuffle} is not there")))?;
        let folder = self.folder_of(shuffle);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let path = folder.join(format!("{attempt}.part"));
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        Ok(MapOutputWriter {
            path,
            file: BufWriter::with_capacity(128 << 10, file),
            buckets,
            index: Vec::new(),
            offset: 0,
            finished: false,
        })
    }

    /// Makes a finished file the output of its map partition: it is the one that is read from now on.
    pub fn commit(&self, shuffle: ShuffleId, partition: u32, mut finished: FinishedMapOutput) {
        if let Some(shuffle) = self.lock().get_mut(&shuffle) {
            let output = finished.output.take().map(Arc::new);
            shuffle
                .outputs
                .extend(output.map(|output| (partition, output)));
        }
    }

    /// Opens a bucket of a shuffle: the batches of all its map outputs, in the order of the map partitions.
    pub fn open(&self, shuffle: ShuffleId, bucket: u32) -> ShuffleReader {
        let shuffles = self.shuffles.read().unwrap_or_else(PoisonError::into_inner);
        let outputs = shuffles
            .get(&shuffle)
            .into_iter()
            .flat_map(|known| &known.outputs);
        let mut outputs: Vec<_> = outputs
            .map(|(partition, output)| (*partition, Arc::clone(output)))
            .collect();
        outputs.reverse();
        ShuffleReader {
            shuffle,
            bucket,
            outputs,
            current: Vec::new(),
        }
    }

    /// Deletes a shuffle. Whoever reads it goes on with the open files.
    pub fn remove(&self, shuffle: ShuffleId) {
        self.lock().remove(&shuffle);
        // What is left goes with the work folder.
        let _ = fs::remove_dir_all(self.folder_of(shuffle));
    }

    fn lock(&self) -> RwLockWriteGuard<'_, BTreeMap<ShuffleId, Shuffle>> {
        self.shuffles
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn folder_of(&self, shuffle: ShuffleId) -> PathBuf {
        self.folder.join(shuffle.to_string())
    }
}

/// A committed file: its index is held, its batches are read when asked for.
#[derive(Debug)]
struct MapOutput {
    path: PathBuf,
    index: Vec<Entry>,
}

impl MapOutput {
    fn open(path: PathBuf) -> Result<Self> {
        let damaged =
            || Error::Invalid(format!("`{}` is not a whole shuffle file", path.display()));
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let length = file.metadata().map_err(Error::io("read", &path))?.len();
        let footer_at = length
            .checked_sub(FOOTER_BYTES as u64)
            .ok_or_else(damaged)?;
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_at)
            .map_err(Error::io("read", &path))?;
        let (entries, checksum, magic) =
            (u64_at(&footer, 0), u32_at(&footer, 8), u32_at(&footer, 12));
        let index_bytes = entries
            .checked_mul(ENTRY_BYTES as u64)
            .ok_or_else(damaged)?;
        let index_at = footer_at.checked_sub(index_bytes).ok_or_else(damaged)?;
        let mut index = vec![0; usize::try_from(index_bytes).map_err(|_| damaged())?];
        file.read_exact_at(&mut index, index_at)
            .map_err(Error::io("read", &path))?;
        if magic != MAGIC || checksum != crc32fast::hash(&index) {
            return Err(damaged());
        }
        let index = index.chunks_exact(ENTRY_BYTES).map(Entry::read).collect();
        Ok(Self { path, index })
    }

    fn bucket(&self, bucket: u32) -> &[Entry] {
        let start = self.index.partition_point(|entry| entry.bucket < bucket);
        let end = self.index.partition_point(|entry| entry.bucket <= bucket);
        &self.index[start..end]
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Self {
        Self {
            bucket: u32_at(bytes, 0),
            checksum: u32_at(bytes, 4),
            length: u64_at(bytes, 8),
            offset: u64_at(bytes, 16),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Reads one bucket, map partition by map partition.
#[derive(Debug)]
pub struct ShuffleReader {
    shuffle: ShuffleId,
    bucket: u32,
    /// Last first.
    outputs: Vec<(u32, Arc<MapOutput>)>,
    /// What of the current output is still to be read, last first.
    current: Vec<(u32, File, Vec<Entry>)>,
}

impl ShuffleReader {
    /// The next batches; empty at the end.
    ///
    /// # Errors
    ///
    /// [`Error::FetchFailed`] if a map output is gone or damaged.
    pub fn read(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some((map_partition, file, entries)) = self.current.last_mut() {
                let (map_partition, run) = (*map_partition, take_run(entries));
                if !run.is_empty() {
                    return read_run(file, &run)
                        .map_err(|reason| self.fetch_failed(map_partition, reason));
                }
                self.current.pop();
            }
            let Some((map_partition, output)) = self.outputs.pop() else {
                return Ok(Vec::new());
            };
            let mut entries = output.bucket(self.bucket).to_vec();
            if !entries.is_empty() {
                entries.reverse();
                let file = File::open(&output.path)
                    .map_err(|error| self.fetch_failed(map_partition, error.to_string()))?;
                self.current.push((map_partition, file, entries));
            }
        }
    }

    fn fetch_failed(&self, map_partition: u32, reason: String) -> Error {
        Error::FetchFailed {
            shuffle: self.shuffle,
            map_partition,
            reason,
        }
    }
}

/// Batches that lie one behind the other, up to about [`READ_BYTES`].
fn take_run(entries: &mut Vec<Entry>) -> Vec<Entry> {
    let mut run: Vec<Entry> = Vec::new();
    let mut bytes = 0;
    while let Some(next) = entries.pop_if(|next| {
        run.last().is_none_or(|last| {
            last.offset + last.length == next.offset && bytes + next.length <= READ_BYTES
        })
    }) {
        bytes += next.length;
        run.push(next);
    }
    run
}

fn read_run(file: &File, run: &[Entry]) -> Result<Vec<u8>, String> {
    let bytes: u64 = run.iter().map(|entry| entry.length).sum();
    let mut batch = vec![0; usize::try_from(bytes).map_err(|_| "is too large".to_owned())?];
    file.read_exact_at(&mut batch, run[0].offset)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let mut rest = &batch[..];
    for entry in run {
        let length = usize::try_from(entry.length).map_err(|_| "is too large".to_owned())?;
        let (bytes, behind) = rest.split_at(length);
        if crc32fast::hash(bytes) != entry.checksum {
            return Err(format!("is damaged at offset {}", entry.offset));
        }
        rest = behind;
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHUFFLE: ShuffleId = ShuffleId(3);

    fn files() -> (tempfile::TempDir, ShuffleFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = ShuffleFiles::new(folder.path());
        files.declare(SHUFFLE, 3);
        (folder, files)
    }

    fn commit(files: &ShuffleFiles, partition: u32, attempt: u64, batches: &[(u32, &[u8])]) {
        let mut writer = files.writer(SHUFFLE, AttemptId(attempt)).unwrap();
        for (bucket, batch) in batches {
            writer.write(*bucket, batch).unwrap();
        }
        files.commit(SHUFFLE, partition, writer.finish().unwrap());
    }

    fn read(files: &ShuffleFiles, bucket: u32) -> Vec<Vec<u8>> {
        let mut reader = files.open(SHUFFLE, bucket);
        std::iter::from_fn(|| Some(reader.read().unwrap()).filter(|batch| !batch.is_empty()))
            .collect()
    }

    #[test]
    fn a_bucket_is_read_in_the_order_of_the_map_partitions() {
        let (_folder, files) = files();
        commit(&files, 1, 0, &[(0, b"later"), (1, b"x")]);
        commit(
            &files,
            0,
            1,
            &[(1, b"y"), (0, b"first "), (1, b"z"), (0, b"second")],
        );
        assert_eq!(read(&files, 0).concat(), b"first secondlater");
        assert_eq!(
            read(&files, 1),
            [b"y".to_vec(), b"z".to_vec(), b"x".to_vec()]
        );
        assert_eq!(read(&files, 2), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn the_sizes_of_the_buckets_are_told() {
        let (_folder, files) = files();
        let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
        for (bucket, batch) in [(0, &b"four"[..]), (2, b"x"), (0, b"four")] {
            writer.write(bucket, batch).unwrap();
        }
        let sizes = writer.finish().unwrap().sizes();
        assert_eq!(*sizes, BucketSizes::new(&[8, 0, 1]));
    }

    #[test]
    fn a_bucket_that_the_shuffle_does_not_have_is_refused() {
        let (_folder, files) = files();
        let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
        let error = writer.write(3, b"x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the shuffle has 3 buckets, there is no bucket 3"
        );
        assert!(files.writer(ShuffleId(99), AttemptId(0)).is_err());
    }

    #[test]
    fn small_batches_cost_the_index_nothing_each() {
        let (_folder, files) = files();
        let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
        let byte = [7];
        (0..3 * ENTRY_BYTES_MAX).for_each(|_| writer.write(1, &byte).unwrap());
        assert_eq!(writer.index.len(), 3);
        files.commit(SHUFFLE, 0, writer.finish().unwrap());
        assert_eq!(read(&files, 1).concat().len() as u64, 3 * ENTRY_BYTES_MAX);
    }

    #[test]
    fn batches_that_lie_together_are_read_together() {
        let (_folder, files) = files();
        commit(&files, 0, 0, &[(0, b"a"), (0, b"b"), (0, b"c")]);
        assert_eq!(read(&files, 0), [b"abc"]);
    }

    #[test]
    fn what_is_not_committed_is_not_seen_and_goes() {
        let (folder, files) = files();
        let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
        writer.write(0, b"lost").unwrap();
        drop(writer);
        drop(
            files
                .writer(SHUFFLE, AttemptId(1))
                .unwrap()
                .finish()
                .unwrap(),
        );
        assert!(read(&files, 0).is_empty());
        assert_eq!(
            fs::read_dir(folder.path().join(SHUFFLE.to_string()))
                .unwrap()
                .count(),
            0
        );
    }

    #[test]
    fn a_second_attempt_replaces_the_first() {
        let (_folder, files) = files();
        commit(&files, 0, 0, &[(0, b"old")]);
        commit(&files, 0, 1, &[(0, b"new")]);
        assert_eq!(read(&files, 0), [b"new"]);
    }

    #[test]
    fn a_damaged_or_missing_output_is_a_fetch_failure_that_names_it() {
        let (folder, files) = files();
        commit(&files, 7, 0, &[(0, b"data")]);
        let path = folder
            .path()
            .join(SHUFFLE.to_string())
            .join("attempt-0.map");
        let mut bytes = fs::read(&path).unwrap();
        bytes[1] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = files.open(SHUFFLE, 0).read().unwrap_err();
        assert_eq!(
            error.to_string(),
            "map output 7 of shuffle-3 is damaged at offset 0"
        );
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            files.open(SHUFFLE, 0).read(),
            Err(Error::FetchFailed {
                map_partition: 7,
                ..
            })
        ));
    }

    #[test]
    fn a_removed_shuffle_leaves_nothing() {
        let (folder, files) = files();
        commit(&files, 0, 0, &[(0, b"data")]);
        files.remove(SHUFFLE);
        assert!(read(&files, 0).is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
