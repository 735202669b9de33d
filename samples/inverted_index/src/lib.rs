//! Finds in which documents a word is: makes an index of whole files, and looks words up in it.

mod generate;

use std::collections::BTreeMap;
use std::fmt::Display;

use pico_args::Arguments;
use serde::{Deserialize, Serialize};
use tinderbox::{Context, Error, Order, Record, Result};

const USAGE: &str = "usage: inverted_index PATH... OUTPUT
       inverted_index --look-up WORD OUTPUT
       inverted_index --generate DOCUMENTS FOLDER";

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let mut args = Arguments::from_vec(args.into_iter().map(Into::into).collect());
    let word: Option<String> = args.opt_value_from_str("--look-up").map_err(usage)?;
    let documents = args.opt_value_from_str("--generate").map_err(usage)?;
    let paths = paths(args)?;
    match (word, documents, &*paths) {
        (Some(word), None, [index]) => look_up(cx, &word, index),
        (None, Some(documents), [folder]) => generate::documents(cx, documents, folder),
        (None, None, [paths @ .., output]) if !paths.is_empty() => build(cx, paths, output),
        _ => Err(usage("which files, and which folder for the index?")),
    }
}

/// A row of the index: a word, and one of the documents that have it.
#[derive(Deserialize, Serialize)]
struct Entry {
    word: String,
    document: String,
    /// How often.
    count: u32,
    /// Where: the numbers of the words that it is, from 1, with spaces between: a column holds no lists.
    positions: String,
}

/// A document is a whole file, so that one task knows all places of a word in it. Then there is nothing to be put together, and
/// what moves is sorted: the files of the index, one behind the other, are in the order of words, and of documents within.
fn build(cx: &Context, paths: &[String], output: &str) -> Result<()> {
    let texts = paths.iter().map(|path| cx.whole_text_files(path));
    cx.union(&texts.collect::<Result<Vec<_>>>()?)
        .flat_map(|(document, text)| {
            let document = name(&document).to_owned();
            positions(&text)
                .into_iter()
                .map(move |(word, positions)| ((word, document.clone()), positions))
        })
        .sort_by_key(Order::Ascending)
        .map(|((word, document), positions)| Entry {
            word,
            document,
            count: positions.len() as u32,
            positions: positions
                .iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        })
        .save_as_parquet(output)
}

/// The words of a text, and where each is.
fn positions(text: &str) -> BTreeMap<String, Vec<u32>> {
    let mut positions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (word, position) in words(text).zip(1..) {
        positions.entry(word).or_default().push(position);
    }
    positions
}

/// What is between signs that are neither letters nor digits, in small letters.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// The last part of a document's name.
fn name(uri: &str) -> &str {
    uri.rsplit_once('/').map_or(uri, |(_, name)| name)
}

/// Prints the documents that have a word: those first that have it most.
fn look_up(cx: &Context, word: &str, index: &str) -> Result<()> {
    /// The columns that this needs. The positions, which are most of an index, are not read.
    #[derive(Deserialize, Record)]
    struct Found {
        word: String,
        document: String,
        count: u32,
    }
    let word = word.to_lowercase();
    let mut found = cx
        .parquet::<Found>(index)?
        .filter(|found| found.word == word)
        .collect()?;
    found.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| a.document.cmp(&b.document))
    });
    for Found {
        document, count, ..
    } in &found
    {
        println!("{document}\t{count}");
    }
    if found.is_empty() {
        eprintln!("no document has the word `{word}`");
    }
    Ok(())
}

/// What no option has taken.
fn paths(args: Arguments) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for arg in args.finish() {
        let path = arg.to_string_lossy().into_owned();
        if path.starts_with("--") {
            return Err(usage(format!("`{path}` is unknown, or stands twice")));
        }
        paths.push(path);
    }
    Ok(paths)
}

fn usage(what: impl Display) -> Error {
    Error::new(format!("{what}\n{USAGE}"))
}
