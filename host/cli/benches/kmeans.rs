//! k-means on cached points against a plain two-thread Rust program.
//!
//! `cargo bench -p cli --bench kmeans -- FOLDER` (files of little-endian `f64` records of 8 coordinates).

mod compare;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use compare::{Contender, compare, sample, tinderbox};

const THREADS: usize = 2;
const DIM: usize = 8;
const K: usize = 16;
const ITERATIONS: usize = 10;

fn main() {
    let folder = compare::argument("a folder of points");
    let points = folder.display().to_string();
    let program = sample("kmeans");
    compare(
        "k-means, 8 coordinates, 16 centers, 10 iterations",
        Contender::new("native", || native(&folder)),
        Contender::new("tinderbox", || rounded(&tinderbox(&program, &[&points]))),
    );
}

type Point = [f64; DIM];

fn native(folder: &Path) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let parts: Vec<Vec<Point>> = files.iter().map(|file| read(file)).collect();
    let mut centers: Vec<Point> = parts[0][..K].to_vec();
    for _ in 0..ITERATIONS {
        let (sums, sizes, _) = pass(&parts, &centers);
        for ((center, sum), size) in centers
            .iter_mut()
            .zip(&sums)
            .zip(&sizes)
            .filter(|(_, size)| **size > 0)
        {
            *center = sum.map(|total| total / *size as f64);
        }
    }
    let (_, sizes, cost) = pass(&parts, &centers);
    let sizes: String = sizes
        .iter()
        .enumerate()
        .map(|(cluster, size)| format!("cluster\t{cluster}\t{size}\n"))
        .collect();
    rounded(&format!("cost\t{cost:.6}\n{sizes}"))
}

fn read(file: &Path) -> Vec<Point> {
    let bytes = fs::read(file).expect("points");
    let coordinate = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let point = |bytes: &[u8]| std::array::from_fn(|d| coordinate(&bytes[d * 8..d * 8 + 8]));
    bytes.chunks_exact(DIM * 8).map(point).collect()
}

type Sums = (Vec<Point>, Vec<u64>, f64);

/// What each center gathers; each thread takes every other part.
fn pass(parts: &[Vec<Point>], centers: &[Point]) -> Sums {
    let gather = |first: usize| {
        let mut sums: Sums = (vec![[0.0; DIM]; K], vec![0; K], 0.0);
        for point in parts.iter().skip(first).step_by(THREADS).flatten() {
            let (cluster, distance) = nearest(centers, point);
            sums.0[cluster]
                .iter_mut()
                .zip(point)
                .for_each(|(total, x)| *total += x);
            sums.1[cluster] += 1;
            sums.2 += distance;
        }
        sums
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| scope.spawn(move || gather(first)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .reduce(merge)
            .expect("a thread")
    })
}

fn merge(mut a: Sums, b: Sums) -> Sums {
    for (sum, more) in a.0.iter_mut().flatten().zip(b.0.iter().flatten()) {
        *sum += more;
    }
    a.1.iter_mut()
        .zip(b.1)
        .for_each(|(size, more)| *size += more);
    (a.0, a.1, a.2 + b.2)
}

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

/// Sums of floats in another order differ in the last digits.
fn rounded(text: &str) -> String {
    let (cost, sizes) = text.split_once('\n').expect("the cost first");
    let cost: f64 = cost.trim_start_matches("cost\t").parse().expect("a number");
    format!("cost\t{cost:.3e}\n{sizes}")
}
