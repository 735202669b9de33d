//! Reads a component once and notes what the link step must know: who imports, defines and instantiates what.
//!
//! Nothing is judged here but whether the bytes are a component at all; `analysis` refuses what cannot be forked.

use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::types::Types;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, ExternalKind, Instance, Parser,
    Payload, ValidPayload, Validator, WasmFeatures,
};

use super::Refusal;
use super::module::Module;

/// An interface of a component: its name and its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The name with its version, such as `wasi:io/streams@0.2.6`.
    pub name: String,
    /// The functions, in the component's order.
    pub functions: Vec<String>,
}

/// An import that is an instance.
#[derive(Debug)]
pub(super) struct Import<'a> {
    pub(super) name: &'a str,
    /// Index of its type.
    pub(super) ty: u32,
    /// Its own index among the component-level instances.
    pub(super) instance: u32,
}

/// Where a component-level function comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Func<'a> {
    /// From an import, by its number in [`Survey::imports`].
    Imported(usize, &'a str),
    Other,
}

/// Where a core function comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum CoreFunc {
    Lowered {
        /// The component-level function.
        func: u32,
        /// The core function that allocates what it returns.
        realloc: Option<u32>,
    },
    ResourceDrop,
    Other,
}

/// What is in a component, by index space.
pub(super) struct Survey<'a> {
    pub(super) bytes: &'a [u8],
    /// The types of everything, as the validator found them.
    pub(super) types: Types,
    pub(super) imports: Vec<Import<'a>>,
    /// Imports that are no instance, by name.
    pub(super) odd_imports: Vec<&'a str>,
    pub(super) exports: Vec<&'a str>,
    pub(super) modules: Vec<Module<'a>>,
    pub(super) instances: Vec<Instance<'a>>,
    /// The core instances that something refers to.
    pub(super) used: BTreeSet<u32>,
    pub(super) core_funcs: Vec<CoreFunc>,
    /// Per aliased core global, the instance and the name of its export.
    pub(super) core_globals: Vec<(u32, &'a str)>,
    pub(super) funcs: Vec<Func<'a>>,
    /// Whether code is in a component inside the component.
    pub(super) nested: bool,
    pub(super) own_resources: bool,
    /// A construct that the rewriting does not follow.
    pub(super) unsupported: Option<&'static str>,
}

impl<'a> Survey<'a> {
    /// Reads a component.
    ///
    /// # Errors
    /// If the bytes are not a component, or are damaged. Function bodies are not validated here.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        recognise(bytes)?;
        let mut reader = Reader::default();
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let mut types = None;
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|error| Refusal::malformed(&error))?;
            let valid = validator
                .payload(&payload)
                .map_err(|error| Refusal::malformed(&error))?;
            let opens = matches!(
                payload,
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
            );
            if let ValidPayload::End(found) = valid {
                types = (depth == 0).then_some(found);
                depth = depth.saturating_sub(1);
                continue;
            }
            if depth == 0 {
                reader
                    .read(payload)
                    .map_err(|error| Refusal::malformed(&error))?;
            } else {
                reader.nested |= matches!(
                    payload,
                    Payload::ModuleSection { .. }
                        | Payload::InstanceSection(_)
                        | Payload::CoreTypeSection(_)
                );
            }
            depth += u32::from(opens);
        }
        let types = types.ok_or_else(|| Refusal::cut_off(bytes.len()))?;
        reader.finish(bytes, types)
    }

    /// The interfaces that are imported, with the functions that the component names.
    pub(super) fn imported_interfaces(&self) -> Vec<Interface> {
        let names = self.imports.iter().map(|import| import.name);
        names
            .map(|name| self.interface(name, self.types.component_item_for_import(name)))
            .collect()
    }

    /// The interfaces that are exported.
    pub(super) fn exported_interfaces(&self) -> Vec<Interface> {
        self.exports
            .iter()
            .map(|name| self.interface(name, self.types.component_item_for_export(name)))
            .collect()
    }

    fn interface(&self, name: &str, item: Option<&ComponentItem>) -> Interface {
        let functions = match item.map(|item| item.ty) {
            Some(ComponentEntityType::Instance(instance)) => {
                let exports = self.types[instance].exports.iter();
                exports
                    .filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)))
                    .map(|(name, _)| name.clone())
                    .collect()
            }
            _ => Vec::new(),
        };
        Interface {
            name: name.to_string(),
            functions,
        }
    }

    /// The module that a core instance is made from; none for a bundle of exports.
    pub(super) fn module_of(&self, instance: usize) -> Option<usize> {
        match self.instances[instance] {
            Instance::Instantiate { module_index, .. } => Some(module_index as usize),
            Instance::FromExports(_) => None,
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reader<'a> {
    imports: Vec<Import<'a>>,
    odd_imports: Vec<&'a str>,
    exports: Vec<&'a str>,
    modules: Vec<Range<usize>>,
    instances: Vec<Instance<'a>>,
    used: BTreeSet<u32>,
    core_funcs: Vec<CoreFunc>,
    core_globals: Vec<(u32, &'a str)>,
    funcs: Vec<Func<'a>>,
    /// Per component-level instance, the import that it is.
    component_instances: Vec<Option<usize>>,
    nested: bool,
    own_resources: bool,
    unsupported: Option<&'static str>,
}

impl<'a> Reader<'a> {
    fn finish(self, bytes: &'a [u8], types: Types) -> Result<Survey<'a>, Refusal> {
        let modules = self
            .modules
            .into_iter()
            .map(|range| Module::read(bytes, range))
            .collect::<Result<_, _>>()?;
        Ok(Survey {
            bytes,
            types,
            imports: self.imports,
            odd_imports: self.odd_imports,
            exports: self.exports,
            modules,
            instances: self.instances,
            used: self.used,
            core_funcs: self.core_funcs,
            core_globals: self.core_globals,
            funcs: self.funcs,
            nested: self.nested,
            own_resources: self.own_resources,
            unsupported: self.unsupported,
        })
    }

    fn read(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => self.modules.push(unchecked_range),
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.core_instance(instance?);
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    self.own_resources |= matches!(ty?, ComponentType::Resource { .. });
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import?;
                    self.import(import.name.name, import.ty);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias?);
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    self.canonical(&function?);
                }
            }
            Payload::ComponentInstanceSection(section) => {
                self.component_instances
                    .extend(std::iter::repeat_n(None, section.count() as usize));
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.export(export.name.name, export.kind, export.index);
                }
            }
            Payload::ComponentStartSection { .. } => {
                self.unsupported = Some("it has a component-level start function");
            }
            _ => {}
        }
        Ok(())
    }

    fn core_instance(&mut self, instance: Instance<'a>) {
        if let Instance::Instantiate { args, .. } = &instance {
            self.used.extend(args.iter().map(|arg| arg.index));
        }
        self.instances.push(instance);
    }

    fn import(&mut self, name: &'a str, ty: ComponentTypeRef) {
        match ty {
            ComponentTypeRef::Instance(ty) => {
                let instance = u32::try_from(self.component_instances.len()).unwrap_or(u32::MAX);
                self.component_instances.push(Some(self.imports.len()));
                self.imports.push(Import { name, ty, instance });
                return;
            }
            ComponentTypeRef::Func(_) => self.funcs.push(Func::Other),
            _ => {}
        }
        self.odd_imports.push(name);
    }

    fn alias(&mut self, alias: &ComponentAlias<'a>) {
        match *alias {
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                self.used.insert(instance_index);
                match kind {
                    ExternalKind::Func | ExternalKind::FuncExact => {
                        self.core_funcs.push(CoreFunc::Other);
                    }
                    ExternalKind::Global => self.core_globals.push((instance_index, name)),
                    ExternalKind::Table | ExternalKind::Memory | ExternalKind::Tag => {}
                }
            }
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => match kind {
                ComponentExternalKind::Func => {
                    let import = self
                        .component_instances
                        .get(instance_index as usize)
                        .copied()
                        .flatten();
                    self.funcs
                        .push(import.map_or(Func::Other, |import| Func::Imported(import, name)));
                }
                ComponentExternalKind::Instance => self.component_instances.push(None),
                ComponentExternalKind::Module => {
                    self.unsupported = Some("it takes a core module from an instance");
                }
                ComponentExternalKind::Value
                | ComponentExternalKind::Type
                | ComponentExternalKind::Component => {}
            },
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::CoreType,
                ..
            } => {
                self.unsupported = Some("it has an alias of a core module or a core type");
            }
            ComponentAlias::Outer { .. } => {}
        }
    }

    fn canonical(&mut self, function: &CanonicalFunction) {
        let core = match function {
            CanonicalFunction::Lift { .. } => {
                self.funcs.push(Func::Other);
                return;
            }
            CanonicalFunction::Lower {
                func_index,
                options,
            } => {
                let realloc = options.iter().find_map(|option| match option {
                    CanonicalOption::Realloc(index) => Some(*index),
                    _ => None,
                });
                CoreFunc::Lowered {
                    func: *func_index,
                    realloc,
                }
            }
            CanonicalFunction::ResourceDrop { .. } => CoreFunc::ResourceDrop,
            CanonicalFunction::ResourceNew { .. } | CanonicalFunction::ResourceRep { .. } => {
                self.own_resources = true;
                CoreFunc::Other
            }
            _ => CoreFunc::Other,
        };
        self.core_funcs.push(core);
    }

    /// Notes an export, which is a new index of its kind as well.
    fn export(&mut self, name: &'a str, kind: ComponentExternalKind, index: u32) {
        self.exports.push(name);
        let index = index as usize;
        match kind {
            ComponentExternalKind::Func => self
                .funcs
                .push(self.funcs.get(index).copied().unwrap_or(Func::Other)),
            ComponentExternalKind::Instance => {
                self.component_instances
                    .push(self.component_instances.get(index).copied().flatten());
            }
            ComponentExternalKind::Module => self.unsupported = Some("it exports a core module"),
            ComponentExternalKind::Value
            | ComponentExternalKind::Type
            | ComponentExternalKind::Component => {}
        }
    }
}

/// Tells a component from what else people may hand in.
fn recognise(bytes: &[u8]) -> Result<(), Refusal> {
    const WASM: &[u8] = b"\0asm";
    const ELF: &[u8] = b"\x7fELF";
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    if bytes.starts_with(ELF) {
        return Err(if is_engine_artefact(bytes) {
            Refusal::Precompiled
        } else {
            Refusal::Native
        });
    }
    if bytes.starts_with(WASM) {
        return if Parser::is_component(bytes) {
            Ok(())
        } else {
            Err(core_module_or_damage(bytes))
        };
    }
    let is_text = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
    Err(if is_text {
        Refusal::Text
    } else {
        Refusal::NotWebAssembly
    })
}

/// Whether an ELF file has the sections that wasmtime writes.
fn is_engine_artefact(bytes: &[u8]) -> bool {
    const SECTION: &[u8] = b".wasmtime.";
    bytes.windows(SECTION.len()).any(|window| window == SECTION)
}

fn core_module_or_damage(bytes: &[u8]) -> Refusal {
    if Parser::is_core_wasm(bytes) {
        return Refusal::CoreModule;
    }
    match Parser::new(0).parse_all(bytes).find_map(Result::err) {
        Some(error) => Refusal::malformed(&error),
        None => Refusal::NotWebAssembly,
    }
}

impl std::fmt::Debug for Survey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Survey")
            .field("imports", &self.imports)
            .field("exports", &self.exports)
            .finish_non_exhaustive()
    }
}
