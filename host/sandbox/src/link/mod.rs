//! Turns a component into one that can be forked: it imports its memory, and it can say and be told where it stands.
//!
//! The step is static and deterministic: nothing is executed, and the same bytes give the same bytes. What could not be
//! carried to a fork is refused here, with its reason, and nothing is passed through unknown.
//!
//! A fork is ordinary instantiation. An image is a core module, the *state module*, which exports a memory and fills it
//! with data segments; the linked component imports such a module where the original defined its memory. Two small
//! modules are put around those of the program:
//!
//! ```text
//! the original          imports, types                            (functions that hold handles are no longer imported)
//! opening               import  tinderbox:fork/state              a core module: the memories of this instance
//!                       front   <- memory                         stands in for what the program must not call itself:
//!                                                                 checkpoint, WASI's streams, files, sockets, pollables
//! the original          modules, instances, exports               memory imported; data segments and start functions out;
//!                                                                 lowered functions of the front in the place of the host's;
//!                                                                 calls in the place of bulk memory operations;
//!                                                                 safepoints in loops and functions
//! ending                import  tinderbox:fork/restore, clock
//!                       back    <- memory, written globals,       fills the front's slots, then starts: in a fresh driver
//!                                  start functions, host          the start functions; in a fork memory length, patches
//!                                                                 and globals. Nothing of the program runs before that
//! ```
//!
//! *Checkpoint.* The program calls the front, the front its slot, the slot the back, and the back the host: with the whole
//! memory as the list and the written globals as the numbers. Lists are lifted in place, so the host sees the live memory
//! without a copy, and nothing re-enters the component.
//!
//! *Restore.* As it starts, the back calls `tinderbox:fork/restore@0.1.0`:
//!
//! ```wit
//! begin: func(interrupt: list<u8>) -> u32;    // u32::MAX: a fresh driver. Otherwise a fork, with as many patches
//! pages: func() -> u32;                       // how many pages of 64 KiB the memory must have; it grows if it has fewer
//! patch-address: func(index: u32) -> u32;
//! patch-bytes: func(index: u32) -> list<u8>;  // written in place: the allocator of this call answers with the address
//! scratch: func() -> u64;                     // what belongs at SCRATCH_ADDRESS, where the engine noted each patch's place
//! global: func(index: u32) -> u64;            // the bits of a written global
//! ```
//!
//! *Handles* live in the host's tables and do not travel, so the program gets none: its streams are the numbers 1 to 3 and
//! end in `tinderbox:job/logging`, a pollable is a number that says how long to wait (`tinderbox:fork/clock@0.1.0` has
//! `sleep: func(nanoseconds: u64)`), and every other function of WASI that has a handle answers with its type's own error.
//! The functions in [`HANDLE_FREE`] are left to the host.
//!
//! *Interruption.* The state module has a second memory of one page, the *interrupt memory*, which the checks at loop heads
//! and function entries read and nothing in the instance writes. `begin` tells the host where it is, in place like all
//! lists: bytes that the host sets end the instance with a trap at its next check. `safepoint.rs` says why.
//!
//! *Bulk memory operations* could not be interrupted, so the program's `memory.copy` and `memory.fill` become calls of
//! functions that work in pieces; short copies, the most frequent, also become quicker. The functions stand at the end of
//! each module that needs them. Otherwise code stays as it is.

mod analysis;
mod answer;
mod back;
mod bulk;
mod front;
mod interface;
mod module;
mod refusal;
mod rewrite;
mod safepoint;
mod splice;
mod survey;

pub use interface::HANDLE_FREE;
pub use refusal::Refusal;
pub use survey::Interface;

use std::fmt;

use survey::Survey;

/// The core module that a linked component imports; it exports [`STATE_MEMORY`] and [`STATE_INTERRUPT`].
pub const STATE_MODULE: &str = "tinderbox:fork/state";

/// The state module's export with the program's memory.
pub const STATE_MEMORY: &str = "memory";

/// The state module's export with the interrupt memory: one page, no more ever, and all zero but for its last byte.
pub const STATE_INTERRUPT: &str = "interrupt";

/// What a starting instance asks for.
pub const RESTORE_INTERFACE: &str = "tinderbox:fork/restore@0.1.0";

/// Imported by programs that can sleep.
pub const CLOCK_INTERFACE: &str = "tinderbox:fork/clock@0.1.0";

/// Where the engine writes where a patch landed. Eight bytes, in every image; the host gives their content in `scratch`.
pub const SCRATCH_ADDRESS: u32 = 8;

/// In `begin`, a fresh driver instead of a number of patches.
pub const FRESH: u32 = u32::MAX;

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 65_536;

/// A component that can be compiled once, and then serve the driver and all tasks.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linked {
    /// The rewritten component.
    pub component: Vec<u8>,
    /// What the memory holds before anything has run.
    pub base: BaseMemory,
    /// How many globals the program writes; `checkpoint` gives them first, in order, and `global` asks for them.
    pub globals: u32,
}

/// The memory of a fresh driver.
///
/// A state module must export its memory with a minimum of at least `minimum_pages` and a maximum of at most
/// `maximum_pages` (it must have one), not shared, with 32-bit addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseMemory {
    /// The program's data segments, laid out from address 0; whole pages. What follows is zero.
    pub bytes: Vec<u8>,
    /// Pages of 64 KiB at the start. At least one.
    pub minimum_pages: u64,
    /// Pages of 64 KiB that the memory may grow to. At most 65,535, so that its length in bytes has 32 bits.
    pub maximum_pages: u64,
}

// Both are megabytes, so they print as lengths.

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let component = format_args!("{} bytes", self.component.len());
        f.debug_struct("Linked")
            .field("component", &component)
            .field("base", &self.base)
            .field("globals", &self.globals)
            .finish()
    }
}

impl fmt::Debug for BaseMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.minimum_pages..=self.maximum_pages;
        f.debug_struct("BaseMemory")
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
            .field("pages", &pages)
            .finish()
    }
}

/// What a component is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Bytes of the component.
    pub size: usize,
    /// The interfaces that it needs.
    pub imports: Vec<Interface>,
    /// The interfaces that it offers.
    pub exports: Vec<Interface>,
    /// Whether [`link`] takes it, or why not.
    pub linkable: Result<(), Refusal>,
}

/// Rewrites a component so that it can be forked.
///
/// # Errors
/// If the bytes are no component, or the component cannot be forked; see [`Refusal`].
pub fn link(component: &[u8]) -> Result<Linked, Refusal> {
    link_surveyed(&Survey::read(component)?)
}

/// Describes a component, also one that cannot be linked.
///
/// # Errors
/// If the bytes are no component, or are damaged.
pub fn inspect(component: &[u8]) -> Result<Description, Refusal> {
    let survey = Survey::read(component)?;
    Ok(Description {
        size: component.len(),
        imports: survey.imported_interfaces(),
        exports: survey.exported_interfaces(),
        linkable: link_surveyed(&survey).map(drop),
    })
}

fn link_surveyed(survey: &Survey<'_>) -> Result<Linked, Refusal> {
    let plan = analysis::analyse(survey)?;
    let component = rewrite::rewrite(survey, &plan)?;
    analysis::check_linked(&component)?;
    let globals = u32::try_from(plan.globals.len()).map_err(Refusal::unsupported)?;
    Ok(Linked {
        component,
        base: plan.base,
        globals,
    })
}
