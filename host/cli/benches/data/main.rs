//! Sorts, joins, groups and iterates, on `local[2]` and on a cluster of two workers, beside a plain program and beside Spark.
//!
//! `cargo bench -p cli --bench data -- FOLDER [WORK...]`: inputs that FOLDER lacks are made. With `SPARK_HOME` set (and Java), a
//! Spark Standalone cluster of two workers of one core does the same work in the same run; its first, cold round does not count,
//! nor does the start of its processes, while ours always does.
//! `WORK`: `sort pagerank kmeans group join cached shuffle`, which are all unless some are named, and `memory` and `large`,
//! which take minutes and some 10 GB of disk.

#[path = "../compare/mod.rs"]
mod compare;
mod peak;
mod plain;
mod shuffle;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

use compare::cluster::Cluster;
use compare::spark::Spark;
use compare::{TINDERBOX, guest, median, sample, stdout};

const ROUNDS: usize = 5;

/// Makes this program the plain one: a process of its own, since a heap that is warm from the last round saves it half of
/// its time.
const PLAIN: &str = "plain";

const ORDINARY: [Work; 6] = [
    Work::new("sort", "1 GB in records of 100 bytes, 16 partitions", sort).beside_plain(),
    Work::new("pagerank", "an iteration, 200,000 nodes", page_rank),
    Work::new(
        "kmeans",
        "an iteration, 1,000,000 points of 8 numbers, 16 centers",
        k_means,
    ),
    Work::new(
        "group",
        "group_by_key, 4,000,000 pairs, 1,000,000 keys",
        |bench, place| bench.own(place, &["group"]),
    ),
    Work::new("join", "1,000,000 pairs with as many", |bench, place| {
        bench.own(place, &["join"])
    }),
    Work::new(
        "cached",
        "summing 256 MiB of cached numbers",
        |bench, place| bench.own(place, &["cached"]),
    ),
];

fn main() {
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    if let [PLAIN, "sort", folder] = *words.iter().map(String::as_str).collect::<Vec<_>>() {
        plain::sort(Path::new(folder));
        return;
    }
    let [folder, wanted @ ..] = &words[..] else {
        panic!("give a folder: cargo bench -p cli --bench data -- FOLDER");
    };
    let bench = Bench::prepare(Path::new(folder));
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    for work in ORDINARY.iter().filter(|work| is_wanted(work.name)) {
        bench.measure(work);
    }
    if is_wanted("shuffle") {
        shuffle::measure(&bench);
    }
    if wanted.iter().any(|word| word == "memory") {
        peak::memory(&bench);
    }
    if wanted.iter().any(|word| word == "large") {
        peak::large(&bench);
    }
}

/// Where a program runs.
enum Place {
    Local,
    Cluster(Cluster),
}

impl Place {
    fn command(&self) -> Command {
        match self {
            Self::Local => {
                let mut command = Command::new(TINDERBOX);
                command.args(["run", "--master", "local[2]"]);
                command
            }
            Self::Cluster(cluster) => {
                let mut command = cluster.tinderbox("submit");
                command.args(["--master", &cluster.url]);
                command
            }
        }
    }
}

/// Something that is timed.
struct Work {
    name: &'static str,
    title: &'static str,
    /// Does it, and returns seconds.
    run: fn(&Bench, &Place) -> f64,
    /// Whether there is a plain program for it.
    has_plain: bool,
}

impl Work {
    const fn new(name: &'static str, title: &'static str, run: fn(&Bench, &Place) -> f64) -> Self {
        Self {
            name,
            title,
            run,
            has_plain: false,
        }
    }

    const fn beside_plain(mut self) -> Self {
        self.has_plain = true;
        self
    }
}

/// The inputs, the programs, and who runs them.
struct Bench {
    folder: PathBuf,
    guest: PathBuf,
    places: [(&'static str, Place); 2],
    spark: Option<Spark>,
}

impl Bench {
    fn prepare(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let bench = Self {
            folder: fs::canonicalize(folder).expect("a folder"),
            guest: guest(),
            places: [
                ("local[2]", Place::Local),
                ("cluster", Place::Cluster(Cluster::start())),
            ],
            spark: Spark::of_environment(),
        };
        let make = |name: &str, component: &Path, arguments: &[&str]| {
            let output = bench.path(name);
            if !Path::new(&output).exists() {
                bench.run(
                    &Place::Local,
                    component,
                    &[arguments, &[&*output]].concat(),
                    &[],
                );
            }
        };
        make("tera", &sample("terasort"), &["--generate", "10000000"]);
        make("graph", &sample("pagerank"), &["--generate", "200000"]);
        make("points", &bench.guest, &["points", "1000000"]);
        bench
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Runs a program, and gives back what it prints.
    fn run(&self, place: &Place, component: &Path, args: &[&str], options: &[&str]) -> String {
        let mut command = place.command();
        for grant in ["--allow-read", "--allow-write"] {
            command.arg(grant).arg(&self.folder);
        }
        stdout(
            command
                .arg("--quiet")
                .args(options)
                .arg(component)
                .arg("--")
                .args(args),
        )
    }

    /// Runs a program; returns seconds.
    fn time(&self, place: &Place, component: &Path, args: &[&str]) -> f64 {
        let start = Instant::now();
        self.run(place, component, args, &[]);
        start.elapsed().as_secs_f64()
    }

    /// Runs the benches' own program, which times itself in rounds; returns the median of the rounds in seconds.
    fn own(&self, place: &Place, args: &[&str]) -> f64 {
        let printed = self.run(place, &self.guest, args, &[]);
        let micros = printed
            .lines()
            .map(|line| line.parse::<f64>().expect("microseconds"));
        median(micros.collect()) / 1e6
    }

    /// Seconds of an iteration: of twenty-two runs what two do not need, so that neither the start nor the loading counts.
    fn iteration(&self, place: &Place, component: &Path, input: &str) -> f64 {
        let input = self.path(input);
        let time = |count| self.time(place, component, &[&input, "--iterations", count]);
        (time("22") - time("2")) / 20.0
    }

    /// Seconds that the plain program takes, its start included.
    fn plain(&self, work: &str) -> f64 {
        let start = Instant::now();
        let mut command = Command::new(env::current_exe().expect("this program"));
        stdout(command.args([PLAIN, work]).arg(&self.folder));
        let seconds = start.elapsed().as_secs_f64();
        plain::clean(&self.folder);
        seconds
    }

    fn measure(&self, work: &Work) {
        let spark = self.spark.as_ref();
        let spark = spark.map(|spark| spark.seconds(work.name, &self.folder));
        let mut seconds: [Vec<f64>; 2] = Default::default();
        let mut plain = Vec::new();
        // In turn, so that a busy minute of the machine is everybody's.
        for _ in 0..ROUNDS {
            plain.extend(work.has_plain.then(|| self.plain(work.name)));
            for ((_, place), seconds) in self.places.iter().zip(&mut seconds) {
                seconds.push((work.run)(self, place));
            }
        }
        let plain = work.has_plain.then(|| median(plain));
        println!("{}, {}:", work.name, work.title);
        let tell = |name: &str, seconds: f64, against: Option<f64>| {
            let times =
                against.map(|than| format!(", Spark takes {:.1} times as long", than / seconds));
            let plain =
                plain.map(|plain| format!(", {:.2} times the plain program", seconds / plain));
            println!(
                "  {name:10} {seconds:8.3} s{}{}",
                times.unwrap_or_default(),
                plain.unwrap_or_default()
            );
        };
        for ((name, _), seconds) in self.places.iter().zip(seconds) {
            tell(name, median(seconds), spark);
        }
        for (name, seconds) in [("plain", plain), ("Spark", spark)] {
            if let Some(seconds) = seconds {
                println!("  {name:10} {seconds:8.3} s");
            }
        }
    }
}

fn sort(bench: &Bench, place: &Place) -> f64 {
    let (input, output) = (bench.path("tera"), bench.path("sorted"));
    let _ = fs::remove_dir_all(&output);
    let seconds = bench.time(place, &sample("terasort"), &[&input, &output]);
    fs::remove_dir_all(&output).expect("the output");
    seconds
}

fn page_rank(bench: &Bench, place: &Place) -> f64 {
    bench.iteration(place, &sample("pagerank"), "graph")
}

fn k_means(bench: &Bench, place: &Place) -> f64 {
    bench.iteration(place, &sample("kmeans"), "points")
}
