use super::*;
use crate::packed::noise;

const A: RddId = RddId(0);
const B: RddId = RddId(1);
const C: RddId = RddId(2);

struct Fixture {
    store: Arc<BlockStore>,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(budget: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: Arc::new(BlockStore::new(
                Arc::new(FixedRoom(budget)),
                folder.path().join("blocks"),
            )),
            folder,
        }
    }

    /// Writes a block of one batch; says whether it was kept.
    fn put(&self, rdd: RddId, partition: u32, level: BlockLevel, bytes: usize) -> bool {
        let mut writer = self.store.begin(rdd, partition, level);
        writer.write(noise(bytes));
        writer.finish().is_some()
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path().join("blocks"));
        let mut files: Vec<_> = files
            .into_iter()
            .flatten()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        files
    }

    fn holds(&self, rdd: RddId, partition: u32, bytes: usize) -> bool {
        let reader = self.store.open(rdd, partition);
        reader.is_some_and(|reader| all(reader).unwrap() == noise(bytes))
    }
}

fn all(mut reader: BlockReader) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let batch = reader.read()?;
        if batch.is_empty() {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&batch);
    }
}

#[test]
fn the_least_recently_used_block_of_another_dataset_goes_first() {
    let fixture = Fixture::new(100);
    assert!(fixture.put(A, 0, BlockLevel::Memory, 40));
    assert!(fixture.put(B, 0, BlockLevel::Memory, 40));
    assert!(fixture.holds(A, 0, 40));
    assert!(fixture.put(C, 0, BlockLevel::Memory, 50));
    assert_eq!(fixture.store.take_dropped(), [(B, 0)]);
    assert_eq!(fixture.store.take_dropped(), [], "it is told once");
    assert_eq!(fixture.store.bytes(), 90);
    assert!(fixture.store.open(B, 0).is_none());
}

#[test]
fn a_dataset_does_not_push_out_its_own_blocks() {
    let fixture = Fixture::new(100);
    assert!(fixture.put(A, 0, BlockLevel::Memory, 60));
    assert!(!fixture.put(A, 1, BlockLevel::Memory, 60));
    assert!(fixture.holds(A, 0, 60));
    let too_large = fixture.put(B, 0, BlockLevel::Memory, 101);
    assert!(!too_large, "larger than all the room there is");
    assert_eq!(fixture.store.bytes(), 60);
    assert_eq!(fixture.store.take_dropped(), []);
}

#[test]
fn a_block_written_again_replaces_the_old_one() {
    let fixture = Fixture::new(200);
    fixture.put(A, 0, BlockLevel::Memory, 60);
    fixture.put(A, 0, BlockLevel::Memory, 80);
    assert_eq!(fixture.store.bytes(), 80);
    fixture.put(A, 0, BlockLevel::Disk, 70);
    assert_eq!((fixture.store.bytes(), fixture.files().len()), (0, 1));
    drop(fixture.store.remove(A));
    assert_eq!((fixture.store.bytes(), fixture.files().len()), (0, 0));
}

#[test]
fn a_block_moves_to_the_disk_when_its_level_says_so() {
    let fixture = Fixture::new(100);
    assert!(fixture.put(A, 0, BlockLevel::MemoryAndDisk, 40));
    assert!(fixture.put(A, 1, BlockLevel::MemoryAndDisk, 40));
    assert!(fixture.files().is_empty());
    let early = fixture.store.open(A, 0).unwrap();
    assert!(fixture.put(B, 0, BlockLevel::Memory, 90));
    assert_eq!(fixture.files().len(), 2);
    assert_eq!(fixture.store.take_dropped(), [], "they are still there");
    assert!(fixture.holds(A, 0, 40) && fixture.holds(A, 1, 40));
    assert_eq!(all(early).unwrap(), noise(40));
    assert_eq!(fixture.store.bytes(), 90);
}

#[test]
fn what_is_larger_than_all_memory_goes_to_the_disk_on_the_way() {
    let fixture = Fixture::new(100);
    let mut writer = fixture.store.begin(A, 0, BlockLevel::MemoryAndDisk);
    for _ in 0..7 {
        assert!(writer.write(noise(30)));
        assert!(fixture.store.bytes() <= 100);
    }
    let own = writer.finish().unwrap();
    assert_eq!(own.bytes(), 210);
    assert_eq!(all(own).unwrap(), noise(30).repeat(7));
    assert_eq!(fixture.store.bytes(), 0);
    let again = fixture.store.open(A, 0).unwrap();
    assert_eq!(all(again).unwrap(), noise(30).repeat(7));
}

#[test]
fn what_was_refused_can_be_read_once_more_by_who_wrote_it() {
    let fixture = Fixture::new(100);
    let mut writer = fixture.store.begin(A, 0, BlockLevel::Memory);
    assert!(writer.write(noise(60)));
    assert!(!writer.write(noise(50)));
    assert!(!writer.write(noise(1)), "refused is refused");
    assert_eq!(writer.bytes(), 60);
    let taken = writer.into_reader().unwrap();
    assert_eq!(fixture.store.bytes(), 60);
    assert_eq!(all(taken).unwrap(), noise(60));
    assert_eq!(fixture.store.bytes(), 0);
    assert!(fixture.store.open(A, 0).is_none());
}

#[test]
fn who_gives_up_leaves_nothing() {
    let fixture = Fixture::new(100);
    let mut writers = [BlockLevel::Memory, BlockLevel::Disk].map(|level| {
        let mut writer = fixture.store.begin(A, 0, level);
        assert!(writer.write(noise(60)));
        writer
    });
    assert_eq!((fixture.store.bytes(), fixture.files().len()), (60, 1));
    writers[1].write(noise(60));
    drop(writers);
    assert_eq!((fixture.store.bytes(), fixture.files().len()), (0, 0));
}

#[test]
fn a_disk_that_takes_nothing_keeps_nothing() {
    let fixture = Fixture::new(100);
    // A file where the folder would be.
    std::fs::write(fixture.folder.path().join("blocks"), "").unwrap();
    assert!(!fixture.put(A, 0, BlockLevel::Disk, 10));
    let mut writer = fixture.store.begin(A, 0, BlockLevel::MemoryAndDisk);
    assert!(writer.write(noise(60)));
    assert!(!writer.write(noise(60)));
    assert_eq!(all(writer.into_reader().unwrap()).unwrap(), noise(60));
    assert!(fixture.put(A, 1, BlockLevel::MemoryAndDisk, 60));
    assert!(fixture.put(B, 0, BlockLevel::Memory, 60));
    assert_eq!(fixture.store.take_dropped(), [(A, 1)]);
}

#[test]
fn a_file_that_is_gone_is_a_block_that_is_gone() {
    let fixture = Fixture::new(100);
    fixture.put(A, 0, BlockLevel::Disk, 10);
    std::fs::remove_file(&fixture.files()[0]).unwrap();
    assert!(fixture.store.open(A, 0).is_none());
    assert_eq!(fixture.store.take_dropped(), [(A, 0)]);
}

/// Whatever bit is flipped, the bytes are as written or there are none; and the block is gone, to be computed again.
#[test]
fn a_thousand_flipped_bits_are_all_noticed() {
    let fixture = Fixture::new(0);
    let seeds: Vec<_> = noise(8_000).chunks_exact(8).map(<[u8]>::to_vec).collect();
    assert_eq!(seeds.len(), 1_000);
    for (number, seed) in (0u32..).zip(seeds) {
        let mut writer = fixture.store.begin(A, number, BlockLevel::Disk);
        for batch in [noise(50), vec![b'x'; 300], noise(70)] {
            assert!(writer.write(batch));
        }
        drop(writer.finish());
        let path = fixture.files().pop().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let random = usize::from_le_bytes(*seed.first_chunk().unwrap());
        let bit = random % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).unwrap();
        let read = fixture.store.open(A, number).map(all);
        assert!(!matches!(read, Some(Ok(_))), "bit {bit}");
        assert!(fixture.store.open(A, number).is_none());
        assert_eq!(fixture.store.take_dropped(), [(A, number)]);
        assert!(fixture.files().is_empty(), "nothing is left of it");
    }
}

#[test]
fn a_copy_is_kept_as_the_original_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = |budget| {
        Arc::new(BlockStore::new(
            Arc::new(FixedRoom(budget)),
            folder.path().to_path_buf(),
        ))
    };
    let block: Block = [vec![1; 40], vec![2; 40]]
        .map(Arc::new)
        .into_iter()
        .collect();
    let (rdd, large, small) = (RddId(1), store(100), store(50));
    for (blocks, level, kept) in [
        (&large, BlockLevel::Memory, true),
        (&small, BlockLevel::Memory, false),
        (&small, BlockLevel::MemoryAndDisk, true),
    ] {
        assert_eq!(blocks.put(rdd, 0, level, &block), kept, "{level:?}");
        assert_eq!(blocks.open(rdd, 0).is_some(), kept);
    }
    assert_eq!(small.level(rdd, 0), Some(BlockLevel::MemoryAndDisk));
}

#[test]
fn memory_that_is_given_back_is_that_of_the_blocks_used_longest_ago() {
    let folder = tempfile::tempdir().unwrap();
    let room = Arc::new(FixedRoom(100));
    let store = Arc::new(BlockStore::new(room, folder.path().to_path_buf()));
    let block: Block = [Arc::new(vec![7; 30])].into_iter().collect();
    for (partition, level) in [
        BlockLevel::Memory,
        BlockLevel::MemoryAndDisk,
        BlockLevel::Memory,
    ]
    .into_iter()
    .enumerate()
    {
        assert!(store.put(A, u32::try_from(partition).unwrap(), level, &block));
    }
    assert!(store.open(A, 0).is_some(), "used last");
    assert_eq!(store.limit_to(40), 40);
    store.finish_moves();
    assert_eq!(store.bytes(), 30);
    assert_eq!(store.take_dropped(), [(A, 2)], "the other one is on disk");
    assert!(store.open(A, 0).is_some() && store.open(A, 1).is_some());
    let mut writer = store.begin(B, 0, BlockLevel::Memory);
    assert!(writer.write(vec![1; 60]), "it asks for more");
    assert_eq!(store.limit_to(0), 60, "what is being written stays");
}
