//! Finds clusters of points by Lloyd's algorithm.

use tinderbox::{Bytes, Context, Error, Rdd, Result};

const USAGE: &str = "usage: kmeans PATH... [--dim N] [--k N] [--iterations N]";
/// Bytes of one coordinate: a little-endian `f64`.
const COORDINATE_BYTES: usize = 8;

struct Options {
    paths: Vec<String>,
    dim: usize,
    k: usize,
    iterations: usize,
}

/// One center after the other, `dim` coordinates each.
type Centers = Vec<f64>;

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let options = parse(args)?;
    let record_length = u32::try_from(options.dim * COORDINATE_BYTES)?;
    let points = cx.binary_records_of(&options.paths, record_length)?.cache();

    let mut centers = first_points(&points, &options)?;
    for _ in 0..options.iterations {
        centers = step(&points, &centers, options.dim)?;
    }

    let (cost, sizes) = score(&points, &centers, options.dim)?;
    println!("cost\t{cost:.6}");
    for (cluster, size) in sizes.iter().enumerate() {
        println!("cluster\t{cluster}\t{size}");
    }
    Ok(())
}

/// The centers to start from: the first `k` points.
fn first_points(points: &Rdd<'_, Bytes>, options: &Options) -> Result<Centers> {
    let first = points.take(options.k)?;
    if first.len() < options.k {
        return Err(Error::new(format!(
            "{} clusters need as many points, and there are {}",
            options.k,
            first.len()
        )));
    }
    Ok(first.iter().flat_map(|point| coordinates(point)).collect())
}

/// What one iteration gathers of the points that are nearest to a center.
type Sums = Vec<(Vec<f64>, u64)>;

/// Moves each center to the middle of the points that are nearest to it. A center without points stays.
fn step(points: &Rdd<'_, Bytes>, centers: &Centers, dim: usize) -> Result<Centers> {
    let none: Sums = vec![(vec![0.0; dim], 0); centers.len() / dim];
    let sums = points.aggregate(none, |sums, point| add(sums, &point, centers), merge)?;
    let moved =
        sums.into_iter()
            .zip(centers.chunks_exact(dim))
            .flat_map(|((sum, count), center)| match count {
                0 => center.to_vec(),
                _ => sum.into_iter().map(|total| total / count as f64).collect(),
            });
    Ok(moved.collect())
}

fn add(mut sums: Sums, point: &[u8], centers: &Centers) -> Sums {
    let (cluster, _) = nearest(centers, point);
    let (sum, count) = &mut sums[cluster];
    sum.iter_mut()
        .zip(coordinates(point))
        .for_each(|(total, x)| *total += x);
    *count += 1;
    sums
}

fn merge(mut a: Sums, b: Sums) -> Sums {
    for ((sum, count), (more, further)) in a.iter_mut().zip(b) {
        sum.iter_mut().zip(more).for_each(|(total, x)| *total += x);
        *count += further;
    }
    a
}

/// The sum of the squared distances to the nearest center, and how many points each center has.
fn score(points: &Rdd<'_, Bytes>, centers: &Centers, dim: usize) -> Result<(f64, Vec<u64>)> {
    points.aggregate(
        (0.0, vec![0; centers.len() / dim]),
        |(cost, mut sizes), point| {
            let (cluster, distance) = nearest(centers, &point);
            sizes[cluster] += 1;
            (cost + distance, sizes)
        },
        |(cost, sizes), (more, further)| {
            (
                cost + more,
                sizes
                    .iter()
                    .zip(further)
                    .map(|(size, more)| size + more)
                    .collect(),
            )
        },
    )
}

/// The nearest center and the squared distance to it; of equally near ones the first.
fn nearest(centers: &[f64], point: &[u8]) -> (usize, f64) {
    let dim = point.len() / COORDINATE_BYTES;
    let mut best = (0, f64::INFINITY);
    for (cluster, center) in centers.chunks_exact(dim).enumerate() {
        let distance: f64 = center
            .iter()
            .zip(coordinates(point))
            .map(|(c, x)| (x - c) * (x - c))
            .sum();
        if distance < best.1 {
            best = (cluster, distance);
        }
    }
    best
}

fn coordinates(point: &[u8]) -> impl Iterator<Item = f64> {
    point
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes))
}

fn parse(args: Vec<String>) -> Result<Options> {
    let mut options = Options {
        paths: Vec::new(),
        dim: 8,
        k: 16,
        iterations: 10,
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--dim" => options.dim = number(&arg, args.next())?,
            "--k" => options.k = number(&arg, args.next())?,
            "--iterations" => options.iterations = number(&arg, args.next())?,
            _ if arg.starts_with("--") => {
                return Err(Error::new(format!("unknown option `{arg}`\n{USAGE}")));
            }
            _ => options.paths.push(arg),
        }
    }
    if options.paths.is_empty() {
        return Err(Error::new(format!("which files?\n{USAGE}")));
    }
    if options.dim == 0 || options.k == 0 {
        return Err(Error::new(format!("--dim and --k are at least 1\n{USAGE}")));
    }
    Ok(options)
}

fn number(option: &str, value: Option<String>) -> Result<usize> {
    let value = value.ok_or_else(|| Error::new(format!("{option} needs a number\n{USAGE}")))?;
    value
        .parse()
        .map_err(|_| Error::new(format!("{option} needs a number, not `{value}`\n{USAGE}")))
}
