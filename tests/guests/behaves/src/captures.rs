//! Closures that capture whatever a driver has: nothing is serialised, so all of it must be there.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use tinderbox::{Context, Result};

use crate::Behaviour;

pub const ALL: &[(&str, Behaviour)] = &[
    ("captures-string", string),
    ("captures-vec", vec),
    ("captures-map", map),
    ("captures-stack", stack),
    ("captures-loop-variable", loop_variable),
    ("captures-thread-local", thread_local),
    ("captures-trait-objects", trait_objects),
    ("captures-shared", shared),
    ("map-order", map_order),
    ("deep", deep),
    ("prints", prints),
];

fn string(cx: &Context, _: &[String]) -> Result<()> {
    let greeting = String::from("wörld");
    let greeted = cx
        .parallelize_in(["hello", "good bye"], 2)
        .map(|word| format!("{word} {greeting}"))
        .collect()?;
    println!("{greeted:?} {greeting}");
    Ok(())
}

fn vec(cx: &Context, _: &[String]) -> Result<()> {
    let table: Vec<u64> = (0..1000).map(|n| n * n).collect();
    let sum = cx
        .range_in(0..1000, 4)
        .map(|n| table[n as usize])
        .reduce(|a, b| a + b)?;
    println!("{sum}");
    Ok(())
}

fn map(cx: &Context, _: &[String]) -> Result<()> {
    let names: HashMap<u64, String> = (0..100).map(|n| (n, format!("name-{n}"))).collect();
    let found = cx
        .range_in(95..105, 3)
        .map(|n| names.get(&n).cloned().unwrap_or_else(|| "-".into()))
        .collect()?;
    println!("{}", found.join(" "));
    Ok(())
}

/// Borrows of locals, one of them behind another frame.
fn stack(cx: &Context, _: &[String]) -> Result<()> {
    fn scaled(cx: &Context, factors: &[u64; 3], offset: &u64) -> Result<Vec<u64>> {
        let local = [10, 20, 30];
        cx.range_in(0..3, 3)
            .map(|n| local[n as usize] * factors[n as usize] + offset)
            .collect()
    }
    let (factors, offset) = ([2, 3, 5], 7);
    println!("{:?}", scaled(cx, &factors, &offset)?);
    Ok(())
}

/// Each iteration's closure captures the result of the one before.
fn loop_variable(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(1..5, 2);
    let mut sums = vec![0u64];
    for round in 1..=4 {
        let sum = numbers
            .map(|n| n * round + sums.last().copied().unwrap_or_default())
            .reduce(|a, b| a + b)?;
        sums.push(sum);
    }
    println!("{sums:?}");
    Ok(())
}

fn thread_local(cx: &Context, _: &[String]) -> Result<()> {
    thread_local!(static LEVEL: Cell<u64> = const { Cell::new(1) });
    LEVEL.set(40);
    let seen = cx.range_in(0..3, 3).map(|n| LEVEL.get() + n).collect()?;
    println!("{seen:?}");
    Ok(())
}

fn trait_objects(cx: &Context, _: &[String]) -> Result<()> {
    let steps: Vec<Box<dyn Fn(u64) -> u64>> = vec![
        Box::new(|n| n + 1),
        Box::new(|n| n * 10),
        Box::new(|n| n - 3),
    ];
    let results = cx
        .range_in(0..4, 2)
        .map(|n| steps.iter().fold(n, |n, step| step(n)))
        .collect()?;
    println!("{results:?}");
    Ok(())
}

/// What is not `Send` travels too: each fork has all of the memory.
fn shared(cx: &Context, _: &[String]) -> Result<()> {
    let counter = Rc::new(Cell::new(5u64));
    let also = Rc::clone(&counter);
    let counts = cx
        .range_in(0..3, 3)
        .map(|n| {
            counter.set(counter.get() + n);
            also.get()
        })
        .collect()?;
    println!("{counts:?} {}", also.get());
    Ok(())
}

/// A map with random keys is the same map in a fork: it goes round in the driver's order.
fn map_order(cx: &Context, _: &[String]) -> Result<()> {
    let map: HashMap<u64, u64> = (0..500).map(|n| (n, n)).collect();
    let mine: Vec<u64> = map.keys().copied().collect();
    let theirs = cx
        .range_in(0..4, 4)
        .map(|_| map.keys().copied().collect::<Vec<u64>>())
        .collect()?;
    println!("{}", theirs.iter().all(|order| *order == mine));
    let sorted: BTreeMap<_, _> = map.into_iter().collect();
    println!("{:?}", sorted.into_iter().next_back());
    Ok(())
}

/// An action far down the stack, with a guarded array in each frame that must be whole afterwards.
fn deep(cx: &Context, _: &[String]) -> Result<()> {
    println!("{}", descend(cx, 20)?);
    Ok(())
}

const GUARD: u64 = 0x5AFE_5AFE_5AFE_5AFE;

#[inline(never)]
fn descend(cx: &Context, frames: u64) -> Result<u64> {
    let guards = std::hint::black_box([GUARD ^ frames; 64]);
    let sum = if frames == 0 {
        cx.range_in(0..10, 5)
            .map(|n| n + guards[n as usize])
            .collect()?
            .iter()
            .fold(0u64, |sum, n| sum.wrapping_add(*n))
    } else {
        descend(cx, frames - 1)?
    };
    assert!(
        std::hint::black_box(&guards)
            .iter()
            .all(|guard| *guard == GUARD ^ frames),
        "frame {frames} was written over"
    );
    Ok(sum)
}

/// The driver's output is the user's; a task's is its log's.
fn prints(cx: &Context, _: &[String]) -> Result<()> {
    println!("driver before");
    print!("half a line, ");
    cx.range_in(0..2, 2).for_each(|n| {
        println!("task {n} to stdout");
        eprintln!("task {n} to stderr");
    })?;
    println!("and its end");
    eprintln!("driver to stderr");
    print!("no line end");
    Ok(())
}
