use std::process::Command;

use super::*;

const ATTEMPT: AttemptId = AttemptId(7);

fn batch(number: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| number ^ (at / 7) as u8).collect()
}

fn batches(mut reader: SpillReader) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    loop {
        match reader.read().unwrap() {
            batch if batch.is_empty() => return batches,
            batch => batches.push(batch),
        }
    }
}

#[test]
fn runs_come_back_batch_by_batch_however_they_were_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SpillFile::create(&folder.path().join("spill"), ATTEMPT).unwrap();
    for number in 0..30u8 {
        let first = file
            .write(u32::from(number % 3), &batch(number, 5_000))
            .unwrap();
        assert_eq!(first, number < 3);
    }
    assert!(!file.write(9, b"").unwrap());
    assert!(file.write(9, b"x").unwrap());
    for run in 0..3 {
        let expected: Vec<_> = (0..10).map(|at| batch(at * 3 + run, 5_000)).collect();
        assert_eq!(batches(file.open(u32::from(run)).unwrap()), expected);
    }
    let (mut one, two) = (file.open(9).unwrap(), file.open(9).unwrap());
    assert_eq!(one.read().unwrap(), b"x");
    assert_eq!(batches(two), [b"x"]);
    assert!(one.read().unwrap().is_empty() && one.read().unwrap().is_empty());
    let error = file.open(77).unwrap_err();
    assert_eq!(error.to_string(), "nothing was written to run 77");
}

#[test]
fn batches_of_one_run_lie_in_one_stretch() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SpillFile::create(folder.path(), ATTEMPT).unwrap();
    (0..1000).for_each(|_| assert!(file.write(1, b"x").is_ok()));
    assert_eq!(file.stretches, 1);
}

#[test]
fn the_file_has_no_name_and_goes_with_its_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SpillFile::create(folder.path(), ATTEMPT).unwrap();
    file.write(1, &batch(1, 100_000)).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let other = SpillFile::create(folder.path(), ATTEMPT).unwrap();
    assert!(other.open(1).is_err(), "each is its own");
}

#[test]
fn room_is_given_back_when_no_run_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SpillFile::create(folder.path(), ATTEMPT).unwrap();
    file.write(1, &batch(1, 10_000)).unwrap();
    file.write(2, &batch(2, 10_000)).unwrap();
    let full = file.file.metadata().unwrap().len();
    file.remove(1);
    file.remove(1);
    assert_eq!(file.file.metadata().unwrap().len(), full);
    assert_eq!(batches(file.open(2).unwrap()), [batch(2, 10_000)]);
    file.remove(2);
    assert_eq!(file.file.metadata().unwrap().len(), 0);
    assert!(file.write(1, &batch(3, 10)).unwrap());
    assert_eq!(batches(file.open(1).unwrap()), [batch(3, 10)]);
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SpillFile::create(folder.path(), ATTEMPT).unwrap();
    file.write(1, &batch(1, 300)).unwrap();
    for at in 0..file.end {
        let mut byte = [0];
        file.file.read_exact_at(&mut byte, at).unwrap();
        file.file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        let error = file.open(1).unwrap().read().unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{at}: {error}");
        assert!(
            error.to_string().ends_with("at offset 0 is damaged"),
            "{error}"
        );
        file.file.write_all_at(&byte, at).unwrap();
    }
    file.file.set_len(20).unwrap();
    assert!(file.open(1).unwrap().read().is_err(), "cut off");
}

#[test]
fn runs_that_alternate_without_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SpillFile::create(folder.path(), ATTEMPT).unwrap();
    file.write(1, b"x").unwrap();
    file.stretches = STRETCHES_MAX;
    assert!(file.write(1, b"x").is_ok(), "the same run goes on");
    let error = file.write(2, b"x").unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_written() {
    let root = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(root.path())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("SKIPPED: a small disk needs a mount");
        return;
    }
    let mut file = SpillFile::create(root.path(), ATTEMPT).unwrap();
    let noise = crate::packed::noise(100_000);
    file.write(1, &noise).unwrap();
    let error = (0..3).find_map(|_| file.write(1, &noise).err()).unwrap();
    assert!(matches!(error, Error::DiskFull(_)), "{error}");
    assert_eq!(file.open(1).unwrap().read().unwrap(), noise);
    drop(file);
    let unmounted = Command::new("umount").arg(root.path()).status().unwrap();
    assert!(unmounted.success(), "nothing holds the file");
}
