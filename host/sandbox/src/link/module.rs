//! One core module of a component: what the link step must know of it, and how it is written anew.
//!
//! Of the code only what [`bulk`] replaces is touched, and [`safepoint`]s are inserted. Else the sections around it change,
//! and no index of the module moves.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, FunctionSection, ImportSection, RawSection, SectionId,
    TypeSection,
};
use wasmparser::{
    BinaryReader, CodeSectionReader, Data, DataKind, ElementKind, ExternalKind, FunctionBody,
    GlobalType, MemoryType, Operator, Parser, Payload, TypeRef,
};

use super::splice::{self, Site, Targets};
use super::{Refusal, STATE_INTERRUPT, STATE_MODULE, bulk, safepoint};

/// The name under which a module's dropped start function is exported.
pub(super) const START_EXPORT: &str = "fork:start";

/// The name under which a module's written global is exported.
pub(super) fn global_export(index: u32) -> String {
    format!("fork:g{index}")
}

/// What a module says of itself.
#[derive(Debug, Default)]
pub(super) struct Module<'a> {
    /// Where the module is in the component.
    pub(super) range: Range<usize>,
    /// How many functions there are, imported ones too.
    functions: u32,
    /// How many memories it imports.
    imported_memories: usize,
    /// Module and field of each imported global, in the order of the global's indices.
    pub(super) imported_globals: Vec<(&'a str, &'a str)>,
    /// The memories that the module defines itself.
    pub(super) memories: Vec<MemoryType>,
    /// All globals, imported ones first.
    pub(super) globals: Vec<GlobalType>,
    /// The globals that an instruction sets.
    pub(super) written: BTreeSet<u32>,
    pub(super) exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub(super) start: Option<u32>,
    pub(super) segments: Vec<Segment<'a>>,
    /// Whether instantiating it puts functions into a table.
    pub(super) fills_table: bool,
    /// The first instruction that changes a table.
    pub(super) table_write: Option<(&'static str, usize)>,
    /// Where the code changes, in its order.
    sites: Vec<Site>,
}

/// A data segment.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    /// Where its bytes go as the module is instantiated; none for a passive one.
    pub(super) address: Option<Address>,
    pub(super) bytes: &'a [u8],
    /// Where it is in the component.
    pub(super) offset: usize,
}

/// Where an active segment's bytes go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Address {
    Constant(u32),
    /// Known only to an instance.
    Computed,
}

impl<'a> Module<'a> {
    /// Reads the module at `range` of `component`.
    pub(super) fn read(component: &'a [u8], range: Range<usize>) -> Result<Self, Refusal> {
        let mut module = Self {
            range: range.clone(),
            ..Self::default()
        };
        let bytes = component
            .get(range.clone())
            .ok_or_else(|| Refusal::cut_off(component.len()))?;
        for payload in Parser::new(range.start as u64).parse_all(bytes) {
            let payload = payload.map_err(|error| Refusal::malformed(&error))?;
            if let Payload::CodeSectionEntry(body) = payload {
                module.read_body(&body)?;
                continue;
            }
            module
                .read_payload(payload)
                .map_err(|error| Refusal::malformed(&error))?;
        }
        Ok(module)
    }

    fn read_payload(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::ImportSection(section) => section.into_imports().try_for_each(|import| {
                let import = import?;
                match import.ty {
                    TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                    TypeRef::Global(global) => {
                        self.imported_globals.push((import.module, import.name));
                        self.globals.push(global);
                    }
                    TypeRef::Memory(_) => self.imported_memories += 1,
                    _ => {}
                }
                Ok(())
            }),
            Payload::FunctionSection(section) => {
                self.functions = self.functions.saturating_add(section.count());
                Ok(())
            }
            Payload::MemorySection(section) => section.into_iter().try_for_each(|memory| {
                self.memories.push(memory?);
                Ok(())
            }),
            Payload::GlobalSection(section) => section.into_iter().try_for_each(|global| {
                self.globals.push(global?.ty);
                Ok(())
            }),
            Payload::ExportSection(section) => section.into_iter().try_for_each(|export| {
                let export = export?;
                self.exports
                    .insert(export.name, (export.kind, export.index));
                Ok(())
            }),
            Payload::StartSection { func, .. } => {
                self.start = Some(func);
                Ok(())
            }
            Payload::ElementSection(section) => section.into_iter().try_for_each(|element| {
                self.fills_table |= matches!(element?.kind, ElementKind::Active { .. });
                Ok(())
            }),
            Payload::DataSection(section) => section.into_iter().try_for_each(|data| {
                self.segments.push(Segment::read(data?)?);
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn read_body(&mut self, body: &FunctionBody<'_>) -> Result<(), Refusal> {
        let mut sites = std::mem::take(&mut self.sites);
        let found = splice::find(body, &mut sites, |operator, offset| {
            self.note_write(operator, offset);
        });
        self.sites = sites;
        found
    }

    /// Whether its code changes; then it imports the interrupt memory.
    pub(super) fn has_sites(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Whether some bulk memory operation is replaced.
    fn has_bulk(&self) -> bool {
        self.sites.iter().any(Site::is_bulk)
    }

    fn targets(&self) -> Targets {
        let memories = self.imported_memories + self.memories.len();
        Targets {
            bulk: self.functions,
            interrupt: u32::try_from(memories).unwrap_or(u32::MAX),
        }
    }

    fn note_write(&mut self, operator: &Operator<'_>, offset: usize) {
        let instruction = match *operator {
            Operator::GlobalSet { global_index } => {
                self.written.insert(global_index);
                return;
            }
            Operator::TableSet { .. } => "table.set",
            Operator::TableGrow { .. } => "table.grow",
            Operator::TableFill { .. } => "table.fill",
            Operator::TableCopy { .. } => "table.copy",
            Operator::TableInit { .. } => "table.init",
            Operator::ElemDrop { .. } => "elem.drop",
            _ => return,
        };
        self.table_write.get_or_insert((instruction, offset));
    }

    /// Whether instantiating the module does anything that can be seen from outside.
    pub(super) fn acts_when_instantiated(&self) -> bool {
        self.start.is_some() || self.fills_table
    }
}

impl<'a> Segment<'a> {
    fn read(data: Data<'a>) -> wasmparser::Result<Self> {
        let address = match data.kind {
            DataKind::Passive => None,
            DataKind::Active { offset_expr, .. } => {
                let mut operators = offset_expr.get_operators_reader();
                let first = operators.read()?;
                Some(match (first, operators.read()?) {
                    (Operator::I32Const { value }, Operator::End) => {
                        Address::Constant(value.cast_unsigned())
                    }
                    _ => Address::Computed,
                })
            }
        };
        Ok(Self {
            address,
            bytes: data.data,
            offset: data.range.start,
        })
    }
}

/// What is to become of a module.
#[derive(Debug, Default)]
pub(super) struct ModuleEdit {
    /// Import this memory instead of defining it: module, field and type of the import.
    pub(super) memory_import: Option<(&'static str, &'static str, wasm_encoder::MemoryType)>,
    /// Globals to export under their [`global_export`] name.
    pub(super) globals: Vec<u32>,
}

/// Writes the module with its edit, its bulk operations replaced and its safepoints inserted, without its start section (the function is exported
/// instead) and without its active data segments (they are in the base memory).
pub(super) fn rewrite(
    component: &[u8],
    module: &Module<'_>,
    edit: &ModuleEdit,
) -> Result<wasm_encoder::Module, Refusal> {
    let mut writer = Writer {
        out: wasm_encoder::Module::new(),
        module,
        edit,
        imported: false,
        exported: false,
        bulk_type: 0,
    };
    for payload in
        Parser::new(module.range.start as u64).parse_all(&component[module.range.clone()])
    {
        let payload = payload.map_err(|error| Refusal::malformed(&error))?;
        writer.write(component, payload)?;
    }
    writer.add_missing(u8::MAX)?;
    Ok(writer.out)
}

struct Writer<'m, 'a> {
    out: wasm_encoder::Module,
    module: &'m Module<'a>,
    edit: &'m ModuleEdit,
    imported: bool,
    exported: bool,
    /// The type of the functions that are appended.
    bulk_type: u32,
}

impl Writer<'_, '_> {
    fn write(&mut self, component: &[u8], payload: Payload<'_>) -> Result<(), Refusal> {
        if let Some((id, _)) = payload.as_section() {
            self.add_missing(id)?;
        }
        let has_bulk = self.module.has_bulk();
        match payload {
            Payload::TypeSection(section) if has_bulk => self.types(section),
            Payload::ImportSection(section) => self.imports(Some(section)),
            Payload::FunctionSection(section) if has_bulk => self.functions(section),
            Payload::CodeSectionStart { range, .. } if self.module.has_sites() => {
                self.code(component, range)
            }
            Payload::MemorySection(_) if self.edit.memory_import.is_some() => Ok(()),
            Payload::ExportSection(section) => self.exports(Some(section)),
            Payload::StartSection { .. } => Ok(()),
            Payload::DataSection(_) => {
                self.data();
                Ok(())
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    self.out.section(&RawSection {
                        id,
                        data: &component[range],
                    });
                }
                Ok(())
            }
        }
    }

    /// Writes the import and export sections that the module does not have, before the first section that comes after them.
    fn add_missing(&mut self, next: u8) -> Result<(), Refusal> {
        let next = rank(next);
        if !self.imported
            && next > rank(SectionId::Import as u8)
            && (self.edit.memory_import.is_some() || self.module.has_sites())
        {
            self.imports(None)?;
        }
        if !self.exported
            && next > rank(SectionId::Export as u8)
            && (!self.edit.globals.is_empty() || self.module.start.is_some())
        {
            self.exports(None)?;
        }
        Ok(())
    }

    /// Sees to it that there is a type for the functions that are appended.
    fn types(&mut self, old: wasmparser::TypeSectionReader<'_>) -> Result<(), Refusal> {
        let mut found = None;
        for (index, ty) in (0..).zip(old.clone().into_iter_err_on_gc_types()) {
            let ty = ty.map_err(|error| Refusal::malformed(&error))?;
            found = found.or_else(|| bulk::is_type(&ty).then_some(index));
        }
        let mut types = TypeSection::new();
        RoundtripReencoder
            .parse_type_section(&mut types, old)
            .map_err(Refusal::unsupported)?;
        self.bulk_type = found.unwrap_or_else(|| {
            types.ty().function(bulk::PARAMS, []);
            types.len() - 1
        });
        self.out.section(&types);
        Ok(())
    }

    fn functions(&mut self, old: wasmparser::FunctionSectionReader<'_>) -> Result<(), Refusal> {
        let mut functions = FunctionSection::new();
        RoundtripReencoder
            .parse_function_section(&mut functions, old)
            .map_err(Refusal::unsupported)?;
        for _ in 0..bulk::FUNCTIONS {
            functions.function(self.bulk_type);
        }
        self.out.section(&functions);
        Ok(())
    }

    fn code(&mut self, component: &[u8], range: Range<usize>) -> Result<(), Refusal> {
        let old = BinaryReader::new(&component[range.clone()], range.start);
        let old = CodeSectionReader::new(old).map_err(|error| Refusal::malformed(&error))?;
        let mut code = CodeSection::new();
        let targets = self.module.targets();
        let mut sites = &self.module.sites[..];
        for body in old {
            let body = body.map_err(|error| Refusal::malformed(&error))?.range();
            let (here, later) =
                sites.split_at(sites.partition_point(|site| site.is_before(body.end)));
            code.raw(&splice::replace(component, body, here, targets));
            sites = later;
        }
        if self.module.has_bulk() {
            for function in &bulk::functions(targets.interrupt) {
                code.function(function);
            }
        }
        self.out.section(&code);
        Ok(())
    }

    fn imports(&mut self, old: Option<wasmparser::ImportSectionReader<'_>>) -> Result<(), Refusal> {
        self.imported = true;
        let mut imports = ImportSection::new();
        if let Some(old) = old {
            RoundtripReencoder
                .parse_import_section(&mut imports, old)
                .map_err(Refusal::unsupported)?;
        }
        if let Some((module, field, memory)) = self.edit.memory_import {
            imports.import(module, field, EntityType::Memory(memory));
        }
        // The last of the memories, so that it moves no other's index.
        if self.module.has_sites() {
            let memory = EntityType::Memory(safepoint::MEMORY);
            imports.import(STATE_MODULE, STATE_INTERRUPT, memory);
        }
        self.out.section(&imports);
        Ok(())
    }

    fn exports(&mut self, old: Option<wasmparser::ExportSectionReader<'_>>) -> Result<(), Refusal> {
        self.exported = true;
        let mut exports = wasm_encoder::ExportSection::new();
        if let Some(old) = old {
            RoundtripReencoder
                .parse_export_section(&mut exports, old)
                .map_err(Refusal::unsupported)?;
        }
        for &global in &self.edit.globals {
            exports.export(&global_export(global), ExportKind::Global, global);
        }
        if let Some(start) = self.module.start {
            exports.export(START_EXPORT, ExportKind::Func, start);
        }
        self.out.section(&exports);
        Ok(())
    }

    /// Empties the active segments. They stay, as passive ones, so that no index moves.
    fn data(&mut self) {
        let mut data = wasm_encoder::DataSection::new();
        for segment in &self.module.segments {
            let bytes = if segment.address.is_some() {
                &[]
            } else {
                segment.bytes
            };
            data.passive(bytes.iter().copied());
        }
        self.out.section(&data);
    }
}

/// The place of a section in a module; custom sections may be anywhere.
fn rank(id: u8) -> u8 {
    const ORDER: [SectionId; 13] = [
        SectionId::Type,
        SectionId::Import,
        SectionId::Function,
        SectionId::Table,
        SectionId::Memory,
        SectionId::Tag,
        SectionId::Global,
        SectionId::Export,
        SectionId::Start,
        SectionId::Element,
        SectionId::DataCount,
        SectionId::Code,
        SectionId::Data,
    ];
    match ORDER.iter().position(|section| *section as u8 == id) {
        Some(place) => u8::try_from(place + 1).unwrap_or(u8::MAX),
        None if id == SectionId::Custom as u8 => 0,
        None => u8::MAX,
    }
}
