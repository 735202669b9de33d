//! Tells what a component is, for people or for programs.
//!
//! It shows what the sandbox found out and finds out nothing itself.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::args::Output;
use crate::units::bytes;

/// A component as the sandbox's link step sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The file.
    pub path: PathBuf,
    /// The blake3 of its bytes, in hexadecimal: the component's name everywhere else.
    pub hash: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The interfaces that it needs, with their versions.
    pub imports: Vec<String>,
    /// The interfaces that it offers, with their versions.
    pub exports: Vec<String>,
    /// Why it cannot be forked, one reason each; empty where it can.
    pub obstacles: Vec<String>,
}

/// Returns the description in the form that was asked for, ending in a newline.
pub fn show(description: &Description, output: Output) -> serde_json::Result<String> {
    match output {
        Output::Text => Ok(text(description)),
        Output::Json => Ok(json(description)? + "\n"),
    }
}

fn text(description: &Description) -> String {
    let mut text = format!(
        "component  {}\nblake3     {}\nsize       {}\n",
        description.path.display(),
        description.hash,
        bytes(description.size_bytes),
    );
    for (title, names) in [
        ("imports", &description.imports),
        ("exports", &description.exports),
    ] {
        list(&mut text, title, names);
    }
    if description.obstacles.is_empty() {
        text += "forkable   yes\n";
    } else {
        text += "forkable   no\n";
        list(&mut text, "because", &description.obstacles);
    }
    text
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    let none = ["none".to_owned()];
    let lines = if lines.is_empty() { &none } else { lines };
    for (number, line) in lines.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<10} {line}", if number == 0 { title } else { "" });
    }
}

fn json(description: &Description) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        description: &'a Description,
        forkable: bool,
    }
    serde_json::to_string_pretty(&Whole {
        description,
        forkable: description.obstacles.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(obstacles: &[&str]) -> Description {
        Description {
            path: "target/wasm32-wasip2/release/wordcount.wasm".into(),
            hash: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262".into(),
            size_bytes: 98_304,
            imports: vec![
                "tinderbox:job/driver@0.1.0".into(),
                "wasi:clocks/wall-clock@0.2.6".into(),
            ],
            exports: vec!["tinderbox:job/application@0.1.0".into()],
            obstacles: obstacles.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn text_for_people() {
        let forkable = show(&description(&[]), Output::Text).unwrap();
        let mut other = description(&[
            "its memory is shared between threads",
            "table 0 is written at run time",
        ]);
        other.imports.clear();
        insta::assert_snapshot!(format!(
            "{forkable}\n{}",
            show(&other, Output::Text).unwrap()
        ));
    }

    #[test]
    fn json_for_programs() {
        insta::assert_snapshot!(
            show(&description(&["its memory is 64-bit"]), Output::Json).unwrap()
        );
    }
}
