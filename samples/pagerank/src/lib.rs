//! Ranks the nodes of a graph by who points to them.

use tinderbox::{Context, Error, Random, Rdd, Result, Text};

const USAGE: &str = "usage: pagerank PATH... [--iterations N] [--top N]
       pagerank --generate NODES OUTPUT";

/// What a node has without anybody pointing to it, and the part of its rank that it passes on.
const BASE: f64 = 0.15;
const DAMPING: f64 = 0.85;

struct Options {
    paths: Vec<String>,
    iterations: u32,
    top: usize,
    /// A graph of so many nodes is made instead of ranked.
    generate: Option<u64>,
}

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let options = parse(args)?;
    match (options.generate, &*options.paths) {
        (Some(nodes), [output]) => generate(cx, nodes, output),
        (None, [_, ..]) => rank(cx, &options),
        _ => Err(Error::new(format!("which files?\n{USAGE}"))),
    }
}

fn rank(cx: &Context, options: &Options) -> Result<()> {
    let links = cx
        .text_files(&options.paths)?
        .map(|line| edge(&line))
        .group_by_key()
        .map_values(|targets| targets.collect::<Vec<u64>>())
        .cache();

    let mut ranks = links.map_values(|_| 1.0);
    for _ in 0..options.iterations {
        ranks = step(&links, &ranks);
    }

    // The highest rank first; of equal ones the node that comes first.
    for (node, rank) in ranks.top_by(options.top, |a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))? {
        println!("{node}\t{rank:.9}");
    }
    Ok(())
}

/// Each node gives its rank in equal parts to those that it points to. Links and ranks lie by node, so that nothing but the
/// parts moves.
fn step<'a>(links: &Rdd<'a, (u64, Vec<u64>)>, ranks: &Rdd<'a, (u64, f64)>) -> Rdd<'a, (u64, f64)> {
    ranks
        .join(links)
        .flat_map(|(node, (rank, targets))| {
            let part = rank / targets.len() as f64;
            // Nothing to itself: so it has a rank even where nobody points to it.
            std::iter::once((node, 0.0)).chain(targets.into_iter().map(move |to| (to, part)))
        })
        .reduce_by_key(|a, b| a + b)
        .map_values(|sum| BASE + DAMPING * sum)
}

/// The nodes of a line `from<TAB>to`.
fn edge(line: &Text) -> (u64, u64) {
    let ends = line
        .split_once('\t')
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    ends.unwrap_or_else(|| panic!("`{line}` is no line of two numbers with a tab between"))
}

/// A graph in which few nodes are pointed to by many.
fn generate(cx: &Context, nodes: u64, output: &str) -> Result<()> {
    const FILES: u32 = 4;
    cx.range_in(0..nodes, FILES)
        .flat_map(move |node| edges_of(node, nodes))
        .map(|(from, to)| format!("{from}\t{to}"))
        .save_as_text_file(output)
}

/// One edge to the node's neighbour, so that none is without, and up to six to others.
fn edges_of(node: u64, nodes: u64) -> Vec<(u64, u64)> {
    let mut random = Random::of_partition(node, 0);
    let mut targets = vec![(node + 1) % nodes];
    for _ in 0..random.next_u64() % 7 {
        let low = random.next_f64().powi(3);
        // Which numbers are pointed to most is anybody's guess.
        targets.push((low * nodes as f64) as u64 * 37 % nodes);
    }
    targets.sort_unstable();
    targets.dedup();
    targets.retain(|to| *to != node);
    targets.into_iter().map(|to| (node, to)).collect()
}

fn parse(args: Vec<String>) -> Result<Options> {
    let mut options = Options {
        paths: Vec::new(),
        iterations: 10,
        top: 20,
        generate: None,
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--iterations" => options.iterations = number(&arg, args.next())?,
            "--top" => options.top = number(&arg, args.next())?,
            "--generate" => options.generate = Some(number(&arg, args.next())?),
            _ if arg.starts_with("--") => {
                return Err(Error::new(format!("unknown option `{arg}`\n{USAGE}")));
            }
            _ => options.paths.push(arg),
        }
    }
    Ok(options)
}

fn number<N: std::str::FromStr>(option: &str, value: Option<String>) -> Result<N> {
    let value = value.ok_or_else(|| Error::new(format!("{option} needs a number\n{USAGE}")))?;
    value
        .parse()
        .map_err(|_| Error::new(format!("{option} needs a number, not `{value}`\n{USAGE}")))
}
