//! The functions that stand in for `memory.copy` and `memory.fill` do the same, and can be interrupted.

use std::time::{Duration, Instant};

use sandbox::link;
use wasmparser::{Parser, Payload};
use wasmtime::Trap;

use super::*;

pub(crate) const BULK: &str = include_str!("bulk.wat");
const MIB: u32 = 1 << 20;

/// A fresh instance with `mib` MiB more of memory than its two pages.
fn guest(program: &Program, mib: u32) -> Running {
    let mut guest = program.fresh();
    guest.call::<_, ()>("grow", (mib * 16,));
    guest
}

impl Running {
    fn read(&mut self, address: u32, length: u32) -> Vec<u8> {
        self.call::<_, (Vec<u8>,)>("read", (address, length)).0
    }

    /// Fills a part of the memory with bytes that differ from their neighbours, and returns them.
    fn scatter(&mut self, address: u32, length: u32) -> Vec<u8> {
        self.call::<_, ()>("scatter", (address, length));
        self.read(address, length)
    }

    /// Copies within the part of the memory that begins at `base` and holds `before`, and compares with what Rust does.
    fn check_copy(&mut self, base: u32, mut before: Vec<u8>, from: u32, to: u32, length: u32) {
        self.call::<_, ()>("copy", (base + to, base + from, length));
        before.copy_within(from as usize..(from + length) as usize, to as usize);
        let after = self.read(base, before.len() as u32);
        assert!(after == before, "{length} bytes from {from} to {to}");
    }

    fn check_fill(&mut self, base: u32, mut before: Vec<u8>, to: u32, value: u32, length: u32) {
        self.call::<_, ()>("fill", (base + to, value, length));
        before[to as usize..(to + length) as usize].fill(value as u8);
        let after = self.read(base, before.len() as u32);
        assert!(after == before, "{length} bytes of {value:#x} to {to}");
    }
}

#[test]
fn short_copies_are_those_of_rust_however_they_overlap() {
    let mut guest = Program::new(&wat(BULK)).fresh();
    for length in 0..300 {
        for to in 40..=80 {
            let before = guest.scatter(1024, 420);
            guest.check_copy(1024, before, 60, to, length);
        }
    }
}

#[test]
fn short_fills_write_every_byte_and_no_other() {
    let mut guest = Program::new(&wat(BULK)).fresh();
    for length in 0..300 {
        for value in [0, 0x5a, 0xff, 0x1234_56a5] {
            let before = guest.scatter(1024, 420);
            guest.check_fill(1024, before, 60 + value % 16, value, length);
        }
    }
}

const LONG: [u32; 8] = [
    MIB - 1,
    MIB,
    MIB + 1,
    2 * MIB,
    3 * MIB - 1,
    3 * MIB,
    3 * MIB + 1,
    4 * MIB + 77,
];

#[test]
fn long_copies_overlap_in_both_directions() {
    let mut guest = guest(&Program::new(&wat(BULK)), 9);
    let place = 4 * MIB;
    for length in LONG {
        for distance in [1, 4099, MIB - 1, MIB, MIB + 1] {
            for (from, to) in [(place - distance, place), (place, place - distance)] {
                let before = guest.scatter(4096, 9 * MIB);
                guest.check_copy(4096, before, from, to, length);
            }
        }
    }
}

#[test]
fn long_fills_write_every_byte_and_no_other() {
    let mut guest = guest(&Program::new(&wat(BULK)), 5);
    for length in LONG {
        let before = guest.scatter(4096, 5 * MIB);
        guest.check_fill(4096, before, 13, 0x1a7, length);
    }
}

#[test]
fn the_end_of_the_memory_can_be_reached_but_not_crossed() {
    let program = Program::new(&wat(BULK));
    let end = 5 * MIB + 2 * PAGE as u32;
    let lengths = [1, 2, 5, 12, 20, 50, 100, 200, MIB, MIB + 1, 3 * MIB];
    for length in lengths {
        for (to, from) in [(end - length, 4096), (4096, end - length)] {
            let mut inside = guest(&program, 5);
            inside.call::<_, ()>("copy", (to, from, length));
            inside.call::<_, ()>("fill", (end - length, 1_u32, length));
        }
        // The last ones would reach the memory again if their sums were cut to 32 bits.
        for bad in [end - length + 1, end, u32::MAX, 0_u32.wrapping_sub(length)] {
            for (name, params) in [
                ("copy", (bad, 4096, length)),
                ("copy", (4096, bad, length)),
                ("fill", (bad, 1, length)),
            ] {
                let trap = guest(&program, 5).try_call::<_, ()>(name, params);
                assert_eq!(
                    trap.unwrap_err().downcast_ref(),
                    Some(&Trap::MemoryOutOfBounds),
                    "{name} {params:?}"
                );
            }
        }
    }
}

#[test]
fn what_stands_around_an_operation_stays() {
    let mut guest = Program::new(&wat(BULK)).fresh();
    let source = guest.scatter(1024, 200);
    let (third,) = guest.call::<_, (u32,)>("mixed", (2048_u32,));
    assert_eq!(third, u32::from(source[2]));
    assert_eq!(guest.read(2048, 2), [7, 7]);
    assert_eq!(guest.read(2050, 3), source[2..5]);
    assert_eq!(guest.read(2056, 200), source);
}

#[test]
fn a_module_that_imports_the_memory_has_functions_of_its_own() {
    let mut guest = Program::new(&wat(BULK)).fresh();
    let source = guest.scatter(1024, 77);
    guest.call::<_, ()>("copy-twice", (4096_u32, 1024_u32, 77_u32));
    assert_eq!(guest.read(4096, 154), [&source[..], &source].concat());
}

#[test]
fn a_long_operation_is_killed_in_the_middle() {
    let program = Program::new(&wat(BULK));
    for (name, to, from) in [("fill", 0_u32, 1_u32), ("copy", 0, 4096), ("copy", 4096, 0)] {
        let mut guest = guest(&program, 1024);
        let killer = guest.interrupt().set_after(Duration::from_millis(20));
        let start = Instant::now();
        let killed =
            (0..1_000).try_for_each(|_| guest.try_call::<_, ()>(name, (to, from, 1024 * MIB)));
        assert_eq!(
            killed.unwrap_err().downcast_ref(),
            Some(&Trap::UnreachableCodeReached),
            "{name}"
        );
        killer.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(5), "{name}");
    }
}

/// The types, functions and code of a component's first module.
fn parts(component: &[u8]) -> Vec<Vec<u8>> {
    let payloads = Parser::new(0).parse_all(component).map(Result::unwrap);
    let first_module = payloads
        .skip_while(|payload| !matches!(payload, Payload::ModuleSection { .. }))
        .take_while(|payload| !matches!(payload, Payload::End(_)));
    first_module
        .filter_map(|payload| match payload {
            Payload::TypeSection(section) => Some(section.range()),
            Payload::FunctionSection(section) => Some(section.range()),
            Payload::CodeSectionStart { range, .. } => Some(range),
            _ => None,
        })
        .map(|range| component[range].to_vec())
        .collect()
}

/// The parts of the module with a function of this body, as it was and as it is linked.
fn before_and_after(body: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let module = format!("(memory 1) (func (export \"f\") (param i32) {body})");
    let before = component("", &module, "");
    let after = link::link(&before).unwrap().component;
    (parts(&before), parts(&after))
}

#[test]
fn a_module_without_operations_of_dynamic_length_keeps_its_code() {
    const SHORT: &str = "(memory.copy (local.get 0) (i32.const 0) (i32.const 128))";
    for body in ["", "(i32.store8 (local.get 0) (i32.const 1))", SHORT] {
        let (before, after) = before_and_after(body);
        assert_eq!((before.len(), &before), (3, &after), "{body}");
    }
}

#[test]
fn a_module_gets_the_functions_once_however_many_operations_it_has() {
    const FILL: &str = "(memory.fill (local.get 0) (i32.const 0) (i32.const 5))";
    const COPY: &str = "(memory.copy (local.get 0) (i32.const 0) (i32.const 129))";
    for body in [FILL, COPY, &[FILL, COPY, FILL].concat()] {
        let (before, after) = before_and_after(body);
        assert_eq!((before[2][0], after[2][0]), (1, 3), "{body}");
    }
}

#[test]
fn a_type_that_is_there_is_used_again() {
    const FILL: &str = "(memory.fill (local.get 0) (i32.const 0) (local.get 0))";
    let (before, after) = before_and_after(FILL);
    assert_eq!((before[0][0], after[0][0]), (1, 2), "a type is added");
    assert_eq!(after[1], [3, 0, 1, 1]);
    let (before, after) = before_and_after(&format!("{FILL}) (func (param i32 i32 i32)"));
    assert_eq!(before[0], after[0]);
    assert_eq!(after[1], [4, 0, 1, 1, 1]);
}

#[test]
fn an_operation_in_a_module_of_many_functions_may_become_longer() {
    let many = "(func)".repeat(20_000);
    let program = Program::new(&wat(&BULK.replacen(
        r#"(func (export "grow")"#,
        &format!(r#"{many} (func (export "grow")"#),
        1,
    )));
    let mut guest = program.fresh();
    let before = guest.scatter(1024, 420);
    guest.check_fill(1024, before, 60, 9, 77);
    let before = guest.scatter(1024, 420);
    guest.check_copy(1024, before, 60, 70, 77);
}
