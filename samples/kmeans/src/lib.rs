//! Finds clusters of points by Lloyd's algorithm.

use tinderbox::{Bytes, Context, Error, Rdd, Result};

const USAGE: &str = "usage: kmeans PATH... [--dim N] [--k N] [--iterations N]";

/// So many coordinates. That it is known when this is compiled makes the loops over them fast.
type Point<const DIM: usize> = [f64; DIM];

struct Options {
    paths: Vec<String>,
    dim: usize,
    k: usize,
    iterations: usize,
}

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let options = parse(args)?;
    match options.dim {
        1 => cluster::<1>(cx, &options),
        2 => cluster::<2>(cx, &options),
        3 => cluster::<3>(cx, &options),
        4 => cluster::<4>(cx, &options),
        8 => cluster::<8>(cx, &options),
        16 => cluster::<16>(cx, &options),
        32 => cluster::<32>(cx, &options),
        dim => Err(Error::new(format!(
            "--dim is 1, 2, 3, 4, 8, 16 or 32, not {dim}\n{USAGE}"
        ))),
    }
}

fn cluster<const DIM: usize>(cx: &Context, options: &Options) -> Result<()> {
    let record_bytes = u32::try_from(size_of::<Point<DIM>>())?;
    let points = cx
        .binary_records_of(&options.paths, record_bytes)?
        .map(|record| point::<DIM>(&record))
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

/// A point in a file is little-endian numbers.
fn point<const DIM: usize>(record: &Bytes) -> Point<DIM> {
    let mut point = [0.0; DIM];
    point
        .iter_mut()
        .zip(record.f64s())
        .for_each(|(to, x)| *to = x);
    point
}

/// The centers to start from: the first `k` points.
fn first_points<const DIM: usize>(
    points: &Rdd<'_, Point<DIM>>,
    k: usize,
) -> Result<Vec<Point<DIM>>> {
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
type Sums<const DIM: usize> = Vec<(Point<DIM>, u64)>;

/// Moves each center to the middle of the points that are nearest to it. A center without points stays.
fn step<const DIM: usize>(
    points: &Rdd<'_, Point<DIM>>,
    centers: &[Point<DIM>],
) -> Result<Vec<Point<DIM>>> {
    let none: Sums<DIM> = vec![([0.0; DIM], 0); centers.len()];
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

fn add<const DIM: usize>(
    mut sums: Sums<DIM>,
    point: &Point<DIM>,
    centers: &[Point<DIM>],
) -> Sums<DIM> {
    let (cluster, _) = nearest(centers, point);
    let (sum, count) = &mut sums[cluster];
    sum.iter_mut().zip(point).for_each(|(total, x)| *total += x);
    *count += 1;
    sums
}

fn merge<const DIM: usize>(mut a: Sums<DIM>, b: Sums<DIM>) -> Sums<DIM> {
    for ((sum, count), (more, further)) in a.iter_mut().zip(b) {
        sum.iter_mut().zip(more).for_each(|(total, x)| *total += x);
        *count += further;
    }
    a
}

/// The sum of the squared distances to the nearest center, and how many points each center has.
fn score<const DIM: usize>(
    points: &Rdd<'_, Point<DIM>>,
    centers: &[Point<DIM>],
) -> Result<(f64, Vec<u64>)> {
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
fn nearest<const DIM: usize>(centers: &[Point<DIM>], point: &Point<DIM>) -> (usize, f64) {
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
