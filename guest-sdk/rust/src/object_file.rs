//! Object files: records as they are, saved and read back by programs of this SDK.
//!
//! A folder has a file a partition, which begins with a line for people and for checking:
//!
//! ```text
//! tinderbox-objects 1 (String, u64)        the version of the format, and the records' type
//! ```

use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use crate::batch::{Codec, Decoded};
use crate::cache;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::frames::{self, Frames};
use crate::host::{self, FoundFile};
use crate::lineage::{Header, Parent};
use crate::rdd::{Operation, Rdd};
use crate::record::Record;
use crate::save::{part_name, to_output};
use crate::stream::Records;
use crate::task;

/// What a file begins with.
const MAGIC: &str = "tinderbox-objects ";

/// The version of the format.
const VERSION: &str = "1";

const DAMAGED: &str = "is not what `save_as_object_file` wrote: it was damaged or cut";

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Writes the records in the SDK's own encoding, which [`object_file`](Context::object_file) reads: the fastest way to
    /// keep a dataset for another program. Not compressed, and for no other reader: what others are to read is saved as text.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// cx.range(0..10).map(|n| (n, n * n)).save_as_object_file("squares")?;
    /// let squares = cx.object_file::<(u64, u64)>("squares")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The folder exists, may not be written, or the job failed; then nothing is left of it.
    #[track_caller]
    pub fn save_as_object_file(&self, path: &str) -> Result<()> {
        let site = Location::caller();
        task::refuse_inside("`save_as_object_file`")?;
        let head = format!("{MAGIC}{VERSION} {}\n", type_of::<T>());
        to_output(path, |output| {
            self.per_partition("save_as_object_file", site, |partition, records| {
                frames::write(output, &part_name(partition, ""), head.as_bytes(), records)?;
                Ok(())
            })
        })?;
        Ok(())
    }
}

impl Context {
    /// Reads what [`save_as_object_file`](Rdd::save_as_object_file) wrote, a file a partition.
    ///
    /// # Errors
    /// There is no such folder, or it may not be read. The job fails where a file is damaged, or holds records of another
    /// type.
    #[track_caller]
    pub fn object_file<'a, T: Record + 'a>(&self, path: &str) -> Result<Rdd<'a, T>> {
        let site = Location::caller();
        task::refuse_inside("`object_file`")?;
        let files = host::list_files(path).map_err(Error::from_host)?;
        let partitions = u32::try_from(files.len()).unwrap_or(u32::MAX);
        let header = Header::new("object_file", site, partitions, None);
        let codec = Codec {
            offer: crate::batch::offer::<T>,
            decode_all: T::decode_all,
        };
        Ok(Rdd::new(
            header,
            ObjectFiles {
                files,
                codec,
                records: PhantomData,
            },
        ))
    }
}

/// The name of a type without its modules, which belong to one program. `Text` is a `String` to a reader, and `Bytes` a
/// `Vec<u8>`.
fn type_of<T>() -> String {
    let mut name = String::new();
    let is_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let mut rest = std::any::type_name::<T>();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| !is_path(letter)).unwrap_or(rest.len());
        let (path, after) = rest.split_at(end);
        name.push_str(match path.rsplit("::").next().unwrap_or_default() {
            "Text" | "str" => "String",
            "Bytes" => "Vec<u8>",
            last => last,
        });
        rest = after;
        if end == 0 {
            name.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    name
}

/// Fails unless a head is of files of such records.
fn check_head<T>(head: &[u8], file: &str) -> Result<()> {
    let refuse = |why: String| {
        let message = format!("`{file}` {why}");
        Error::of(ErrorKind::InvalidArgument, message)
    };
    let text = std::str::from_utf8(head).unwrap_or_default().trim_end();
    let Some(rest) = text.strip_prefix(MAGIC) else {
        return Err(refuse(
            "is no object file: `save_as_object_file` did not write it".into(),
        ));
    };
    let (version, saved) = rest.split_once(' ').unwrap_or((rest, ""));
    if version != VERSION {
        return Err(refuse(format!(
            "has version {version} of the format, and this program reads version {VERSION}: build it with a newer SDK"
        )));
    }
    let wanted = type_of::<T>();
    if saved != wanted {
        return Err(refuse(format!(
            "holds records of the type `{saved}`, and is read as `{wanted}`: read it as what it was saved as"
        )));
    }
    Ok(())
}

struct ObjectFiles<T> {
    files: Vec<FoundFile>,
    codec: Codec<T>,
    records: PhantomData<fn() -> T>,
}

impl<T> ObjectFiles<T> {
    fn batches<'s>(&self, partition: u32) -> Result<crate::batch::Source<'s>> {
        let Some(file) = self.files.get(partition as usize) else {
            return Ok(cache::nothing());
        };
        let mut frames = Frames::open(file, DAMAGED)?;
        check_head::<T>(&frames.head()?, &file.name)?;
        Ok(frames.batches())
    }
}

impl<T> Operation for ObjectFiles<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let source = self.batches(partition).unwrap_or_else(|error| {
            task::fail(error);
            cache::nothing()
        });
        Records::of_batches(Decoded::new(source, self.codec.decode_all))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::with;
    use crate::{Bytes, Text};

    #[test]
    fn a_type_has_no_modules() {
        assert_eq!(type_of::<(String, u64)>(), "(String, u64)");
        assert_eq!(
            type_of::<(Text, Option<Bytes>)>(),
            "(String, Option<Vec<u8>>)"
        );
        assert_eq!(type_of::<[f64; 3]>(), "[f64; 3]");
    }

    #[test]
    fn what_was_saved_comes_back_partition_by_partition() {
        let cx = Context::new();
        let numbers = cx.range_in(0..100_000, 3).map(|n| (n.to_string(), n));
        numbers.save_as_object_file("objects").unwrap();
        let names: Vec<String> = with(|host| host.outputs["objects"].keys().cloned().collect());
        assert_eq!(names, ["part-00000", "part-00001", "part-00002"]);
        let back = cx.object_file::<(String, u64)>("objects").unwrap();
        assert_eq!(back.partitions(), 3);
        assert_eq!(back.collect().unwrap(), numbers.collect().unwrap());
    }

    #[test]
    fn partitions_without_records_are_there() {
        let cx = Context::new();
        cx.parallelize_in(Vec::<u8>::new(), 2)
            .save_as_object_file("none")
            .unwrap();
        let back = cx.object_file::<u8>("none").unwrap();
        assert_eq!((back.partitions(), back.count().unwrap()), (2, 0));
    }

    #[test]
    fn another_type_another_version_and_damage_are_told() {
        let cx = Context::new();
        cx.range_in(0..10, 1).save_as_object_file("n").unwrap();
        let failure = |cx: &Context| {
            cx.object_file::<u64>("n")
                .unwrap()
                .count()
                .unwrap_err()
                .to_string()
        };
        let other = cx.object_file::<String>("n").unwrap().count().unwrap_err();
        let other = other.to_string();
        assert!(
            other.contains("`u64`") && other.contains("`String`"),
            "{other}"
        );
        let file = "n/part-00000";
        let whole = with(|host| host.files[file].clone());
        let put = |bytes: &[u8]| with(|host| host.files.insert(file.into(), bytes.to_vec()));
        put(&whole[..whole.len() - 1]);
        assert!(failure(&cx).contains("damaged or cut"), "{}", failure(&cx));
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        put(&flipped);
        assert!(failure(&cx).contains("damaged or cut"), "{}", failure(&cx));
        put(b"tinderbox-objects 2 u64\n");
        assert!(failure(&cx).contains("version 2"), "{}", failure(&cx));
        put(b"some text\n");
        assert!(failure(&cx).contains("no object file"), "{}", failure(&cx));
    }
}
