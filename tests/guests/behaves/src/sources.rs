//! Compressed text, whole files, object files, and who says where S3 is.

use tinderbox::{Compression, Context, Error, Result};

use crate::{Behaviour, argument, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("copies-compressed", copies_compressed),
    ("whole-files", whole_files),
    ("saves-objects", saves_objects),
    ("reads-objects", reads_objects),
    ("reads-objects-as-numbers", reads_objects_as_numbers),
    ("sets", sets),
];

/// Writes the lines of one path to two others, below a third: as gzip and as zstd.
fn copies_compressed(cx: &Context, args: &[String]) -> Result<()> {
    let (lines, to) = (cx.text_file(argument(args, 0)?)?, argument(args, 1)?);
    lines.save_as_text_file_with(&format!("{to}/gzip"), Compression::Gzip)?;
    lines.save_as_text_file_with(&format!("{to}/zstd"), Compression::Zstd)
}

/// The files of a path, each with its last name, its text and its bytes, in so many partitions.
fn whole_files(cx: &Context, args: &[String]) -> Result<()> {
    let (path, partitions) = (argument(args, 0)?, u32::try_from(number(args, 1)?)?);
    let texts = cx.whole_text_files_in(path, partitions)?;
    let bytes = cx.binary_files_in(path, partitions)?.collect()?;
    println!("{} partitions", texts.partitions());
    let counts = (
        cx.whole_text_files(path)?.count()?,
        cx.binary_files(path)?.count()?,
    );
    if counts != (bytes.len() as u64, bytes.len() as u64) {
        return Err(Error::new(format!(
            "{counts:?} files where nobody says how many partitions"
        )));
    }
    for ((name, text), (_, bytes)) in texts.collect()?.into_iter().zip(bytes) {
        let name = name.rsplit('/').next().unwrap_or_default();
        println!("{name}: {text:?}, {} bytes", bytes.len());
    }
    Ok(())
}

/// Saves pairs of the lines of a path and their lengths.
fn saves_objects(cx: &Context, args: &[String]) -> Result<()> {
    cx.text_file(argument(args, 0)?)?
        .map(|line| (line.to_string(), line.len() as u64))
        .save_as_object_file(argument(args, 1)?)
}

/// Shows what `saves-objects` saved.
fn reads_objects(cx: &Context, args: &[String]) -> Result<()> {
    for pair in cx
        .object_file::<(String, u64)>(argument(args, 0)?)?
        .collect()?
    {
        println!("{pair:?}");
    }
    Ok(())
}

/// Takes it for something else.
fn reads_objects_as_numbers(cx: &Context, args: &[String]) -> Result<()> {
    let numbers = cx.object_file::<u64>(argument(args, 0)?)?;
    println!("{}", numbers.count()?);
    Ok(())
}

/// Sets a setting, and says what it is then.
fn sets(cx: &Context, args: &[String]) -> Result<()> {
    let key = argument(args, 0)?;
    cx.set_conf(key, argument(args, 1)?)?;
    println!("{:?}", cx.conf(key));
    Ok(())
}
