//! Decides whether a component can be forked, and where its state is: one memory and the globals that are written.
//!
//! Whatever a fork could not carry is refused here, with its reason; what passes is only moved, never guessed.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::ValType;
use wasmparser::{ExternalKind, Instance, Validator, WasmFeatures};

use super::module::{Address, Module, ModuleEdit, Segment};
use super::survey::Survey;
use super::{BaseMemory, PAGE_BYTES, Refusal, STATE_MEMORY, STATE_MODULE, interface};

/// As many globals as `checkpoint` has arguments for.
const GLOBALS_MAX: usize = 14;

/// One page less than 4 GiB, so that the memory's length in bytes is a 32-bit number.
const PAGES_MAX: u64 = 65_535;

/// Bytes of data segments, laid out. More would not fit the largest image either.
const BASE_BYTES_MAX: u64 = 256 << 20;

/// What compilers of Rust, C, Python and JavaScript emit, and the component model as it is without async.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Parts of WebAssembly that jobs do not have, for messages.
const PROPOSALS: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::THREADS, "threads"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "threads"),
    (WasmFeatures::CM_THREADING, "threads"),
    (WasmFeatures::EXCEPTIONS, "exceptions"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "exceptions"),
    (WasmFeatures::GC, "garbage-collected types"),
    (
        WasmFeatures::FUNCTION_REFERENCES,
        "typed function references",
    ),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::MEMORY64, "64-bit tables or memories"),
    (WasmFeatures::MULTI_MEMORY, "several memories"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::CM_ASYNC, "asynchronous component functions"),
    (WasmFeatures::CM_VALUES, "component-level values"),
];

/// A global of an instance that some code writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrittenGlobal {
    /// The core instance that has it.
    pub(super) instance: usize,
    /// Its index in the instance's module.
    pub(super) index: u32,
    pub(super) ty: ValType,
}

/// What the rewriting shall do.
#[derive(Debug)]
pub(super) struct Plan {
    /// The module that defines the memory.
    pub(super) memory_owner: usize,
    pub(super) base: BaseMemory,
    pub(super) globals: Vec<WrittenGlobal>,
    /// The core instances with a start function, in the order in which they start.
    pub(super) starts: Vec<usize>,
    /// The modules that change.
    pub(super) edits: BTreeMap<usize, ModuleEdit>,
}

impl Plan {
    /// The type under which the component imports its memory.
    pub(super) fn memory_type(base: &BaseMemory) -> wasm_encoder::MemoryType {
        wasm_encoder::MemoryType {
            minimum: base.minimum_pages,
            maximum: Some(base.maximum_pages),
            memory64: false,
            shared: false,
            page_size_log2: None,
        }
    }
}

/// Judges a component.
///
/// # Errors
/// The first reason for which it cannot be linked.
pub(super) fn analyse(survey: &Survey<'_>) -> Result<Plan, Refusal> {
    check_world(survey)?;
    check_shape(survey)?;
    let instances = Instances::of(survey)?;
    let memory = instances.memory_kinds()?;
    validate(survey.bytes)?;
    let (memory_owner, memory) = memory.ok_or(Refusal::NoMemory)?;
    instances.check_tables()?;
    let globals = instances.written_globals()?;
    let base = instances.base_memory(memory)?;
    let starts = instances.with(|module| module.start.is_some());
    let edits = instances.edits(memory_owner, &base, &globals);
    Ok(Plan {
        memory_owner,
        base,
        globals,
        starts,
        edits,
    })
}

/// Validates strictly: what jobs cannot use is named.
fn validate(bytes: &[u8]) -> Result<(), Refusal> {
    let Err(error) = Validator::new_with_features(FEATURES).validate_all(bytes) else {
        return Ok(());
    };
    let named = |features| {
        PROPOSALS
            .iter()
            .find(|(proposal, _)| proposal.intersects(features))
            .map(|(_, name)| *name)
    };
    let is_sound = || {
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(bytes)
            .is_ok()
    };
    let proposal = match error.missing_wasm_feature().and_then(named) {
        Some(name) => name,
        None if is_sound() => "a part of WebAssembly that is not switched on",
        None => return Err(Refusal::malformed(&error)),
    };
    Err(Refusal::Proposal {
        proposal,
        offset: error.offset(),
        reason: error.message().to_string(),
    })
}

/// Validates what the rewriting made: the interrupt memory comes beside the one that programs may have.
pub(super) fn check_linked(component: &[u8]) -> Result<(), Refusal> {
    Validator::new_with_features(FEATURES | WasmFeatures::MULTI_MEMORY)
        .validate_all(component)
        .map(drop)
        .map_err(Refusal::unsupported)
}

fn check_world(survey: &Survey<'_>) -> Result<(), Refusal> {
    let is_ours = |name: &str| name.starts_with("tinderbox:fork/");
    if survey.odd_imports.iter().any(|name| is_ours(name))
        || survey.imports.iter().any(|import| is_ours(import.name))
    {
        return Err(Refusal::LinkedBefore);
    }
    interface::check_exports(survey.exports.iter().copied())?;
    if let Some(name) = survey.odd_imports.first() {
        return Err(Refusal::UnknownImport {
            name: (*name).to_string(),
        });
    }
    let interfaces = survey.imported_interfaces();
    interfaces
        .iter()
        .try_for_each(|import| interface::check_import(&import.name, &import.functions))
}

fn check_shape(survey: &Survey<'_>) -> Result<(), Refusal> {
    if survey.nested {
        return Err(Refusal::Nested);
    }
    if survey.own_resources {
        return Err(Refusal::OwnResources);
    }
    survey
        .unsupported
        .map_or(Ok(()), |reason| Err(Refusal::unsupported(reason)))
}

/// The core instances that are made from a module, each from its own.
struct Instances<'s, 'a> {
    survey: &'s Survey<'a>,
    /// Instance and module, in the order of instantiation.
    made: Vec<(usize, usize)>,
}

impl<'s, 'a> Instances<'s, 'a> {
    fn of(survey: &'s Survey<'a>) -> Result<Self, Refusal> {
        let made = (0..survey.instances.len())
            .filter_map(|instance| Some((instance, survey.module_of(instance)?)))
            .collect::<Vec<_>>();
        let distinct = made
            .iter()
            .map(|(_, module)| module)
            .collect::<BTreeSet<_>>();
        if distinct.len() < made.len() {
            return Err(Refusal::Twice);
        }
        Ok(Self { survey, made })
    }

    fn modules(&self) -> impl Iterator<Item = (usize, usize, &'s Module<'a>)> {
        self.made
            .iter()
            .map(|&(instance, module)| (instance, module, &self.survey.modules[module]))
    }

    /// The modules whose code can run: something refers to their instance, or instantiating it does something.
    fn live(&self) -> impl Iterator<Item = (usize, usize, &'s Module<'a>)> {
        self.modules().filter(|(instance, _, module)| {
            let used =
                u32::try_from(*instance).is_ok_and(|index| self.survey.used.contains(&index));
            used || module.acts_when_instantiated()
        })
    }

    fn with(&self, wanted: impl Fn(&Module<'_>) -> bool) -> Vec<usize> {
        self.modules()
            .filter(|(_, _, module)| wanted(module))
            .map(|(instance, _, _)| instance)
            .collect()
    }

    /// The module that defines the memory, and the memory.
    fn memory_kinds(&self) -> Result<Option<(usize, wasmparser::MemoryType)>, Refusal> {
        let defined: Vec<_> = self
            .modules()
            .flat_map(|(_, index, module)| {
                module.memories.iter().map(move |memory| (index, *memory))
            })
            .collect();
        let memory = match defined[..] {
            [] => return Ok(None),
            [one] => one,
            _ => {
                return Err(Refusal::SeveralMemories {
                    count: defined.len(),
                });
            }
        };
        match memory.1 {
            wasmparser::MemoryType { shared: true, .. } => Err(Refusal::SharedMemory),
            wasmparser::MemoryType { memory64: true, .. } => Err(Refusal::WideMemory),
            wasmparser::MemoryType {
                initial,
                page_size_log2: None,
                ..
            } if initial > PAGES_MAX => Err(Refusal::HugeMemory),
            _ => Ok(Some(memory)),
        }
    }

    fn check_tables(&self) -> Result<(), Refusal> {
        match self.live().find_map(|(_, _, module)| module.table_write) {
            Some((instruction, offset)) => Err(Refusal::TableWrite {
                instruction,
                offset,
            }),
            None => Ok(()),
        }
    }

    fn written_globals(&self) -> Result<Vec<WrittenGlobal>, Refusal> {
        let mut places = BTreeSet::new();
        for (instance, _, module) in self.live() {
            for &index in &module.written {
                places.insert(self.resolve_global(instance, index)?);
            }
        }
        if places.len() > GLOBALS_MAX {
            return Err(Refusal::TooManyGlobals {
                count: places.len(),
                most: GLOBALS_MAX,
            });
        }
        places
            .into_iter()
            .map(|(instance, index)| self.written_global(instance, index))
            .collect()
    }

    fn written_global(&self, instance: usize, index: u32) -> Result<WrittenGlobal, Refusal> {
        let module = self
            .survey
            .module_of(instance)
            .map(|module| &self.survey.modules[module]);
        let global = module
            .and_then(|module| module.globals.get(index as usize))
            .ok_or_else(unresolved)?;
        let ty = match global.content_type {
            wasmparser::ValType::I32 => ValType::I32,
            wasmparser::ValType::I64 => ValType::I64,
            wasmparser::ValType::F32 => ValType::F32,
            wasmparser::ValType::F64 => ValType::F64,
            other => {
                return Err(Refusal::GlobalKind {
                    kind: other.to_string(),
                });
            }
        };
        Ok(WrittenGlobal {
            instance,
            index,
            ty,
        })
    }

    /// Follows an imported global to the instance that defines it.
    fn resolve_global(&self, instance: usize, index: u32) -> Result<(usize, u32), Refusal> {
        let Instance::Instantiate { module_index, args } = &self.survey.instances[instance] else {
            return Err(unresolved());
        };
        let module = &self.survey.modules[*module_index as usize];
        let Some((from, field)) = module.imported_globals.get(index as usize) else {
            return Ok((instance, index));
        };
        let arg = args
            .iter()
            .find(|arg| arg.name == *from)
            .ok_or_else(unresolved)?;
        self.resolve_export(arg.index as usize, field)
    }

    fn resolve_export(&self, instance: usize, name: &str) -> Result<(usize, u32), Refusal> {
        match &self.survey.instances[instance] {
            Instance::Instantiate { module_index, .. } => match self.survey.modules
                [*module_index as usize]
                .exports
                .get(name)
            {
                Some((ExternalKind::Global, index)) => self.resolve_global(instance, *index),
                _ => Err(unresolved()),
            },
            Instance::FromExports(exports) => {
                let export = exports
                    .iter()
                    .find(|export| export.name == name)
                    .ok_or_else(unresolved)?;
                let (instance, name) = self
                    .survey
                    .core_globals
                    .get(export.index as usize)
                    .ok_or_else(unresolved)?;
                self.resolve_export(*instance as usize, name)
            }
        }
    }

    /// Lays out the active data segments in the order in which instantiation would write them.
    fn base_memory(&self, memory: wasmparser::MemoryType) -> Result<BaseMemory, Refusal> {
        // The scratch word is in the first page.
        let minimum_pages = memory.initial.max(1);
        let maximum_pages = memory
            .maximum
            .unwrap_or(PAGES_MAX)
            .clamp(minimum_pages, PAGES_MAX);
        let mut bytes = Vec::new();
        for segment in self.modules().flat_map(|(_, _, module)| &module.segments) {
            lay_out(segment, minimum_pages * PAGE_BYTES, &mut bytes)?;
        }
        let whole_pages = bytes
            .len()
            .next_multiple_of(usize::try_from(PAGE_BYTES).map_err(Refusal::unsupported)?);
        bytes.resize(whole_pages, 0);
        Ok(BaseMemory {
            bytes,
            minimum_pages,
            maximum_pages,
        })
    }

    fn edits(
        &self,
        memory_owner: usize,
        base: &BaseMemory,
        globals: &[WrittenGlobal],
    ) -> BTreeMap<usize, ModuleEdit> {
        let mut edits: BTreeMap<usize, ModuleEdit> = BTreeMap::new();
        for (instance, index, module) in self.modules() {
            let globals: Vec<_> = globals
                .iter()
                .filter(|global| global.instance == instance)
                .map(|global| global.index)
                .collect();
            let memory_import = (index == memory_owner)
                .then(|| (STATE_MODULE, STATE_MEMORY, Plan::memory_type(base)));
            let has_active_data = module
                .segments
                .iter()
                .any(|segment| segment.address.is_some());
            if memory_import.is_some()
                || !globals.is_empty()
                || module.start.is_some()
                || has_active_data
                || module.has_sites()
            {
                edits.insert(
                    index,
                    ModuleEdit {
                        memory_import,
                        globals,
                    },
                );
            }
        }
        edits
    }
}

fn lay_out(segment: &Segment<'_>, memory_bytes: u64, memory: &mut Vec<u8>) -> Result<(), Refusal> {
    let address = match segment.address {
        None => return Ok(()),
        Some(Address::Computed) => {
            return Err(Refusal::DataAddress {
                offset: segment.offset,
            });
        }
        Some(Address::Constant(address)) => address as usize,
    };
    let end = address + segment.bytes.len();
    if end as u64 > memory_bytes {
        return Err(Refusal::DataOutside {
            offset: segment.offset,
        });
    }
    if end as u64 > BASE_BYTES_MAX {
        return Err(Refusal::DataFar {
            offset: segment.offset,
            most_mib: BASE_BYTES_MAX >> 20,
        });
    }
    if memory.len() < end {
        memory.resize(end, 0);
    }
    memory[address..end].copy_from_slice(segment.bytes);
    Ok(())
}

fn unresolved() -> Refusal {
    Refusal::unsupported("a written global does not lead to the module that defines it")
}
