//! Replaces `memory.copy` and `memory.fill` by calls of two functions that are appended to the module.
//!
//! The engine makes a host call of each. No kill interrupts it, however long it takes, and for the few bytes that programs
//! copy all the time it costs more than the copy. The functions move short lengths themselves, and long ones in pieces
//! between which they look for a kill. No index moves.
//!
//! Two differences remain, and a program has only traps to tell them by. An operation that is partly outside the memory
//! may write before it traps; a trapped instance is never entered again. One of no bytes does not trap, wherever it is.
//!
//! `memory.init` stays: it moves no more than a segment, which is no longer than the component.

use std::iter;
use std::ops::RangeInclusive;

use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, ValType};
use wasmparser::{FuncType, Operator};

use super::safepoint;

/// Copies of a constant length up to this are loads and stores already.
const INLINED_BY_ENGINE: u32 = 128;

/// Bytes between two looks for a kill. Half a millisecond when the memory is fresh, and long enough to cost nothing.
const PIECE_BYTES: i32 = 1 << 20;

/// What an instruction that is replaced does. The order is that of [`functions`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Copy,
    Fill,
}

impl Operation {
    /// Judges the instruction that comes after `before`.
    pub(super) fn of(operator: &Operator<'_>, before: &Operator<'_>) -> Option<Self> {
        match operator {
            Operator::MemoryCopy {
                dst_mem: 0,
                src_mem: 0,
            } if !is_short(before) => Some(Self::Copy),
            Operator::MemoryFill { mem: 0 } => Some(Self::Fill),
            _ => None,
        }
    }
}

/// Whether this pushed a length that the engine inlines.
fn is_short(before: &Operator<'_>) -> bool {
    matches!(before, Operator::I32Const { value } if value.cast_unsigned() <= INLINED_BY_ENGINE)
}

/// What both functions take, as the instructions do: the address, where from or what with, and how many bytes.
pub(super) const PARAMS: [ValType; 3] = [ValType::I32; 3];

/// Whether a function of this type takes [`PARAMS`] and gives nothing.
pub(super) fn is_type(ty: &FuncType) -> bool {
    ty.params() == [wasmparser::ValType::I32; 3] && ty.results().is_empty()
}

/// How many functions do the work.
pub(super) const FUNCTIONS: usize = 2;

/// The functions that do the work, in a module whose interrupt memory has this index.
pub(super) fn functions(interrupt: u32) -> [Function; FUNCTIONS] {
    [copy(interrupt), fill(interrupt)]
}

/// Lengths that four runs of accesses cover: at the front, at the back, and inside of them, where the two do not meet.
///
/// A class is wide, and its shorter lengths write some bytes twice, because a branch that is guessed wrong costs more.
struct Class {
    /// From one to four runs.
    lengths: RangeInclusive<i32>,
    width: Width,
    /// Accesses of a run.
    count: u64,
}

/// The most frequent first: what programs move is mostly words, numbers and small structures, made of 32-bit fields.
const CLASSES: [Class; 4] = [
    class(4..=16, Width::Four, 1),
    class(17..=64, Width::Sixteen, 1),
    class(1..=3, Width::One, 1),
    class(65..=128, Width::Sixteen, 2),
];

const fn class(lengths: RangeInclusive<i32>, width: Width, count: u64) -> Class {
    Class {
        lengths,
        width,
        count,
    }
}

/// Bytes that the functions move themselves, at most.
const SHORT_MAX: i32 = 128;

/// Bytes of an access.
#[derive(Clone, Copy)]
enum Width {
    One = 1,
    Four = 4,
    Sixteen = 16,
}

impl Width {
    fn load(self, offset: u64, code: &mut InstructionSink<'_>) {
        let place = at(offset);
        match self {
            Self::One => code.i32_load8_u(place),
            Self::Four => code.i32_load(place),
            Self::Sixteen => code.v128_load(place),
        };
    }

    fn store(self, offset: u64, code: &mut InstructionSink<'_>) {
        let place = at(offset);
        match self {
            Self::One => code.i32_store8(place),
            Self::Four => code.i32_store(place),
            Self::Sixteen => code.v128_store(place),
        };
    }
}

fn at(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        memory_index: 0,
    }
}

impl Class {
    /// Begins what is done for these lengths only.
    fn begin(&self, code: &mut InstructionSink<'_>) {
        let (least, most) = (*self.lengths.start(), *self.lengths.end());
        code.local_get(LENGTH)
            .i32_const(least)
            .i32_sub()
            .i32_const(most - least)
            .i32_le_u()
            .if_(BlockType::Empty);
    }

    /// Sets the locals in `runs` to where the runs begin, of which the first begins at `address`.
    fn find_runs(&self, address: u32, runs: [u32; 3], code: &mut InstructionSink<'_>) {
        let [second, third, last] = runs;
        let run = self.offsets().map(|_| self.width as i32).sum::<i32>();
        // A run, if the length is more than two runs and so has this bit; else nothing.
        let inside = |code: &mut InstructionSink<'_>| {
            code.local_get(LENGTH).i32_const(1).i32_sub();
            code.i32_const(2 * run).i32_and();
            code.i32_const(1).i32_shr_u();
        };
        code.local_get(address);
        inside(code);
        code.i32_add().local_set(second);
        code.local_get(address).local_get(LENGTH).i32_add();
        code.i32_const(run).i32_sub().local_tee(last);
        inside(code);
        code.i32_sub().local_set(third);
    }

    /// Where the accesses of a run are.
    fn offsets(&self) -> impl DoubleEndedIterator<Item = u64> + use<> {
        let width = self.width as u64;
        (0..self.count).map(move |number| number * width)
    }
}

// The parameters, which are variables too.
const TO: u32 = 0;
const FROM: u32 = 1;
const VALUE: u32 = 1;
const LENGTH: u32 = 2;

fn copy(interrupt: u32) -> Function {
    const TO_RUNS: [u32; 3] = [3, 4, 5];
    const FROM_RUNS: [u32; 3] = [6, 7, 8];
    let mut function = Function::new([(6, ValType::I32)]);
    let mut code = function.instructions();
    if_long(&mut code, |code| copy_pieces(interrupt, code));
    for class in &CLASSES {
        class.begin(&mut code);
        class.find_runs(TO, TO_RUNS, &mut code);
        class.find_runs(FROM, FROM_RUNS, &mut code);
        // All loads come before all stores: the two places may overlap.
        for (to, from) in iter::zip(all(TO, TO_RUNS), all(FROM, FROM_RUNS)) {
            for offset in class.offsets() {
                code.local_get(to).local_get(from);
                class.width.load(offset, &mut code);
            }
        }
        for _ in all(TO, TO_RUNS) {
            for offset in class.offsets().rev() {
                class.width.store(offset, &mut code);
            }
        }
        code.return_().end();
    }
    code.end();
    function
}

fn copy_pieces(interrupt: u32, code: &mut InstructionSink<'_>) {
    // Each piece is read before another piece overwrites it. What is left is at the front in both cases.
    code.local_get(TO).local_get(FROM);
    code.i32_gt_u().if_(BlockType::Empty);
    for_each_piece(interrupt, code, |code| {
        advance(LENGTH, -PIECE_BYTES, code);
        code.local_get(TO).local_get(LENGTH).i32_add();
        code.local_get(FROM).local_get(LENGTH).i32_add();
        code.i32_const(PIECE_BYTES).memory_copy(0, 0);
    });
    code.else_();
    for_each_piece(interrupt, code, |code| {
        code.local_get(TO).local_get(FROM);
        code.i32_const(PIECE_BYTES).memory_copy(0, 0);
        advance(TO, PIECE_BYTES, code);
        advance(FROM, PIECE_BYTES, code);
        advance(LENGTH, -PIECE_BYTES, code);
    });
    code.end();
    code.local_get(TO).local_get(FROM).local_get(LENGTH);
    code.memory_copy(0, 0);
}

fn fill(interrupt: u32) -> Function {
    const TO_RUNS: [u32; 3] = [3, 4, 5];
    let locals = [(3, ValType::I32), (1, ValType::V128)];
    let mut function = Function::new(locals);
    let mut code = function.instructions();
    if_long(&mut code, |code| fill_pieces(interrupt, code));
    for class in &CLASSES {
        class.begin(&mut code);
        class.find_runs(TO, TO_RUNS, &mut code);
        let value = repeat_value(class.width, &mut code);
        for to in all(TO, TO_RUNS) {
            for offset in class.offsets() {
                code.local_get(to).local_get(value);
                class.width.store(offset, &mut code);
            }
        }
        code.return_().end();
    }
    code.end();
    function
}

fn fill_pieces(interrupt: u32, code: &mut InstructionSink<'_>) {
    for_each_piece(interrupt, code, |code| {
        code.local_get(TO).local_get(VALUE);
        code.i32_const(PIECE_BYTES).memory_fill(0);
        advance(TO, PIECE_BYTES, code);
        advance(LENGTH, -PIECE_BYTES, code);
    });
    code.local_get(TO).local_get(VALUE).local_get(LENGTH);
    code.memory_fill(0);
}

/// All four runs of a class.
fn all(first: u32, others: [u32; 3]) -> impl Iterator<Item = u32> {
    iter::once(first).chain(others)
}

/// Does `body` and returns, if the length is not for a class.
fn if_long(code: &mut InstructionSink<'_>, body: impl FnOnce(&mut InstructionSink<'_>)) {
    code.local_get(LENGTH).i32_const(SHORT_MAX);
    code.i32_gt_u().if_(BlockType::Empty);
    body(code);
    code.return_().end();
}

/// Makes the lowest byte of the value fill an access. Returns the local that has it.
fn repeat_value(width: Width, code: &mut InstructionSink<'_>) -> u32 {
    const VECTOR: u32 = 6;
    const BYTE: i32 = 0xff;
    code.local_get(VALUE);
    let local = match width {
        Width::One => VALUE,
        Width::Four => {
            code.i32_const(BYTE).i32_and();
            code.i32_const(0x0101_0101).i32_mul();
            VALUE
        }
        Width::Sixteen => {
            code.i8x16_splat();
            VECTOR
        }
    };
    code.local_set(local);
    local
}

/// Does `body` as long as more than a piece is left; it must take a piece off the length.
fn for_each_piece(
    interrupt: u32,
    code: &mut InstructionSink<'_>,
    body: impl FnOnce(&mut InstructionSink<'_>),
) {
    code.loop_(BlockType::Empty);
    // The piece before wrote to the memory for all that the compiler knows, so one number does for all loops.
    safepoint::check(interrupt, 0, code);
    code.local_get(LENGTH)
        .i32_const(PIECE_BYTES)
        .i32_gt_u()
        .if_(BlockType::Empty);
    body(code);
    code.br(1).end().end();
}

fn advance(local: u32, bytes: i32, code: &mut InstructionSink<'_>) {
    code.local_get(local)
        .i32_const(bytes)
        .i32_add()
        .local_set(local);
}
