//! The bytes of each message are what they were when its version was frozen.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use samples::{greetings, samples};
use wire::{Error, Greeting, MESSAGES, Message, decode, encode};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");

/// `name = hex` for each.
fn encoded<T>(
    values: impl IntoIterator<Item = (impl AsRef<str>, T)>,
    encode: impl Fn(&T, &mut Vec<u8>) -> Result<(), Error>,
) -> String {
    let mut lines = String::new();
    for (name, value) in values {
        let mut bytes = Vec::new();
        encode(&value, &mut bytes).unwrap();
        write!(lines, "{} = ", name.as_ref()).unwrap();
        for byte in bytes {
            write!(lines, "{byte:02x}").unwrap();
        }
        lines.push('\n');
    }
    lines
}

fn messages() -> String {
    encoded(samples(), |message: &Message, out| encode(message, out))
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// `GOLDEN=write` writes the file anew: only for what is not released yet.
fn assert_golden(file: &str, encoded: &str) {
    let file = format!("{FOLDER}{file}");
    if std::env::var("GOLDEN").is_ok_and(|what| what == "write") {
        std::fs::write(&file, encoded).unwrap();
    }
    let golden = std::fs::read_to_string(file).unwrap();
    for (now, then) in encoded.lines().zip(golden.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(encoded.lines().count(), golden.lines().count());
}

#[test]
fn messages_are_encoded_as_they_always_were() {
    assert_golden("v1.txt", &messages());
}

#[test]
fn greetings_are_encoded_as_they_always_were() {
    let encoded = encoded(greetings(), Greeting::encode);
    assert_golden("greetings.txt", &encoded);
    for (line, (_, greeting)) in encoded.lines().zip(greetings()) {
        let bytes = bytes(line.split_once(" = ").unwrap().1);
        assert_eq!(Greeting::decode(&bytes), Ok(greeting));
    }
}

#[test]
fn what_was_encoded_long_ago_is_read() {
    let golden = std::fs::read_to_string(format!("{FOLDER}v1.txt")).unwrap();
    let golden: BTreeMap<_, _> = golden
        .lines()
        .map(|line| line.split_once(" = ").unwrap())
        .collect();
    let samples = samples();
    assert_eq!(
        golden.len(),
        samples.len(),
        "each sample has a name of its own"
    );
    for (name, message) in samples {
        assert_eq!(decode(&bytes(golden[&*name])), Ok(message), "{name}");
    }
}

#[test]
fn there_is_a_sample_of_each_message() {
    let numbers: BTreeSet<_> = MESSAGES
        .iter()
        .map(|(group, number, _)| (*group, *number))
        .collect();
    assert_eq!(numbers.len(), MESSAGES.len(), "a number names one message");
    let sampled: BTreeSet<_> = messages()
        .lines()
        .map(|line| bytes(line.split_once(" = ").unwrap().1))
        .map(|bytes| (bytes[0], bytes[1]))
        .collect();
    assert_eq!(sampled, numbers);
}
