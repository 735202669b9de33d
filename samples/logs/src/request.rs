//! The requests of log files, whatever these are written in.

use serde::Deserialize;
use tinderbox::{BadRows, Context, CsvOptions, Error, LongAccumulator, Rdd, Result};

/// A line of a log. Lines have more columns, which are not looked at.
#[derive(Deserialize)]
pub struct Request {
    /// In UTC, as ISO 8601 writes it: such texts sort as the times do.
    pub time: String,
    pub host: String,
    pub status: u16,
    pub latency_ms: u32,
    /// The length of the answer.
    pub bytes: u64,
}

/// The requests of all paths. Rows that are none are left out and counted.
pub fn read<'a>(
    cx: &Context,
    paths: &[String],
    broken: &LongAccumulator,
) -> Result<Rdd<'a, Request>> {
    let logs = paths.iter().map(|path| match format_of(path)? {
        Format::Csv => csv(cx, path, broken),
        Format::JsonLines => json_lines(cx, path, broken),
    });
    Ok(cx.union(&logs.collect::<Result<Vec<_>>>()?))
}

enum Format {
    Csv,
    JsonLines,
}

/// What a name ends with says what is in the file, or in the files of a folder.
fn format_of(path: &str) -> Result<Format> {
    let plain = path.trim_end_matches('/');
    let plain = [".gz", ".zst"]
        .iter()
        .find_map(|ending| plain.strip_suffix(ending))
        .unwrap_or(plain);
    if plain.ends_with(".csv") {
        Ok(Format::Csv)
    } else if plain.ends_with(".jsonl") {
        Ok(Format::JsonLines)
    } else {
        Err(Error::new(format!(
            "the format of `{path}` is not known: a name ends with `.csv` or `.jsonl`, behind which `.gz` or `.zst` may stand"
        )))
    }
}

fn csv<'a>(cx: &Context, path: &str, broken: &LongAccumulator) -> Result<Rdd<'a, Request>> {
    let options = CsvOptions::new().bad_rows(BadRows::Skip);
    cx.csv(path, options.count_skipped(broken))
}

/// `Context::json_lines` would fail where a line is broken.
fn json_lines<'a>(cx: &Context, path: &str, broken: &LongAccumulator) -> Result<Rdd<'a, Request>> {
    let broken = broken.clone();
    let lines = cx.text_file(path)?.filter(|line| !line.is_empty());
    Ok(lines.filter_map(move |line| {
        let request = serde_json::from_str(&line).ok();
        if request.is_none() {
            broken.add(1);
        }
        request
    }))
}
