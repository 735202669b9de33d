//! From a component's bytes to a [`Program`]: link, compile once, keep the result.

use std::sync::Arc;

use blake3::Hash;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::ArtefactCache;
use crate::engine;
use crate::link::{self, BaseMemory, Refusal};
use crate::program::{Layout, Program};

/// Why a component cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not a program that can be forked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The engine does not take it.
    #[error("the engine cannot take the component: {0}")]
    Engine(String),
}

impl LoadError {
    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub(crate) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// The engine and its compiled programs: one per process.
#[derive(Debug)]
pub struct Sandbox {
    engine: Engine,
    cache: Option<ArtefactCache>,
}

impl Sandbox {
    /// A sandbox in which `instances` guests can live at a time. Without a cache every program is compiled anew.
    ///
    /// # Errors
    ///
    /// If the machine cannot reserve the address space.
    pub fn new(instances: u32, cache: Option<ArtefactCache>) -> Result<Self, LoadError> {
        Ok(Self {
            engine: engine::new(instances).map_err(LoadError::engine)?,
            cache,
        })
    }

    /// Opens a component file's bytes.
    ///
    /// # Errors
    ///
    /// If the component is refused (see [`Refusal`]) or the engine does not take it.
    pub fn load(&self, component: &[u8]) -> Result<Arc<Program>, LoadError> {
        let hash = blake3::hash(component);
        let name = artefact_name(hash);
        let (compiled, layout) = match self.cached(name) {
            Some(artefact) => artefact,
            None => self.compile_once(component, name)?,
        };
        Program::new(&self.engine, name, compiled, layout)
    }

    fn cached(&self, name: Hash) -> Option<(Component, Layout)> {
        let bytes = self.cache.as_ref()?.get(name)?;
        self.open_artefact(&bytes)
    }

    /// Of several processes that want the same artefact one makes it; the others wait for that.
    fn compile_once(&self, component: &[u8], name: Hash) -> Result<(Component, Layout), LoadError> {
        // Where there can be no claim, compiling twice does no harm.
        let claim = self.cache.as_ref().and_then(|cache| cache.claim(name).ok());
        let made = claim.is_some().then(|| self.cached(name)).flatten();
        made.map_or_else(|| self.link_and_compile(component, name), Ok)
    }

    fn link_and_compile(
        &self,
        component: &[u8],
        name: Hash,
    ) -> Result<(Component, Layout), LoadError> {
        let linked = link::link(component)?;
        let compiled =
            Component::new(&self.engine, &linked.component).map_err(LoadError::engine)?;
        let layout = Layout {
            base: linked.base,
            globals: linked.globals,
        };
        if let Some(cache) = &self.cache {
            let code = compiled.serialize().map_err(LoadError::engine)?;
            // A full disk costs the next start a compilation, not this one its run.
            let _ = cache.put(name, &layout.before(&code));
        }
        Ok((compiled, layout))
    }

    /// Loads what this machine's cache made: its seal has been checked.
    #[expect(
        unsafe_code,
        reason = "compiled code can only be loaded on trust; the cache's seal is that trust"
    )]
    fn open_artefact(&self, bytes: &[u8]) -> Option<(Component, Layout)> {
        let (layout, code) = Layout::split(bytes)?;
        // SAFETY: `ArtefactCache::get` gives only what `put` sealed with this machine's own key, and `put` is given only what
        // `Component::serialize` made, under a name that covers the engine's version and settings.
        let component = unsafe { Component::deserialize(&self.engine, code) }.ok()?;
        Some((component, layout))
    }
}

/// Names what is compiled from a component: another engine, or other settings, make another artefact.
pub(crate) fn artefact_name(component: Hash) -> Hash {
    blake3::Hasher::new()
        .update(component.as_bytes())
        .update(engine::SETTINGS.as_bytes())
        .finalize()
}

/// An artefact is the layout and then the code:
/// globals u32, minimum pages u64, maximum pages u64, base length u64, base, code; little-endian.
impl Layout {
    fn before(&self, code: &[u8]) -> Vec<u8> {
        let BaseMemory {
            bytes,
            minimum_pages,
            maximum_pages,
        } = &self.base;
        let mut out = Vec::with_capacity(28 + bytes.len() + code.len());
        out.extend(self.globals.to_le_bytes());
        out.extend(minimum_pages.to_le_bytes());
        out.extend(maximum_pages.to_le_bytes());
        out.extend((bytes.len() as u64).to_le_bytes());
        out.extend(bytes);
        out.extend(code);
        out
    }

    fn split(mut artefact: &[u8]) -> Option<(Self, &[u8])> {
        let globals = u32::from_le_bytes(*artefact.split_off(..4)?.first_chunk()?);
        let mut number = || Some(u64::from_le_bytes(*artefact.split_off(..8)?.first_chunk()?));
        let (minimum_pages, maximum_pages, length) = (number()?, number()?, number()?);
        let bytes = artefact
            .split_off(..usize::try_from(length).ok()?)?
            .to_vec();
        Some((
            Self {
                base: BaseMemory {
                    bytes,
                    minimum_pages,
                    maximum_pages,
                },
                globals,
            },
            artefact,
        ))
    }
}
