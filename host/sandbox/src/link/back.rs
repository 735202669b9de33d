//! The back module: the last to be instantiated, and the first to run anything.
//!
//! As it starts it either makes the instance a fork (memory length, patches, globals) or, in a fresh driver, runs the
//! start functions that the program's modules had. It also takes checkpoints, because only here is everything in reach.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, EntityType, Function,
    FunctionSection, GlobalType, ImportSection, InstructionSink, MemArg, Module, RefType,
    StartSection, TableType, TypeSection, ValType,
};

use super::front::{FORK, PATCH_PLACE, SLOTS, Signature, Slot, checkpoint_signature};
use super::{FRESH, SCRATCH_ADDRESS, STATE_MEMORY};

/// The functions of the restore interface, with their lowered signatures, in the order of their indices in the back.
pub(super) const RESTORE: [(&str, &[ValType], &[ValType]); 6] = [
    ("begin", &[ValType::I32, ValType::I32], &[ValType::I32]),
    ("pages", &[], &[ValType::I32]),
    ("global", &[ValType::I32], &[ValType::I64]),
    ("patch-address", &[ValType::I32], &[ValType::I32]),
    ("patch-bytes", &[ValType::I32, ValType::I32], &[]),
    ("scratch", &[], &[ValType::I64]),
];
/// The interrupt memory is one page, which `begin` gets as a list.
const INTERRUPT_BYTES: i32 = 65_536;
const BEGIN: u32 = 0;
const PAGES: u32 = 1;
const GLOBAL: u32 = 2;
const PATCH_ADDRESS: u32 = 3;
const PATCH_BYTES: u32 = 4;
const SCRATCH: u32 = 5;

/// The global of the front is the first of the back's.
const PATCH_PLACE_GLOBAL: u32 = 0;
const FIRST_WRITTEN_GLOBAL: u32 = 1;

/// The back's import of the n-th start function.
pub(super) fn start_name(number: usize) -> String {
    format!("start{number}")
}

/// The back's import of the n-th written global.
pub(super) fn global_name(number: usize) -> String {
    format!("g{number}")
}

/// The back's import of what the n-th slot holds.
pub(super) fn slot_name(number: usize) -> String {
    format!("slot{number}")
}

/// What the back is made for.
pub(super) struct Back<'p> {
    pub(super) memory: wasm_encoder::MemoryType,
    /// The types of the written globals, in order.
    pub(super) globals: &'p [ValType],
    /// How many start functions there are.
    pub(super) starts: usize,
    pub(super) slots: &'p [Slot],
}

impl Back<'_> {
    /// The module. Its imports are all of the module `fork`.
    pub(super) fn module(&self) -> Module {
        let mut types = Types::default();
        let mut imports = ImportSection::new();
        let functions = self.imported_functions();
        for (name, signature) in &functions {
            imports.import(FORK, name, EntityType::Function(types.add(signature)));
        }
        self.import_state(&mut imports);

        let own = u32::try_from(functions.len()).unwrap_or(u32::MAX);
        let mut own_functions = FunctionSection::new();
        own_functions.function(types.add(&(vec![], vec![])));
        own_functions.function(types.add(&checkpoint_signature()));
        let mut code = CodeSection::new();
        code.function(&self.start());
        code.function(&self.checkpoint());

        let mut elements = ElementSection::new();
        let filled: Vec<_> = (0..self.slots.len())
            .map(|slot| self.slot_function(slot, own + 1))
            .collect();
        elements.active(
            None,
            &ConstExpr::i32_const(0),
            Elements::Functions(filled.into()),
        );

        let mut module = Module::new();
        module
            .section(&types.section)
            .section(&imports)
            .section(&own_functions);
        module
            .section(&StartSection {
                function_index: own,
            })
            .section(&elements)
            .section(&code);
        module
    }

    fn imported_functions(&self) -> Vec<(String, Signature)> {
        let restore = RESTORE.iter().map(|(name, params, results)| {
            ((*name).to_string(), (params.to_vec(), results.to_vec()))
        });
        let slots = self
            .slots
            .iter()
            .enumerate()
            .map(|(number, slot)| (slot_name(number), slot.signature()));
        let starts = (0..self.starts).map(|number| (start_name(number), (vec![], vec![])));
        restore.chain(slots).chain(starts).collect()
    }

    fn import_state(&self, imports: &mut ImportSection) {
        imports.import(FORK, STATE_MEMORY, EntityType::Memory(self.memory));
        let slots = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        let table = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: slots,
            maximum: Some(slots),
            shared: false,
        };
        imports.import(FORK, SLOTS, EntityType::Table(table));
        let written = |val_type| {
            EntityType::Global(GlobalType {
                val_type,
                mutable: true,
                shared: false,
            })
        };
        imports.import(FORK, PATCH_PLACE, written(ValType::I32));
        for (number, ty) in self.globals.iter().enumerate() {
            imports.import(FORK, &global_name(number), written(*ty));
        }
    }

    /// The function that belongs into a slot: the import, but for `checkpoint`, which goes through the back's own.
    fn slot_function(&self, slot: usize, checkpoint: u32) -> u32 {
        match self.slots[slot] {
            Slot::Checkpoint => checkpoint,
            _ => slot_import(slot),
        }
    }

    fn start(&self) -> Function {
        const COUNT: u32 = 0;
        const MISSING: u32 = 1;
        const INDEX: u32 = 2;
        let mut function = Function::new([(3, ValType::I32)]);
        let mut code = function.instructions();
        code.i32_const(0)
            .i32_const(INTERRUPT_BYTES)
            .call(BEGIN)
            .local_tee(COUNT)
            .i32_const(FRESH.cast_signed())
            .i32_eq()
            .if_(BlockType::Empty);
        let first = slot_import(self.slots.len());
        for (start, _) in (first..).zip(0..self.starts) {
            code.call(start);
        }
        code.return_().end();

        code.call(PAGES)
            .memory_size(0)
            .i32_sub()
            .local_tee(MISSING)
            .i32_const(0)
            .i32_gt_s()
            .if_(BlockType::Empty);
        code.local_get(MISSING)
            .memory_grow(0)
            .i32_const(-1)
            .i32_eq()
            .if_(BlockType::Empty)
            .unreachable()
            .end()
            .end();

        code.local_get(COUNT)
            .if_(BlockType::Empty)
            .loop_(BlockType::Empty);
        code.local_get(INDEX)
            .call(PATCH_ADDRESS)
            .global_set(PATCH_PLACE_GLOBAL);
        code.local_get(INDEX)
            .i32_const(SCRATCH_ADDRESS.cast_signed())
            .call(PATCH_BYTES);
        code.local_get(INDEX)
            .i32_const(1)
            .i32_add()
            .local_tee(INDEX)
            .local_get(COUNT)
            .i32_lt_u()
            .br_if(0)
            .end();
        // The canonical ABI wrote each patch's address and length there.
        code.i32_const(SCRATCH_ADDRESS.cast_signed())
            .call(SCRATCH)
            .i64_store(MemArg {
                offset: 0,
                align: 3,
                memory_index: 0,
            })
            .end();

        for ((ty, number), global) in self.globals.iter().zip(0..).zip(FIRST_WRITTEN_GLOBAL..) {
            code.i32_const(number).call(GLOBAL);
            from_bits(*ty, &mut code);
            code.global_set(global);
        }
        code.end();
        function
    }

    /// Calls the host with the whole memory and the written globals, whatever the arguments were.
    fn checkpoint(&self) -> Function {
        const PAGE_BITS: i32 = 16;
        let mut function = Function::new([]);
        let mut code = function.instructions();
        if let Some(slot) = self.slots.iter().position(|slot| *slot == Slot::Checkpoint) {
            code.i32_const(0)
                .memory_size(0)
                .i32_const(PAGE_BITS)
                .i32_shl();
            let (params, _) = checkpoint_signature();
            for (number, global) in (0..params.len() - 2).zip(FIRST_WRITTEN_GLOBAL..) {
                match self.globals.get(number) {
                    Some(ty) => to_bits(*ty, code.global_get(global)),
                    None => _ = code.i64_const(0),
                }
            }
            code.call(slot_import(slot));
        }
        code.end();
        function
    }
}

/// The function index of what the host or the program gave for a slot.
fn slot_import(slot: usize) -> u32 {
    u32::try_from(RESTORE.len() + slot).unwrap_or(u32::MAX)
}

fn to_bits(ty: ValType, code: &mut InstructionSink<'_>) {
    match ty {
        ValType::I32 => _ = code.i64_extend_i32_u(),
        ValType::F32 => _ = code.i32_reinterpret_f32().i64_extend_i32_u(),
        ValType::F64 => _ = code.i64_reinterpret_f64(),
        _ => {}
    }
}

fn from_bits(ty: ValType, code: &mut InstructionSink<'_>) {
    match ty {
        ValType::I32 => _ = code.i32_wrap_i64(),
        ValType::F32 => _ = code.i32_wrap_i64().f32_reinterpret_i32(),
        ValType::F64 => _ = code.f64_reinterpret_i64(),
        _ => {}
    }
}

#[derive(Default)]
struct Types {
    section: TypeSection,
    count: u32,
}

impl Types {
    fn add(&mut self, (params, results): &Signature) -> u32 {
        self.section
            .ty()
            .function(params.iter().copied(), results.iter().copied());
        self.count += 1;
        self.count - 1
    }
}
