//! Passes over the lines of files.

use tinderbox::{Context, Error, Result};

use crate::{expect, times};

/// Passes that are timed.
const ROUNDS: u32 = 5;

/// Times a pass over the lines of `path` that finds, or takes, `wanted` of them.
pub fn pass(cx: &Context, what: &str, path: &str, wanted: u64) -> Result<()> {
    let lines = cx.text_file(path)?;
    times(ROUNDS, || match what {
        "count" => expect(lines.count()?, wanted),
        "top" => expect(lines.top(wanted as usize)?.len() as u64, wanted),
        "take-sample" => expect(lines.take_sample(wanted as usize, 7)?.len() as u64, wanted),
        "count-approx-distinct" => {
            let found = lines.count_approx_distinct(0.02)?;
            let is_near = found.abs_diff(wanted) * 10 < wanted;
            expect(u64::from(is_near), 1)
        }
        _ => Err(Error::new(format!("no pass `{what}`"))),
    })
}
