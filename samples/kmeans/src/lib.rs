//! Finds clusters of points by Lloyd's algorithm.

use tinderbox::{Bytes, Context, Error, Rdd, Result};

const USAGE: &str = "usage: kmeans PATH... [--k N] [--iterations N]";

/// Coordinates of a point.
const DIM: usize = 8;
type Point = [f64; DIM];
/// A point in a file: little-endian numbers.
const RECORD_BYTES: u32 = (DIM * size_of::<f64>()) as u32;

struct Options {
    paths: Vec<String>,
    k: usize,
    iterations: usize,
}

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let options = parse(args)?;
    let points = cx
        .binary_records_of(&options.paths, RECORD_BYTES)?
        .map(|record| point(&record))
        .cache();

    let mut centers = first_points(&points, options.k)?;
    for _ in 0..options.iterations {
        centers = step(&points, &centers)?;
    }

    let (cost, sizes) = score(&points, &centers)?;
    println!("cost\t{cost:.6}");
    for (cluster, size) in sizes.iter().enumerate() {
        println!("cluster\t{cluster}\t{size}");
    }
    Ok(())
}

fn point(record: &Bytes) -> Point {
    let mut point = [0.0; DIM];
    point
        .iter_mut()
        .zip(record.f64s())
        .for_each(|(to, x)| *to = x);
    point
}

/// The centers to start from: the first `k` points.
fn first_points(points: &Rdd<'_, Point>, k: usize) -> Result<Vec<Point>> {
    let first = points.take(k)?;
    if first.len() < k {
        return Err(Error::new(format!(
            "{k} clusters need as many points, and there are {}",
            first.len()
        )));
    }
    Ok(first)
}

/// What one iteration gathers of the points that are nearest to each center: their sum and their number.
type Sums = Vec<(Point, u64)>;

/// Moves each center to the middle of the points that are nearest to it. A center without points stays.
fn step(points: &Rdd<'_, Point>, centers: &[Point]) -> Result<Vec<Point>> {
    let none: Sums = vec![([0.0; DIM], 0); centers.len()];
    let sums = points.aggregate(none, |sums, point| add(sums, &point, centers), merge)?;
    let moved = sums
        .iter()
        .zip(centers)
        .map(|((sum, count), center)| match count {
            0 => *center,
            _ => sum.map(|total| total / *count as f64),
        });
    Ok(moved.collect())
}

fn add(mut sums: Sums, point: &Point, centers: &[Point]) -> Sums {
    let (cluster, _) = nearest(centers, point);
    let (sum, count) = &mut sums[cluster];
    sum.iter_mut().zip(point).for_each(|(total, x)| *total += x);
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
fn score(points: &Rdd<'_, Point>, centers: &[Point]) -> Result<(f64, Vec<u64>)> {
    points.aggregate(
        (0.0, vec![0; centers.len()]),
        |(cost, mut sizes), point| {
            let (cluster, distance) = nearest(centers, &point);
            sizes[cluster] += 1;
            (cost + distance, sizes)
        },
        |(cost, sizes), (more, further)| {
            let sizes = sizes.iter().zip(further).map(|(size, more)| size + more);
            (cost + more, sizes.collect())
        },
    )
}

/// The nearest center and the squared distance to it; of equally near ones the first.
fn nearest(centers: &[Point], point: &Point) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (cluster, center) in centers.iter().enumerate() {
        let distance: f64 = center
            .iter()
            .zip(point)
            .map(|(c, x)| (x - c) * (x - c))
            .sum();
        if distance < best.1 {
            best = (cluster, distance);
        }
    }
    best
}

fn parse(args: Vec<String>) -> Result<Options> {
    let mut options = Options {
        paths: Vec::new(),
        k: 16,
        iterations: 10,
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
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
    if options.k == 0 {
        return Err(Error::new(format!("--k is at least 1\n{USAGE}")));
    }
    Ok(options)
}

fn number(option: &str, value: Option<String>) -> Result<usize> {
    let value = value.ok_or_else(|| Error::new(format!("{option} needs a number\n{USAGE}")))?;
    value
        .parse()
        .map_err(|_| Error::new(format!("{option} needs a number, not `{value}`\n{USAGE}")))
}
