//! Writes the linked component: the original, with one opening before its first instance and one ending after its last item.
//!
//! Sections that mention nothing that moves are copied byte for byte. What is added shifts some core indices, so the others
//! go through a map per index space; component-level types and instances never shift.

use std::collections::BTreeMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{
    Error, Reencode, ReencodeComponent, RoundtripReencoder, component_utils,
};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentImportSection, ComponentInstanceSection,
    ComponentSection, ComponentTypeRef, ComponentTypeSection, ComponentValType, CoreTypeSection,
    EntityType, ExportKind, InstanceSection, InstanceType, ModuleArg, ModuleSection, ModuleType,
    PrimitiveValType, RawSection, ValType,
};
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, InstanceTypeDeclaration,
    KnownCustom, Parser, Payload,
};

use super::analysis::Plan;
use super::back::{self, Back, RESTORE};
use super::front::{FORK, Front, PATCH_PLACE, PATCH_ROOM, Replacement, Role, SLOTS, Slot, role};
use super::module::{self, START_EXPORT, global_export};
use super::survey::{CoreFunc, Func, Import, Survey};
use super::{
    CLOCK_INTERFACE, RESTORE_INTERFACE, Refusal, STATE_INTERRUPT, STATE_MEMORY, STATE_MODULE,
    interface, safepoint,
};

const DRIVER: &str = "tinderbox:job/driver";
const LOGGING: &str = "tinderbox:job/logging";
const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock";

/// Writes the linked component.
///
/// # Errors
/// If the program prints without a log to print to, or is built in a way that cannot be followed.
pub(super) fn rewrite(survey: &Survey<'_>, plan: &Plan) -> Result<Vec<u8>, Refusal> {
    let replacements = replacements(survey)?;
    let mut rewriter = Rewriter {
        survey,
        plan,
        replacements,
        out: Component::new(),
        spaces: Spaces::default(),
        opening: None,
    };
    let mut skipped = 0;
    for payload in Parser::new(0).parse_all(survey.bytes) {
        let payload = payload.map_err(|error| Refusal::malformed(&error))?;
        if let Payload::End(_) = payload {
            skipped -= i32::from(skipped > 0);
            continue;
        }
        let opens = matches!(
            payload,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
        );
        if skipped == 0 {
            rewriter.payload(payload)?;
        }
        skipped += i32::from(opens);
    }
    rewriter.end()?;
    Ok(rewriter.out.finish())
}

/// The core functions of the original that the front module stands in for.
fn replacements(survey: &Survey<'_>) -> Result<BTreeMap<u32, Replacement>, Refusal> {
    let mut replacements = BTreeMap::new();
    for (index, core) in (0..).zip(&survey.core_funcs) {
        let (role, result) = match *core {
            CoreFunc::ResourceDrop => (Role::Drop, None),
            CoreFunc::Lowered { func, realloc } => match lowered_role(survey, func, realloc) {
                Some(role) => (
                    role,
                    survey.types[survey.types.component_function_at(func)].result,
                ),
                None => continue,
            },
            CoreFunc::Other => continue,
        };
        if role == Role::Write && imported(survey, LOGGING, "log").is_none() {
            return Err(Refusal::NoLogging);
        }
        replacements.insert(
            index,
            Replacement {
                role,
                signature: signature(survey, index)?,
                result,
            },
        );
    }
    Ok(replacements)
}

fn lowered_role(survey: &Survey<'_>, func: u32, realloc: Option<u32>) -> Option<Role> {
    let Func::Imported(import, function) = *survey.funcs.get(func as usize)? else {
        return None;
    };
    let (interface, _) = interface::split(survey.imports[import].name);
    if (interface, function) == (DRIVER, "checkpoint") {
        return Some(Role::Checkpoint);
    }
    interface::is_replaced(interface, function).then(|| role(interface, function, realloc))
}

/// The import of an interface, if the component names this function of it.
fn imported<'s, 'a>(
    survey: &'s Survey<'a>,
    interface: &str,
    function: &str,
) -> Option<&'s Import<'a>> {
    let functions = survey.imported_interfaces();
    let found = survey
        .imports
        .iter()
        .zip(functions)
        .find(|(import, _)| interface::split(import.name).0 == interface);
    found
        .filter(|(_, known)| known.functions.iter().any(|name| name == function))
        .map(|(import, _)| import)
}

fn signature(survey: &Survey<'_>, core_func: u32) -> Result<(Vec<ValType>, Vec<ValType>), Refusal> {
    let ty = survey.types[survey.types.as_ref().core_function_at(core_func)].unwrap_func();
    let encode = |types: &[wasmparser::ValType]| {
        let types = types.iter().map(|ty| RoundtripReencoder.val_type(*ty));
        types
            .collect::<Result<Vec<_>, _>>()
            .map_err(Refusal::unsupported)
    };
    Ok((encode(ty.params())?, encode(ty.results())?))
}

/// The new index of each old item of one index space.
#[derive(Debug, Default)]
struct Space {
    new: Vec<u32>,
    count: u32,
}

impl Space {
    /// An item that only this step adds.
    fn add(&mut self) -> u32 {
        self.count += 1;
        self.count - 1
    }

    /// An item that stays.
    fn keep(&mut self) {
        let index = self.add();
        self.new.push(index);
    }

    /// An item that goes; those who mention it mean this one now.
    fn replace(&mut self, index: u32) {
        self.new.push(index);
    }

    /// The new index. One that cannot be is left to the final validation.
    fn get(&self, old: u32) -> u32 {
        self.new.get(old as usize).copied().unwrap_or(GONE)
    }
}

/// Stands for an item that was dropped, which nothing may mention.
const GONE: u32 = u32::MAX;

#[derive(Debug, Default)]
struct Spaces {
    core_types: u32,
    core_modules: Space,
    core_instances: Space,
    core_funcs: Space,
    core_memories: Space,
    core_tables: u32,
    core_globals: u32,
    types: u32,
    instances: u32,
    funcs: Space,
}

/// What the opening defined.
struct Opening {
    state: u32,
    memory: u32,
    interrupt: u32,
    front: u32,
    patch_room: u32,
    slots: Vec<Slot>,
    /// Per replaced core function, the front's.
    replaced: BTreeMap<u32, u32>,
}

struct Rewriter<'s, 'a> {
    survey: &'s Survey<'a>,
    plan: &'s Plan,
    replacements: BTreeMap<u32, Replacement>,
    out: Component,
    spaces: Spaces,
    opening: Option<Opening>,
}

impl Rewriter<'_, '_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::ModuleSection { .. } => return self.module(payload),
            Payload::InstanceSection(section) => return self.core_instances(section),
            Payload::ComponentCanonicalSection(section) => return self.canonicals(section),
            Payload::ComponentAliasSection(section) => return self.aliases(section),
            Payload::ComponentInstanceSection(section) => return self.instances(section),
            Payload::ComponentExportSection(section) => return self.exports(section),
            Payload::ComponentTypeSection(section) => return self.types(section),
            // Its names are by index, and indices move.
            Payload::CustomSection(section)
                if matches!(section.as_known(), KnownCustom::ComponentName(_)) =>
            {
                return Ok(());
            }
            Payload::ComponentImportSection(ref section) => {
                self.spaces.instances += section.count();
            }
            Payload::CoreTypeSection(ref section) => self.spaces.core_types += section.count(),
            _ => {}
        }
        self.copy(&payload);
        Ok(())
    }

    /// Copies a section as it is.
    fn copy(&mut self, payload: &Payload<'_>) {
        if let Some((id, range)) = payload.as_section() {
            self.out.section(&RawSection {
                id,
                data: &self.survey.bytes[range],
            });
        }
    }

    fn module(&mut self, payload: Payload<'_>) -> Result<(), Refusal> {
        let number = self.spaces.core_modules.new.len();
        self.spaces.core_modules.keep();
        match self.plan.edits.get(&number) {
            Some(edit) => {
                let module =
                    module::rewrite(self.survey.bytes, &self.survey.modules[number], edit)?;
                self.out.section(&ModuleSection(&module));
            }
            None => self.copy(&payload),
        }
        Ok(())
    }

    /// Copies types; those of interfaces that are answered here lose the functions that nobody will call.
    fn types(
        &mut self,
        section: wasmparser::ComponentTypeSectionReader<'_>,
    ) -> Result<(), Refusal> {
        let mut types = ComponentTypeSection::new();
        for ty in section {
            let ty = ty.map_err(|error| Refusal::malformed(&error))?;
            let import = self
                .survey
                .imports
                .iter()
                .find(|import| import.ty == self.spaces.types);
            let ty = match (ty, import) {
                (wasmparser::ComponentType::Instance(declarations), Some(import)) => {
                    wasmparser::ComponentType::Instance(without_replaced(import.name, declarations))
                }
                (ty, _) => ty,
            };
            RoundtripReencoder
                .parse_component_type(types.ty(), ty)
                .map_err(Refusal::unsupported)?;
            self.spaces.types += 1;
        }
        self.out.section(&types);
        Ok(())
    }

    fn core_instances(
        &mut self,
        section: wasmparser::InstanceSectionReader<'_>,
    ) -> Result<(), Refusal> {
        let state = self.open()?.state;
        let mut instances = InstanceSection::new();
        for instance in section {
            match instance.map_err(|error| Refusal::malformed(&error))? {
                wasmparser::Instance::Instantiate { module_index, args }
                    if self.imports_state(module_index as usize) =>
                {
                    let mut args: Vec<_> = args
                        .iter()
                        .map(|arg| {
                            (
                                arg.name,
                                ModuleArg::Instance(self.spaces.core_instances.get(arg.index)),
                            )
                        })
                        .collect();
                    args.push((STATE_MODULE, ModuleArg::Instance(state)));
                    instances.instantiate(self.spaces.core_modules.get(module_index), args);
                }
                other => component_utils::parse_instance(self, &mut instances, other)
                    .map_err(Refusal::unsupported)?,
            }
            self.spaces.core_instances.keep();
        }
        self.out.section(&instances);
        Ok(())
    }

    /// Whether the rewritten module imports a memory of the state module.
    fn imports_state(&self, module: usize) -> bool {
        module == self.plan.memory_owner
            || self.plan.edits.contains_key(&module) && self.survey.modules[module].has_sites()
    }

    fn canonicals(
        &mut self,
        section: wasmparser::ComponentCanonicalSectionReader<'_>,
    ) -> Result<(), Refusal> {
        self.open()?;
        let mut canonicals = CanonicalFunctionSection::new();
        for function in section {
            let function = function.map_err(|error| Refusal::malformed(&error))?;
            if matches!(function, wasmparser::CanonicalFunction::Lift { .. }) {
                self.spaces.funcs.keep();
            } else if let Some(front) = self.replaced(self.spaces.core_funcs.new.len()) {
                self.spaces.core_funcs.replace(front);
                continue;
            } else {
                self.spaces.core_funcs.keep();
            }
            component_utils::parse_component_canonical(self, &mut canonicals, function)
                .map_err(Refusal::unsupported)?;
        }
        self.out.section(&canonicals);
        Ok(())
    }

    fn replaced(&self, core_func: usize) -> Option<u32> {
        let core_func = u32::try_from(core_func).ok()?;
        self.opening.as_ref()?.replaced.get(&core_func).copied()
    }

    fn aliases(
        &mut self,
        section: wasmparser::ComponentAliasSectionReader<'_>,
    ) -> Result<(), Refusal> {
        let mut aliases = ComponentAliasSection::new();
        for alias in section {
            let alias = alias.map_err(|error| Refusal::malformed(&error))?;
            if self.count_alias(&alias) {
                aliases.alias(self.component_alias(alias).map_err(Refusal::unsupported)?);
            }
        }
        self.out.section(&aliases);
        Ok(())
    }

    /// Counts what an alias defines. False: it goes, because its function is replaced.
    fn count_alias(&mut self, alias: &ComponentAlias<'_>) -> bool {
        use wasmparser::ExternalKind;
        match alias {
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Func,
                ..
            } => {
                if self.is_replaced(self.spaces.funcs.new.len()) {
                    self.spaces.funcs.replace(GONE);
                    return false;
                }
                self.spaces.funcs.keep();
            }
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Type,
                ..
            }
            | ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Type,
                ..
            } => self.spaces.types += 1,
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Instance,
                ..
            } => self.spaces.instances += 1,
            ComponentAlias::CoreInstanceExport { kind, .. } => match kind {
                ExternalKind::Func | ExternalKind::FuncExact => self.spaces.core_funcs.keep(),
                ExternalKind::Table => self.spaces.core_tables += 1,
                ExternalKind::Memory => self.spaces.core_memories.keep(),
                ExternalKind::Global => self.spaces.core_globals += 1,
                ExternalKind::Tag => {}
            },
            ComponentAlias::InstanceExport { .. } | ComponentAlias::Outer { .. } => {}
        }
        true
    }

    fn is_replaced(&self, func: usize) -> bool {
        match self.survey.funcs.get(func) {
            Some(Func::Imported(import, function)) => interface::is_replaced(
                interface::split(self.survey.imports[*import].name).0,
                function,
            ),
            _ => false,
        }
    }

    fn instances(
        &mut self,
        section: wasmparser::ComponentInstanceSectionReader<'_>,
    ) -> Result<(), Refusal> {
        let mut instances = ComponentInstanceSection::new();
        self.spaces.instances += section.count();
        self.parse_component_instance_section(&mut instances, section)
            .map_err(Refusal::unsupported)?;
        self.out.section(&instances);
        Ok(())
    }

    fn exports(
        &mut self,
        section: wasmparser::ComponentExportSectionReader<'_>,
    ) -> Result<(), Refusal> {
        let mut exports = ComponentExportSection::new();
        for export in section {
            let export = export.map_err(|error| Refusal::malformed(&error))?;
            let kind = export.kind;
            self.parse_component_export(&mut exports, export)
                .map_err(Refusal::unsupported)?;
            match kind {
                ComponentExternalKind::Func => self.spaces.funcs.keep(),
                ComponentExternalKind::Instance => self.spaces.instances += 1,
                ComponentExternalKind::Type => self.spaces.types += 1,
                ComponentExternalKind::Module
                | ComponentExternalKind::Value
                | ComponentExternalKind::Component => {}
            }
        }
        self.out.section(&exports);
        Ok(())
    }
}

/// An import's type without the functions that the front module answers.
fn without_replaced<'t>(
    import: &str,
    declarations: Box<[InstanceTypeDeclaration<'t>]>,
) -> Box<[InstanceTypeDeclaration<'t>]> {
    let (interface, _) = interface::split(import);
    let goes = |declaration: &InstanceTypeDeclaration<'_>| match declaration {
        InstanceTypeDeclaration::Export {
            name,
            ty: wasmparser::ComponentTypeRef::Func(_),
        } => interface::is_replaced(interface, name.name),
        _ => false,
    };
    declarations
        .into_vec()
        .into_iter()
        .filter(|declaration| !goes(declaration))
        .collect()
}

/// What this step adds.
impl Rewriter<'_, '_> {
    /// Defines state and front before the first item that may need them.
    fn open(&mut self) -> Result<&Opening, Refusal> {
        if self.opening.is_none() {
            let opening = self.write_opening()?;
            self.opening = Some(opening);
        }
        self.opening
            .as_ref()
            .ok_or_else(|| Refusal::unsupported("it has no core instance"))
    }

    fn write_opening(&mut self) -> Result<Opening, Refusal> {
        let memory_type = Plan::memory_type(&self.plan.base);
        let state_module = self.import_state_module(memory_type);
        let state = self.instantiate(state_module, &[]);
        let memory = self.alias_core(state, ExportKind::Memory, STATE_MEMORY);
        let interrupt = self.alias_core(state, ExportKind::Memory, STATE_INTERRUPT);

        let mut front = Front::new(
            self.survey.types.as_ref(),
            imported(self.survey, MONOTONIC_CLOCK, "now").is_some(),
        );
        for (core_func, replacement) in &self.replacements {
            front.add(&core_func.to_string(), replacement);
        }
        let slots = front.slots().to_vec();
        let front_module = self.define_module(&front.finish(memory_type));
        let front = self.instantiate(front_module, &[(FORK, state)]);
        let patch_room = self.alias_core(front, ExportKind::Func, PATCH_ROOM);
        let replaced: Vec<u32> = self.replacements.keys().copied().collect();
        let replaced = replaced
            .into_iter()
            .map(|old| {
                (
                    old,
                    self.alias_core(front, ExportKind::Func, &old.to_string()),
                )
            })
            .collect();
        Ok(Opening {
            state,
            memory,
            interrupt,
            front,
            patch_room,
            slots,
            replaced,
        })
    }

    fn import_state_module(&mut self, memory: wasm_encoder::MemoryType) -> u32 {
        let mut ty = ModuleType::new();
        ty.export(STATE_MEMORY, EntityType::Memory(memory));
        ty.export(STATE_INTERRUPT, EntityType::Memory(safepoint::MEMORY));
        let mut types = CoreTypeSection::new();
        types.ty().module(&ty);
        let mut imports = ComponentImportSection::new();
        imports.import(
            STATE_MODULE,
            ComponentTypeRef::Module(self.spaces.core_types),
        );
        self.section(&types).section(&imports);
        self.spaces.core_types += 1;
        self.spaces.core_modules.add()
    }

    /// Defines the back module and instantiates it, last of all.
    fn end(&mut self) -> Result<(), Refusal> {
        self.open()?;
        let Some(opening) = self.opening.take() else {
            return Ok(());
        };
        let mut args = vec![
            (STATE_MEMORY.to_string(), ExportKind::Memory, opening.memory),
            (
                SLOTS.to_string(),
                ExportKind::Table,
                self.alias_core(opening.front, ExportKind::Table, SLOTS),
            ),
            (
                PATCH_PLACE.to_string(),
                ExportKind::Global,
                self.alias_core(opening.front, ExportKind::Global, PATCH_PLACE),
            ),
        ];
        self.lower_restore(&opening, &mut args);
        for (number, slot) in opening.slots.iter().enumerate() {
            let function = self.slot(*slot, opening.memory)?;
            args.push((back::slot_name(number), ExportKind::Func, function));
        }
        for (number, instance) in self.plan.starts.iter().enumerate() {
            let function = self.alias_original(*instance, ExportKind::Func, START_EXPORT);
            args.push((back::start_name(number), ExportKind::Func, function));
        }
        for (number, global) in self.plan.globals.iter().enumerate() {
            let index = self.alias_original(
                global.instance,
                ExportKind::Global,
                &global_export(global.index),
            );
            args.push((back::global_name(number), ExportKind::Global, index));
        }
        let globals: Vec<_> = self.plan.globals.iter().map(|global| global.ty).collect();
        let back = Back {
            memory: Plan::memory_type(&self.plan.base),
            globals: &globals,
            starts: self.plan.starts.len(),
            slots: &opening.slots,
        };
        let module = self.define_module(&back.module());
        let mut instances = InstanceSection::new();
        instances.export_items(args);
        self.section(&instances);
        let bundle = self.spaces.core_instances.add();
        self.instantiate(module, &[(FORK, bundle)]);
        Ok(())
    }

    fn lower_restore(&mut self, opening: &Opening, args: &mut Vec<(String, ExportKind, u32)>) {
        let instance = self.import_instance(RESTORE_INTERFACE, &restore_type());
        for (name, ..) in RESTORE {
            let options: &[CanonicalOption] = match name {
                "begin" => &[CanonicalOption::Memory(opening.interrupt)],
                "patch-bytes" => &[
                    CanonicalOption::Memory(opening.memory),
                    CanonicalOption::Realloc(opening.patch_room),
                ],
                _ => &[],
            };
            args.push((
                name.to_string(),
                ExportKind::Func,
                self.lower(instance, name, options),
            ));
        }
    }

    /// The core function that belongs into a slot.
    fn slot(&mut self, slot: Slot, memory: u32) -> Result<u32, Refusal> {
        let memory = [CanonicalOption::Memory(memory)];
        let (interface, function, options): (_, _, &[CanonicalOption]) = match slot {
            Slot::Checkpoint => (DRIVER, "checkpoint", &memory),
            Slot::Log => (LOGGING, "log", &memory),
            Slot::Now => (MONOTONIC_CLOCK, "now", &[]),
            Slot::Realloc(core_func) => return Ok(self.spaces.core_funcs.get(core_func)),
            Slot::Sleep => {
                let instance = self.import_instance(CLOCK_INTERFACE, &clock_type());
                return Ok(self.lower(instance, "sleep", &[]));
            }
        };
        let missing = || {
            Refusal::unsupported(format!(
                "it uses `{interface}.{function}` without importing it"
            ))
        };
        let instance = imported(self.survey, interface, function)
            .ok_or_else(missing)?
            .instance;
        Ok(self.lower(instance, function, options))
    }

    fn import_instance(&mut self, name: &str, ty: &InstanceType) -> u32 {
        let mut types = ComponentTypeSection::new();
        types.instance(ty);
        let mut imports = ComponentImportSection::new();
        imports.import(name, ComponentTypeRef::Instance(self.spaces.types));
        self.section(&types).section(&imports);
        self.spaces.types += 1;
        self.spaces.instances += 1;
        self.spaces.instances - 1
    }

    fn lower(&mut self, instance: u32, function: &str, options: &[CanonicalOption]) -> u32 {
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::InstanceExport {
            instance,
            kind: ComponentExportKind::Func,
            name: function,
        });
        let mut canonicals = CanonicalFunctionSection::new();
        canonicals.lower(self.spaces.funcs.add(), options.iter().copied());
        self.section(&aliases).section(&canonicals);
        self.spaces.core_funcs.add()
    }

    fn define_module(&mut self, module: &wasm_encoder::Module) -> u32 {
        self.section(&ModuleSection(module));
        self.spaces.core_modules.add()
    }

    fn instantiate(&mut self, module: u32, args: &[(&str, u32)]) -> u32 {
        let mut instances = InstanceSection::new();
        instances.instantiate(
            module,
            args.iter()
                .map(|(name, instance)| (*name, ModuleArg::Instance(*instance))),
        );
        self.section(&instances);
        self.spaces.core_instances.add()
    }

    fn alias_original(&mut self, instance: usize, kind: ExportKind, name: &str) -> u32 {
        let instance = u32::try_from(instance)
            .map_or(GONE, |instance| self.spaces.core_instances.get(instance));
        self.alias_core(instance, kind, name)
    }

    fn alias_core(&mut self, instance: u32, kind: ExportKind, name: &str) -> u32 {
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::CoreInstanceExport {
            instance,
            kind,
            name,
        });
        self.section(&aliases);
        let next = |count: &mut u32| {
            *count += 1;
            *count - 1
        };
        match kind {
            ExportKind::Func => self.spaces.core_funcs.add(),
            ExportKind::Memory => self.spaces.core_memories.add(),
            ExportKind::Table => next(&mut self.spaces.core_tables),
            _ => next(&mut self.spaces.core_globals),
        }
    }

    fn section(&mut self, section: &impl ComponentSection) -> &mut Self {
        self.out.section(section);
        self
    }
}

/// `tinderbox:fork/restore`
fn restore_type() -> InstanceType {
    use PrimitiveValType::{U8, U32, U64};
    let mut ty = InstanceType::new();
    ty.ty().defined_type().list(ComponentValType::Primitive(U8));
    let bytes = ComponentValType::Type(0);
    let (count, word) = (
        ComponentValType::Primitive(U32),
        ComponentValType::Primitive(U64),
    );
    let results = [count, count, word, count, bytes, word];
    for ((name, params, _), result) in RESTORE.iter().zip(results) {
        // The address for the answer is of the lowered function only.
        let param = match *name {
            "begin" => Some(("interrupt", bytes)),
            _ if params.is_empty() => None,
            _ => Some(("index", count)),
        };
        let index = ty.type_count();
        ty.ty()
            .function()
            .params(param.into_iter().collect::<Vec<_>>())
            .result(Some(result));
        ty.export(*name, ComponentTypeRef::Func(index));
    }
    ty
}

/// `tinderbox:fork/clock`
fn clock_type() -> InstanceType {
    let mut ty = InstanceType::new();
    ty.ty()
        .function()
        .params([(
            "nanoseconds",
            ComponentValType::Primitive(PrimitiveValType::U64),
        )])
        .result(None);
    ty.export("sleep", ComponentTypeRef::Func(0));
    ty
}

impl Reencode for Rewriter<'_, '_> {
    type Error = Infallible;

    fn function_index(&mut self, func: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.spaces.core_funcs.get(func))
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.spaces.core_memories.get(memory))
    }
}

impl ReencodeComponent for Rewriter<'_, '_> {
    fn module_index(&mut self, module: u32) -> u32 {
        self.spaces.core_modules.get(module)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        self.spaces.core_instances.get(instance)
    }

    fn component_func_index(&mut self, func: u32) -> u32 {
        self.spaces.funcs.get(func)
    }
}
