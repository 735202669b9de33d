//! The front module: what the program's code calls instead of the host.
//!
//! It is instantiated before all of the program's modules, so it calls nothing itself: what leaves it goes through the
//! slots of its table, which the back module fills as the last thing before any code of the program runs.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, InstructionSink, MemArg, Module,
    RefType, TableSection, TableType, TypeSection, ValType,
};
use wasmparser::component_types::ComponentValType;
use wasmparser::types::TypesRef;

use super::answer::{ANY_HANDLE, Answer, Answers};
use super::{STATE_INTERRUPT, STATE_MEMORY, safepoint};

/// The module of the front's and the back's own imports.
pub(super) const FORK: &str = "fork";
/// The front's table of slots.
pub(super) const SLOTS: &str = "slots";
/// The global that holds the address where the next patch belongs.
pub(super) const PATCH_PLACE: &str = "patch-place";
/// The function that the canonical ABI calls for room for a patch; it answers with [`PATCH_PLACE`].
pub(super) const PATCH_ROOM: &str = "patch-room";

/// Handles of the three streams, as every program gets them.
const STDOUT: i32 = 1;
const STDERR: i32 = 2;
const STDIN: i32 = 3;

/// Bytes that a program may write at once, from `check-write`.
const WRITE_BYTES: i64 = 65_536;

/// A parameter list and a result list.
pub(super) type Signature = (Vec<ValType>, Vec<ValType>);

/// What a function of the front does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Passes on to the back.
    Checkpoint,
    /// Answers with one of the three streams.
    Stream(i32),
    /// Logs the bytes.
    Write,
    /// Says that the call worked, with a number.
    Grant(i64),
    /// Answers with a handle that stands for a duration.
    AfterDuration,
    /// The same until an instant of the monotonic clock.
    AtInstant,
    /// Sleeps for as long as a handle says.
    Block,
    /// Sleeps for the shortest of several handles.
    Poll {
        /// The program's allocator, a core function of the original component.
        realloc: u32,
    },
    /// Does nothing.
    Drop,
    /// Says no.
    Deny,
}

/// What a slot of the front's table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Checkpoint,
    Log,
    Sleep,
    Now,
    /// A core function of the original component.
    Realloc(u32),
}

impl Slot {
    pub(super) fn signature(self) -> Signature {
        use ValType::{I32, I64};
        match self {
            Self::Checkpoint => checkpoint_signature(),
            Self::Log => (vec![I32; 3], vec![]),
            Self::Sleep => (vec![I64], vec![]),
            Self::Now => (vec![], vec![I64]),
            Self::Realloc(_) => (vec![I32; 4], vec![I32]),
        }
    }
}

/// The image's address and length, then fourteen globals.
pub(super) fn checkpoint_signature() -> Signature {
    let image = [ValType::I32; 2];
    let globals = [ValType::I64; 14];
    (image.into_iter().chain(globals).collect(), vec![])
}

/// What the front does in the place of a WASI function.
pub(super) fn role(interface: &str, function: &str, realloc: Option<u32>) -> Role {
    match (interface, function) {
        ("wasi:cli/stdin", "get-stdin") => Role::Stream(STDIN),
        ("wasi:cli/stdout", "get-stdout") => Role::Stream(STDOUT),
        ("wasi:cli/stderr", "get-stderr") => Role::Stream(STDERR),
        (
            "wasi:io/streams",
            "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush",
        ) => Role::Write,
        ("wasi:io/streams", "[method]output-stream.check-write") => Role::Grant(WRITE_BYTES),
        (
            "wasi:io/streams",
            "[method]output-stream.flush" | "[method]output-stream.blocking-flush",
        ) => Role::Grant(0),
        ("wasi:clocks/monotonic-clock", "subscribe-duration") => Role::AfterDuration,
        ("wasi:clocks/monotonic-clock", "subscribe-instant") => Role::AtInstant,
        // A program that asks in a loop whether the time has come gets its answer when it has come.
        ("wasi:io/poll", "[method]pollable.block" | "[method]pollable.ready") => Role::Block,
        ("wasi:io/poll", "poll") => realloc.map_or(Role::Deny, |realloc| Role::Poll { realloc }),
        _ => Role::Deny,
    }
}

impl Role {
    /// The one signature with which the role can be played; none if any will do.
    fn signature(self) -> Option<Signature> {
        use ValType::{I32, I64};
        match self {
            Self::Checkpoint => Some(checkpoint_signature()),
            Self::Stream(_) => Some((vec![], vec![I32])),
            Self::Write => Some((vec![I32; 4], vec![])),
            Self::AfterDuration | Self::AtInstant => Some((vec![I64], vec![I32])),
            Self::Poll { .. } => Some((vec![I32; 3], vec![])),
            Self::Grant(_) | Self::Block | Self::Drop | Self::Deny => None,
        }
    }
}

/// A function of the front, as it is asked for.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) role: Role,
    pub(super) signature: Signature,
    /// The result at component level, which says what an answer looks like.
    pub(super) result: Option<ComponentValType>,
}

/// The front module as it grows.
pub(super) struct Front<'t> {
    answers: Answers<'t>,
    /// Whether the host's monotonic clock can be read.
    has_clock: bool,
    slots: Vec<Slot>,
    types: TypeSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    count: u32,
    types_count: u32,
}

/// The index of the interrupt memory.
const INTERRUPT: u32 = 1;

/// Functions that every front has, before those that are asked for.
const PATCH_ROOM_FUNC: u32 = 0;
const PACK_FUNC: u32 = 1;
const UNPACK_FUNC: u32 = 2;

impl<'t> Front<'t> {
    pub(super) fn new(types: TypesRef<'t>, has_clock: bool) -> Self {
        let mut front = Self {
            answers: Answers { types },
            has_clock,
            slots: Vec::new(),
            types: TypeSection::new(),
            functions: FunctionSection::new(),
            exports: ExportSection::new(),
            code: CodeSection::new(),
            count: 0,
            types_count: 0,
        };
        let room = front.define(
            &(vec![ValType::I32; 4], vec![ValType::I32]),
            &[],
            |code, _| {
                code.global_get(0);
            },
        );
        debug_assert_eq!(room, PATCH_ROOM_FUNC);
        front.exports.export(PATCH_ROOM, ExportKind::Func, room);
        let pack = front.define(
            &(vec![ValType::I64], vec![ValType::I32]),
            &[(1, ValType::I64)],
            |code, _| pack(code),
        );
        debug_assert_eq!(pack, PACK_FUNC);
        let unpack = front.define(&(vec![ValType::I32], vec![ValType::I64]), &[], |code, _| {
            unpack(code);
        });
        debug_assert_eq!(unpack, UNPACK_FUNC);
        front
    }

    /// The slots that the functions so far use, in order.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Adds a function and exports it under `name`.
    pub(super) fn add(&mut self, name: &str, replacement: &Replacement) {
        let Replacement {
            role,
            signature,
            result,
        } = replacement;
        // A function of another shape than WASI's is none of WASI's, whatever its name: it is denied.
        let role = if role
            .signature()
            .is_none_or(|expected| expected == *signature)
        {
            *role
        } else {
            Role::Deny
        };
        let function = match role {
            Role::Checkpoint => self.define(signature, &[], |code, front| {
                (0..16).for_each(|local| _ = code.local_get(local));
                front.call_slot(Slot::Checkpoint, code);
            }),
            Role::Stream(handle) => {
                self.define(signature, &[], |code, _| _ = code.i32_const(handle))
            }
            Role::Write => self.define(signature, &[], |code, front| {
                front.write(result.as_ref(), code);
            }),
            Role::AfterDuration => self.define(signature, &[], |code, _| {
                _ = code.local_get(0).call(PACK_FUNC);
            }),
            Role::AtInstant if self.has_clock => {
                self.define(signature, &[(1, ValType::I64)], |code, front| {
                    front.at_instant(code);
                })
            }
            Role::AtInstant => {
                self.define(signature, &[], |code, _| _ = code.i32_const(ANY_HANDLE))
            }
            Role::Block => self.define(signature, &[(1, ValType::I64)], |code, front| {
                front.block(signature, code);
            }),
            Role::Poll { realloc } => self.define(signature, POLL_LOCALS, |code, front| {
                front.poll(realloc, code);
            }),
            Role::Grant(number) => self.answer(signature, result.as_ref(), Answer::Grant(number)),
            Role::Drop | Role::Deny => self.answer(signature, result.as_ref(), Answer::Deny),
        };
        self.exports.export(name, ExportKind::Func, function);
    }

    /// The module's bytes.
    pub(super) fn finish(mut self, memory: wasm_encoder::MemoryType) -> Module {
        let mut imports = ImportSection::new();
        imports.import(FORK, STATE_MEMORY, EntityType::Memory(memory));
        imports.import(FORK, STATE_INTERRUPT, EntityType::Memory(safepoint::MEMORY));
        let slots = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: slots,
            maximum: Some(slots),
            shared: false,
        });
        let mut globals = GlobalSection::new();
        globals.global(
            GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            },
            &ConstExpr::i32_const(0),
        );
        self.exports.export(SLOTS, ExportKind::Table, 0);
        self.exports.export(PATCH_PLACE, ExportKind::Global, 0);
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&imports)
            .section(&self.functions)
            .section(&tables)
            .section(&globals);
        module.section(&self.exports).section(&self.code);
        module
    }

    fn define(
        &mut self,
        signature: &Signature,
        locals: &[(u32, ValType)],
        body: impl FnOnce(&mut InstructionSink<'_>, &mut Self),
    ) -> u32 {
        let ty = self.ty(signature);
        self.functions.function(ty);
        let mut function = Function::new(locals.iter().copied());
        let mut code = function.instructions();
        body(&mut code, self);
        code.end();
        self.code.function(&function);
        self.count += 1;
        self.count - 1
    }

    fn ty(&mut self, (params, results): &Signature) -> u32 {
        self.types
            .ty()
            .function(params.iter().copied(), results.iter().copied());
        self.types_count += 1;
        self.types_count - 1
    }

    /// Calls what the slot holds, with the arguments on the stack.
    fn call_slot(&mut self, slot: Slot, code: &mut InstructionSink<'_>) {
        let index = self
            .slots
            .iter()
            .position(|known| *known == slot)
            .unwrap_or_else(|| {
                self.slots.push(slot);
                self.slots.len() - 1
            });
        let ty = self.ty(&slot.signature());
        code.i32_const(i32::try_from(index).unwrap_or(i32::MAX))
            .call_indirect(0, ty);
    }

    fn answer(
        &mut self,
        signature: &Signature,
        result: Option<&ComponentValType>,
        answer: Answer,
    ) -> u32 {
        self.define(signature, &[], |code, front| {
            front.push_answer(signature, result, answer, code);
        })
    }

    fn push_answer(
        &self,
        (params, results): &Signature,
        result: Option<&ComponentValType>,
        answer: Answer,
        code: &mut InstructionSink<'_>,
    ) {
        let Some(result) = result else { return };
        match (results.first(), params.len().checked_sub(1)) {
            (Some(core), _) => self.answers.push(result, *core, answer, code),
            // What does not fit one core value goes to the address in the last parameter.
            (None, Some(last)) => {
                self.answers
                    .store(result, answer, u32::try_from(last).unwrap_or(0), 0, code);
            }
            (None, None) => {}
        }
    }

    /// `write(stream, bytes, length, answer)`
    fn write(&mut self, result: Option<&ComponentValType>, code: &mut InstructionSink<'_>) {
        code.local_get(0)
            .i32_const(STDERR)
            .i32_eq()
            .local_get(1)
            .local_get(2);
        self.call_slot(Slot::Log, code);
        if let Some(result) = result {
            self.answers.store(result, Answer::Grant(0), 3, 0, code);
        }
    }

    /// `subscribe-instant(instant) -> handle`
    fn at_instant(&mut self, code: &mut InstructionSink<'_>) {
        // The time left, or 0 if the instant has passed.
        code.local_get(0);
        self.call_slot(Slot::Now, code);
        code.local_tee(1)
            .i64_sub()
            .i64_const(0)
            .local_get(0)
            .local_get(1)
            .i64_gt_u()
            .select()
            .call(PACK_FUNC);
    }

    /// `block(handle)` and `ready(handle) -> bool`
    fn block(&mut self, (_, results): &Signature, code: &mut InstructionSink<'_>) {
        code.local_get(0)
            .call(UNPACK_FUNC)
            .local_tee(1)
            .i64_eqz()
            .i32_eqz()
            .if_(BlockType::Empty)
            .local_get(1);
        self.call_slot(Slot::Sleep, code);
        code.end();
        if !results.is_empty() {
            code.i32_const(1);
        }
    }

    /// `poll(handles, length, answer)`: sleeps for the shortest, and says that this one is ready.
    fn poll(&mut self, realloc: u32, code: &mut InstructionSink<'_>) {
        const HANDLES: u32 = 0;
        const LENGTH: u32 = 1;
        const ANSWER: u32 = 2;
        const INDEX: u32 = 3;
        const FIRST: u32 = 4;
        const LIST: u32 = 5;
        const LEFT: u32 = 6;
        const SHORTEST: u32 = 7;
        let word = |offset| MemArg {
            offset,
            align: 2,
            memory_index: 0,
        };
        code.i64_const(-1).local_set(SHORTEST);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        safepoint::check(INTERRUPT, 0, code);
        code.local_get(INDEX).local_get(LENGTH).i32_ge_u().br_if(1);
        code.local_get(HANDLES)
            .local_get(INDEX)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .i32_load(word(0));
        code.call(UNPACK_FUNC)
            .local_tee(LEFT)
            .local_get(SHORTEST)
            .i64_lt_u()
            .if_(BlockType::Empty);
        code.local_get(LEFT)
            .local_set(SHORTEST)
            .local_get(INDEX)
            .local_set(FIRST)
            .end();
        code.local_get(INDEX)
            .i32_const(1)
            .i32_add()
            .local_set(INDEX)
            .br(0)
            .end()
            .end();
        // None to wait for: WASI says trap.
        code.local_get(LENGTH)
            .i32_eqz()
            .if_(BlockType::Empty)
            .unreachable()
            .end();
        code.local_get(SHORTEST)
            .i64_eqz()
            .i32_eqz()
            .if_(BlockType::Empty)
            .local_get(SHORTEST);
        self.call_slot(Slot::Sleep, code);
        code.end();
        code.i32_const(0).i32_const(0).i32_const(4).i32_const(4);
        self.call_slot(Slot::Realloc(realloc), code);
        code.local_tee(LIST).local_get(FIRST).i32_store(word(0));
        code.local_get(ANSWER).local_get(LIST).i32_store(word(0));
        code.local_get(ANSWER).i32_const(1).i32_store(word(4));
    }
}

/// `INDEX`, `FIRST` and `LIST`, then `LEFT` and `SHORTEST`.
const POLL_LOCALS: &[(u32, ValType)] = &[(3, ValType::I32), (2, ValType::I64)];

// A pollable's handle is the duration itself, so that it needs no state that a fork would lack: bit 30 says that it is a
// duration, then 6 bits of exponent and 24 of mantissa, rounded up.
const DURATION_BIT: i32 = 1 << 30;
const MANTISSA_BITS: i64 = 24;
const MANTISSA_MASK: i64 = (1 << MANTISSA_BITS) - 1;
/// 146 years in nanoseconds; longer sleeps are not told apart.
const LONGEST_NS: i64 = 1 << 62;

/// `pack(nanoseconds) -> handle`; local 1 is the exponent.
fn pack(code: &mut InstructionSink<'_>) {
    let significant = 64 - MANTISSA_BITS;
    code.local_get(0)
        .i64_const(LONGEST_NS)
        .local_get(0)
        .i64_const(LONGEST_NS)
        .i64_lt_u()
        .select()
        .local_set(0);
    // The exponent: how many bits do not fit the mantissa.
    code.i64_const(significant)
        .local_get(0)
        .i64_clz()
        .i64_sub()
        .local_tee(1)
        .i64_const(0);
    code.local_get(1)
        .i64_const(0)
        .i64_gt_s()
        .select()
        .local_set(1);
    code.local_get(0)
        .i64_const(1)
        .local_get(1)
        .i64_shl()
        .i64_const(1)
        .i64_sub()
        .i64_add()
        .local_get(1)
        .i64_shr_u()
        .local_set(0);
    // Rounding up may have carried into one bit more.
    code.local_get(0)
        .i64_const(MANTISSA_BITS)
        .i64_shr_u()
        .i64_eqz()
        .i32_eqz()
        .if_(BlockType::Empty);
    code.local_get(0)
        .i64_const(1)
        .i64_shr_u()
        .local_set(0)
        .local_get(1)
        .i64_const(1)
        .i64_add()
        .local_set(1)
        .end();
    code.local_get(1)
        .i64_const(MANTISSA_BITS)
        .i64_shl()
        .local_get(0)
        .i64_or()
        .i32_wrap_i64()
        .i32_const(DURATION_BIT)
        .i32_or();
}

/// `unpack(handle) -> nanoseconds`; 0 for every handle that is no duration.
fn unpack(code: &mut InstructionSink<'_>) {
    const EXPONENT_MASK: i64 = 63;
    code.local_get(0)
        .i64_extend_i32_u()
        .i64_const(MANTISSA_MASK)
        .i64_and();
    code.local_get(0)
        .i64_extend_i32_u()
        .i64_const(MANTISSA_BITS)
        .i64_shr_u()
        .i64_const(EXPONENT_MASK)
        .i64_and()
        .i64_shl();
    code.i64_const(0)
        .local_get(0)
        .i32_const(DURATION_BIT)
        .i32_and()
        .select();
}
