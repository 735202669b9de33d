//! A program: one linked and compiled component, which serves the driver and all its tasks.

use std::sync::Arc;
use std::time::Duration;

use blake3::Hash;
use wasmtime::component::{Component, Linker, ResourceType, WasmList, types::ComponentItem};
use wasmtime::{Engine, Module, StoreContextMut};

use crate::contract::{self, JobProgramPre};
use crate::guest::Guest;
use crate::image::{Patch, Terms};
use crate::kill::KillSwitch;
use crate::{LoadError, state, wasi};

/// What of a linked component is needed beside the compiled code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) base: crate::link::BaseMemory,
    /// How many globals the program writes.
    pub(crate) globals: u32,
}

/// A program that can be run and forked.
pub struct Program {
    hash: Hash,
    engine: Engine,
    component: Component,
    layout: Layout,
    linker: Linker<Guest>,
}

/// In `begin`, a fresh driver instead of a number of patches.
const FRESH: u32 = u32::MAX;

/// Where the engine writes where a patch landed; the fork puts the image's bytes back (`link` says why).
const SCRATCH_ADDRESS: usize = crate::link::SCRATCH_ADDRESS as usize;

impl Program {
    pub(crate) fn new(
        engine: &Engine,
        hash: Hash,
        component: Component,
        layout: Layout,
    ) -> Result<Arc<Self>, LoadError> {
        let linker = linker(engine, &component).map_err(LoadError::engine)?;
        Ok(Arc::new(Self {
            hash,
            engine: engine.clone(),
            component,
            layout,
            linker,
        }))
    }

    /// The program's name: of the component as the user compiled it, and of the engine's version and settings. So it is the same in all
    /// processes of one build, and images of two builds are never mixed.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What an image must be like to be forked here.
    pub fn terms(&self, occupied_bytes_max: u64) -> Terms {
        let base = &self.layout.base;
        let chunk = crate::image::CHUNK_BYTES as u64;
        Terms {
            program: self.hash,
            globals: self.globals(),
            memory_bytes: base.minimum_pages * chunk..=base.maximum_pages * chunk,
            occupied_bytes_max,
        }
    }

    /// A switch for one guest of this program.
    pub fn kill_switch(&self) -> KillSwitch {
        KillSwitch::new()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn globals(&self) -> usize {
        self.layout.globals as usize
    }

    pub(crate) fn maximum_pages(&self) -> u64 {
        self.layout.base.maximum_pages
    }

    /// The program as it is before `main`: its own data, nothing run.
    pub(crate) fn fresh(&self) -> Result<JobProgramPre<Guest>, LoadError> {
        self.pre_instantiate(&state::of_base(&self.layout.base))
    }

    /// Joins the component with a state module.
    pub(crate) fn pre_instantiate(
        &self,
        state_module: &[u8],
    ) -> Result<JobProgramPre<Guest>, LoadError> {
        let module = Module::new(&self.engine, state_module).map_err(LoadError::engine)?;
        let mut linker = self.linker.clone();
        linker
            .root()
            .module(crate::link::STATE_MODULE, &module)
            .map_err(LoadError::engine)?;
        let pre = linker
            .instantiate_pre(&self.component)
            .map_err(LoadError::engine)?;
        JobProgramPre::new(pre).map_err(LoadError::engine)
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("hash", &self.hash)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    contract::add_to_linker(&mut linker)?;
    add_restore(&mut linker)?;
    for (name, item) in component.component_type().imports(engine) {
        if let (true, ComponentItem::ComponentInstance(instance)) =
            (name.starts_with("wasi:"), item.ty)
        {
            add_wasi(engine, &mut linker, name, &instance)?;
        }
    }
    Ok(linker)
}

/// What a starting fork asks for: see `link`.
fn add_restore(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut restore = linker.instance(crate::link::RESTORE_INTERFACE)?;
    restore.func_wrap(
        "begin",
        |store: StoreContextMut<'_, Guest>, (interrupt,): (WasmList<u8>,)| {
            store.data().kill.register(interrupt.as_le_slice(&store));
            Ok((patches(&store).map_or(FRESH, count),))
        },
    )?;
    restore.func_wrap("pages", |store: StoreContextMut<'_, Guest>, ()| {
        let bytes = store
            .data()
            .fork_of
            .as_ref()
            .map_or(0, |fork| fork.image.memory_bytes());
        Ok((u32::try_from(bytes / crate::image::CHUNK_BYTES)?,))
    })?;
    restore.func_wrap(
        "global",
        |store: StoreContextMut<'_, Guest>, (index,): (u32,)| {
            let fork = store.data().fork_of.as_ref();
            Ok((fork
                .and_then(|fork| fork.image.globals().get(index as usize))
                .copied()
                .unwrap_or(0),))
        },
    )?;
    restore.func_wrap(
        "patch-address",
        |store: StoreContextMut<'_, Guest>, (index,): (u32,)| Ok((patch(&store, index)?.address,)),
    )?;
    restore.func_wrap(
        "patch-bytes",
        |store: StoreContextMut<'_, Guest>, (index,): (u32,)| {
            Ok((Arc::clone(&patch(&store, index)?.bytes),))
        },
    )?;
    restore.func_wrap("scratch", |store: StoreContextMut<'_, Guest>, ()| {
        Ok((store
            .data()
            .fork_of
            .as_ref()
            .map_or(0, |fork| fork.image.word(SCRATCH_ADDRESS)),))
    })?;
    let mut clock = linker.instance(crate::link::CLOCK_INTERFACE)?;
    clock.func_wrap(
        "sleep",
        |mut store: StoreContextMut<'_, Guest>, (nanoseconds,): (u64,)| {
            let guest = store.data_mut();
            let duration = Duration::from_nanos(nanoseconds);
            guest.kill.sleep(duration)?;
            guest.clock.slept(duration);
            Ok(())
        },
    )
}

fn patches<'s>(store: &'s StoreContextMut<'_, Guest>) -> Option<&'s [Patch]> {
    store.data().fork_of.as_ref().map(|fork| &fork.patches[..])
}

fn count(patches: &[Patch]) -> u32 {
    u32::try_from(patches.len()).expect("patches are pages of 4 KiB")
}

fn patch<'s>(store: &'s StoreContextMut<'_, Guest>, index: u32) -> wasmtime::Result<&'s Patch> {
    patches(store)
        .and_then(|patches| patches.get(index as usize))
        .ok_or_else(|| wasmtime::Error::msg("a fork asked for a patch that it does not have"))
}

/// Answers what of WASI holds no handle. The rest never arrives here (the link step rewired it) but must be defined.
fn add_wasi(
    engine: &Engine,
    linker: &mut Linker<Guest>,
    name: &str,
    instance: &wasmtime::component::types::ComponentInstance,
) -> wasmtime::Result<()> {
    let interface = name.split('@').next().unwrap_or(name);
    let mut definitions = linker.instance(name)?;
    for (item_name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::Resource(_) => {
                let handle = ResourceType::host::<wasi::Handle>();
                definitions.resource(item_name, handle, |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_)
                if wasi::define(&mut definitions, interface, item_name)? => {}
            ComponentItem::ComponentFunc(_) => {
                let message = format!("`{interface}.{item_name}` is not for jobs");
                definitions.func_new(item_name, move |_, _, _, _| {
                    Err(wasmtime::Error::msg(message.clone()))
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}
