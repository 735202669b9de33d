//! More records than a task has memory for.

use tinderbox::bindings::tinderbox::job::task;
use tinderbox::{Context, Order, Rdd, Result};

use crate::{Behaviour, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("sorts", sorts),
    ("reduces", reduces),
    ("groups", groups),
    ("puts-aside", puts_aside),
];

/// So many records of some 100 bytes, whose keys are in no order and each there once.
fn records(cx: &Context, count: u64) -> Rdd<'static, (u64, (u64, String))> {
    cx.range_in(0..count, 4).map(move |at| {
        let key = (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % count * count + at;
        (key, (at, format!("{key:080}")))
    })
}

/// Whether the sorted records are all there, in order, each as it was.
fn sorts(cx: &Context, args: &[String]) -> Result<()> {
    let count = number(args, 0)?;
    let checked = records(cx, count)
        .sort_by_key_in(Order::Ascending, 4)
        .map_partitions(|records| {
            let (mut read, mut first, mut last) = (0u64, None, None);
            let mut sound = true;
            for (key, (at, text)) in records {
                sound &= last < Some(key) && key % count == at && text.parse() == Ok(key);
                first.get_or_insert(key);
                (read, last) = (read + 1, Some(key));
            }
            [(sound, read, first, last)]
        })
        .collect()?;
    let read: u64 = checked.iter().map(|part| part.1).sum();
    let sound = checked.iter().all(|part| part.0);
    let in_order = checked.windows(2).all(|two| two[0].3 < two[1].2);
    println!("{read} records, sound: {sound}, in order: {in_order}");
    Ok(())
}

/// So many keys, each there three times.
fn reduces(cx: &Context, args: &[String]) -> Result<()> {
    let keys = number(args, 0)?;
    let sums = cx
        .range_in(0..3 * keys, 4)
        .map(move |at| (format!("the key with the number {}", at % keys), at / keys))
        .reduce_by_key_in(|a, b| a + b, 2);
    let sound = sums.filter(|(_, sum)| *sum == 3).count()?;
    println!("{} keys, {sound} with the right sum", sums.count()?);
    Ok(())
}

/// So many records, of which one key has three of four.
fn groups(cx: &Context, args: &[String]) -> Result<()> {
    let lopsided = records(cx, number(args, 0)?)
        .map(|(_, (at, text))| (if at % 4 == 0 { at % 1000 } else { 1 }, (at, text)));
    let counted = lopsided
        .group_by_key_in(2)
        .map_values(|values| {
            let foreseen = values.len() as u64;
            let (mut read, mut in_order, mut last) = (0u64, true, None);
            for (at, _) in values {
                in_order &= last < Some(at);
                (read, last) = (read + 1, Some(at));
            }
            (read, in_order && read == foreseen)
        })
        .collect()?;
    let largest = counted.iter().map(|(_, (read, _))| *read).max();
    let all: u64 = counted.iter().map(|(_, (read, _))| read).sum();
    let sound = counted.iter().all(|(_, (_, sound))| *sound);
    println!(
        "{} groups of {all} records, the largest {largest:?}, sound: {sound}",
        counted.len()
    );
    Ok(())
}

/// The calls themselves, sensible and not. What is left behind is the host's to remove.
fn puts_aside(cx: &Context, args: &[String]) -> Result<()> {
    let batches = number(args, 0)?;
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            let absent = task::open_spill(5).map_err(|error| error.message);
            let written = (0..batches).try_for_each(|batch| {
                task::write_spill(7, &vec![batch.to_le_bytes()[0]; 1 << 20])?;
                task::write_spill(8, b"between")
            });
            let read = task::open_spill(7).and_then(|reader| {
                (0..batches).try_fold(0, |sum, _| Ok(sum + task::read_bytes(reader)?.len()))
            });
            task::drop_spill(8);
            task::drop_spill(9);
            let gone = task::open_spill(8).map_err(|error| error.message);
            format!("{absent:?} {written:?} {read:?} {gone:?}")
        })
        .collect()?;
    println!("{answers:?}");
    Ok(())
}
