//! Whatever a program does, a kill reaches it; and it cannot keep one away.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Trap;

use super::*;

/// The interrupt memory of a guest that is not dropped before the test's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupt(&'static [AtomicU8]);

impl Interrupt {
    #[expect(unsafe_code, reason = "another thread writes to the guest's memory")]
    pub(crate) fn new(bytes: &[u8]) -> Self {
        // SAFETY: tests set the bytes while they hold the guest, and the memory does not move.
        Self(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
    }

    pub(crate) fn set(self) {
        for byte in self.0 {
            byte.store(1, Ordering::Relaxed);
        }
    }

    /// Sets it from another thread; to be joined while the guest is there.
    pub(crate) fn set_after(self, duration: Duration) -> JoinHandle<()> {
        thread::spawn(move || {
            thread::sleep(duration);
            self.set();
        })
    }
}

impl Running {
    pub(crate) fn interrupt(&self) -> Interrupt {
        *self.store.data().interrupt.get().unwrap()
    }
}

/// Functions that never end, or not in this century, without a memory access or a call that would stand between checks.
const ENDLESS: &[(&str, &str)] = &[
    ("a loop", "(loop $again (br $again))"),
    (
        "a loop after a check at the entry",
        "(call $nothing) (loop $again (br $again))",
    ),
    (
        "a loop in a loop",
        "(loop $outer
            (local.set $n (i32.const 5))
            (loop $inner
              (br_if $inner (local.tee $n (i32.add (local.get $n) (i32.const 2)))))
            (br $outer))",
    ),
    (
        "a loop after a loop",
        "(loop $first (br_if $first (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 9))))
         (loop $second (br $second))",
    ),
    (
        "a loop that stores",
        "(loop $again (i32.store (local.get $n) (i32.const -1)) (br $again))",
    ),
    ("recursion", "(call $tree (i32.const 60))"),
    ("recursion through the table", "(call $indirect (i32.const 60))"),
    ("tail calls", "(return_call $tail)"),
    ("tail calls through the table", "(return_call $indirect-tail)"),
];

fn endless(body: &str) -> String {
    format!(
        r#"
        (memory (export "memory") 1)
        (table funcref (elem $indirect $indirect-tail))
        (type $depth (func (param i32)))
        (type $none (func))
        (data (i32.const 0) "kept")
        (func $nothing)
        (func $tree (param $n i32)
          (if (local.get $n) (then
            (call $tree (i32.sub (local.get $n) (i32.const 1)))
            (call $tree (i32.sub (local.get $n) (i32.const 1))))))
        (func $indirect (type $depth)
          (if (local.get 0) (then
            (call_indirect (type $depth) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
            (call_indirect (type $depth) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
        (func $tail (return_call $tail))
        (func $indirect-tail (return_call_indirect (type $none) (i32.const 1)))
        (func (export "first") (result i32) (i32.load (i32.const 0)))
        (func (export "f") (param $n i32) {body})"#
    )
}

const LIFTS: &str = r#"
    (func $f (param "n" u32) (canon lift (core func $main "f")))
    (func $first (result u32) (canon lift (core func $main "first")))
"#;

fn endless_component(body: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component
            (core module $main {})
            (core instance $main (instantiate $main))
            {LIFTS}
            (instance $application (export "f" (func $f)) (export "first" (func $first)))
            (export "{APPLICATION}" (instance $application)))"#,
        endless(body)
    ))
}

#[test]
fn whatever_does_not_end_is_ended() {
    for (name, body) in ENDLESS {
        let mut guest = Program::new(&endless_component(body)).fresh();
        let killer = guest.interrupt().set_after(Duration::from_millis(20));
        let killed = guest.try_call::<_, ()>("f", (0_u32,));
        killer.join().unwrap();
        assert_eq!(
            killed.unwrap_err().downcast_ref(),
            Some(&Trap::UnreachableCodeReached),
            "{name}"
        );
    }
}

#[test]
fn a_module_without_memory_is_ended_too() {
    let mut guest = Program::new(&wat(&format!(
        r#"(component
            (core module $memory (memory (export "memory") 1))
            (core module $main
              (func (export "f") (param i32) (loop $again (br $again))))
            (core instance $memory (instantiate $memory))
            (core instance $main (instantiate $main))
            (func $f (param "n" u32) (canon lift (core func $main "f")))
            (instance $application (export "f" (func $f)))
            (export "{APPLICATION}" (instance $application)))"#
    )))
    .fresh();
    guest.interrupt().set();
    assert!(guest.try_call::<_, ()>("f", (0_u32,)).is_err());
}

#[test]
fn the_programs_own_memory_is_not_the_interrupt_memory() {
    let mut guest = Program::new(&endless_component(
        "(i32.store (i32.const 0) (i32.const -1))",
    ))
    .fresh();
    let first = |guest: &mut Running| guest.call::<_, (u32,)>("first", ()).0;
    assert_eq!(first(&mut guest).to_le_bytes(), *b"kept");
    guest.interrupt().set();
    assert_eq!(first(&mut guest).to_le_bytes(), *b"kept");
    guest.call::<_, ()>("f", (0_u32,));
    assert_eq!(first(&mut guest), u32::MAX);
}

#[test]
fn a_function_may_have_as_many_loops_as_there_are_bytes_but_one() {
    const MOST: usize = 65_535;
    let of = |loops: usize| link::link(&endless_component(&"(loop)".repeat(loops)));
    assert!(of(MOST).is_ok());
    let refusal = of(MOST + 1).unwrap_err().to_string();
    assert!(refusal.contains("more than 65535 loops"), "{refusal}");
}
