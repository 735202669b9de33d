//! Makes logs of one day, the same again each time: half of them as CSV, half as lines of JSON.

use std::iter;

use serde::Serialize;
use tinderbox::{Context, CsvOptions, Random, Result};

/// So many files of each format.
const FILES: u32 = 2;

/// Hosts, their teams and regions. The last one of them is in no table.
const HOSTS: [(&str, &str, &str); 8] = [
    ("pay-1", "payments", "eu"),
    ("pay-2", "payments", "us"),
    ("shop-1", "shop", "eu"),
    ("shop-2", "shop", "us"),
    ("shop-3", "shop", "us"),
    ("find-1", "search", "eu"),
    ("find-2", "search", "us"),
    ("old-1", "", ""),
];

const METHODS: [&str; 4] = ["GET", "GET", "GET", "POST"];
const PATHS: [&str; 4] = ["/", "/cart", "/items/7", "/find?near=59.9,10.7"];

/// Writes the table of hosts, and logs of so many lines.
pub fn logs(cx: &Context, lines: u64, folder: &str) -> Result<()> {
    #[derive(Clone, Serialize)]
    struct Host {
        host: &'static str,
        team: &'static str,
        region: &'static str,
    }
    let table = HOSTS[..HOSTS.len() - 1]
        .iter()
        .map(|(host, team, region)| Host { host, team, region });
    cx.parallelize_in(table, 1)
        .save_as_csv(&format!("{folder}/hosts.csv"), CsvOptions::new())?;

    let half = lines.div_ceil(2);
    cx.range_in(0..half, FILES)
        .map(move |pair| Line::new(2 * pair, lines).csv())
        .map_partitions(|rows| iter::once(HEADER.to_owned()).chain(rows))
        .save_as_text_file(&format!("{folder}/requests.csv"))?;
    cx.range_in(0..lines - half, FILES)
        .map(move |pair| Line::new(2 * pair + 1, lines).json())
        .save_as_text_file(&format!("{folder}/requests.jsonl"))
}

const HEADER: &str = "time,host,method,path,status,latency_ms,bytes";

/// What is wrong with one line in fifty.
enum Flaw {
    None,
    NoNumber,
    Cut,
    TooLong,
}

struct Line {
    time: String,
    host: &'static str,
    method: &'static str,
    path: &'static str,
    status: u16,
    latency_ms: String,
    bytes: u64,
    flaw: Flaw,
}

impl Line {
    /// The line of this number, of so many in a day.
    fn new(number: u64, lines: u64) -> Self {
        let mut random = Random::of_partition(number, 0);
        let second = number * 86_400 / lines;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let host = below(&mut random, HOSTS.len());
        let flaw = match below(&mut random, 150) {
            0 => Flaw::NoNumber,
            1 => Flaw::Cut,
            2 => Flaw::TooLong,
            _ => Flaw::None,
        };
        // Most are quick, and some are very slow: Pareto's distribution, cut off where clients give up.
        let quickest = 4.0 + host as f64;
        let latency = (quickest / (1.0 - random.next_f64()).powf(0.8)).min(30_000.0) as u32;
        let status = match below(&mut random, 100) {
            _ if latency > 2000 => 504,
            0 => 500,
            1..6 => 404,
            6..10 => 302,
            _ => 200,
        };
        Self {
            time: format!("2026-03-01T{hour:02}:{minute:02}:{second:02}Z"),
            host: HOSTS[host].0,
            method: METHODS[below(&mut random, METHODS.len())],
            path: PATHS[below(&mut random, PATHS.len())],
            status,
            latency_ms: match flaw {
                Flaw::NoNumber => "-".to_owned(),
                _ => latency.to_string(),
            },
            bytes: if status == 200 {
                200 + random.next_u64() % 20_000
            } else {
                150
            },
            flaw,
        }
    }

    fn csv(&self) -> String {
        let Self {
            time,
            host,
            method,
            path,
            status,
            latency_ms,
            bytes,
            ..
        } = self;
        // A comma in a path is none between fields.
        let quote = if path.contains(',') { "\"" } else { "" };
        self.flawed(format!(
            "{time},{host},{method},{quote}{path}{quote},{status},{latency_ms},{bytes}"
        ))
    }

    fn json(&self) -> String {
        let Self {
            time,
            host,
            method,
            path,
            status,
            latency_ms,
            bytes,
            ..
        } = self;
        self.flawed(format!(
            "{{\"time\":\"{time}\",\"host\":\"{host}\",\"method\":\"{method}\",\"path\":\"{path}\",\"status\":{status},\
             \"latency_ms\":{latency_ms},\"bytes\":{bytes}}}"
        ))
    }

    fn flawed(&self, mut line: String) -> String {
        match self.flaw {
            // Behind the time: whoever wrote it was ended.
            Flaw::Cut => line.truncate(24),
            Flaw::TooLong => line.push_str(",more"),
            Flaw::NoNumber | Flaw::None => {}
        }
        line
    }
}

fn below(random: &mut Random, bound: usize) -> usize {
    (random.next_u64() % bound as u64) as usize
}
