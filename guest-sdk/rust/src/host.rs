//! The calls to the host.
//!
//! Tests run without one: they link `fake` in its place, which runs jobs in the test's own memory.

#[cfg(test)]
pub(crate) mod fake;
#[cfg(all(feature = "parquet", test))]
mod fake_columns;

pub(crate) use crate::bindings::tinderbox::job::driver::{
    Dependency, FoundFile, JobSpec, NarrowDependency, PartitionMap, PartitionSpan, RddNode,
    ShuffleDependency, StorageLevel,
};
pub(crate) use crate::bindings::tinderbox::job::task::{BlockLevel, Compression};
pub(crate) use crate::bindings::tinderbox::job::types::Split;
#[cfg(feature = "parquet")]
pub(crate) use crate::bindings::tinderbox::job::types::{
    BinaryValues, Column, ColumnFile, ColumnKind, ColumnValues,
};
#[cfg(all(feature = "parquet", not(test)))]
pub(crate) use crate::bindings::tinderbox::job::{
    driver::parquet_file,
    task::{open_columns, read_columns, write_columns},
};
#[cfg(all(feature = "parquet", test))]
pub(crate) use fake_columns::{open_columns, parquet_file, read_columns, write_columns};

/// The name of a split's file, as a user knows it: without the host's note of which state of it was found.
#[cfg(any(feature = "csv", feature = "json", test))]
pub(crate) fn name_of(split: &Split) -> &str {
    let marked = split.uri.rsplit_once("#version=");
    marked.map_or(&split.uri, |(name, _)| name)
}

#[cfg(not(test))]
pub(crate) use crate::bindings::tinderbox::job::{
    driver::{
        abort_output, await_job, binary_file, cancel_job, checkpoint, commit_output, conf,
        create_output, define, list_files, release, replicate, set_conf, submit_job,
        take_accumulators, text_file,
    },
    logging::{Channel, log, panicked},
    task::{
        add_accumulator, close_reader, commit_block, drop_spill, keep_block, open_block,
        open_bytes, open_file, open_lines, open_shuffle, open_spill, read_bytes, read_lines,
        write_compressed, write_output, write_shuffle, write_spill,
    },
};

#[cfg(test)]
pub(crate) use fake::{
    abort_output, add_accumulator, await_job, binary_file, cancel_job, checkpoint, close_reader,
    commit_block, commit_output, conf, create_output, define, drop_spill, keep_block, list_files,
    open_block, open_bytes, open_file, open_lines, open_shuffle, open_spill, read_bytes,
    read_lines, release, replicate, set_conf, submit_job, take_accumulators, text_file,
    write_compressed, write_output, write_shuffle, write_spill,
};
