//! Why a file cannot become a program: one variant a reason, each with what to do about it.
//!
//! The messages are for the person who typed the file's name, so each says what, why and what now.

/// The reason for which the link step does not take a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No bytes at all.
    #[error("the file is empty; a WebAssembly component is expected")]
    Empty,

    /// WebAssembly's text format, or any other text.
    #[error(
        "this is text, not a compiled WebAssembly component; compile it first (`tinderbox build` makes one from a source folder)"
    )]
    Text,

    /// A program for an operating system.
    #[error(
        "this is a native program (ELF); build it for the target wasm32-wasip2 instead (`tinderbox build` does)"
    )]
    Native,

    /// What an engine compiled from a component.
    #[error(
        "this is a component that an engine has already compiled to native code; such code cannot be checked, so give the component that it was made from"
    )]
    Precompiled,

    /// None of the formats above.
    #[error(
        "this is not a WebAssembly component; a component is what `tinderbox build` makes from a source folder"
    )]
    NotWebAssembly,

    /// A core module: WebAssembly, but not a component.
    #[error(
        "this is a WebAssembly core module, not a component; build it for the target wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,

    /// Cut off or damaged.
    #[error(
        "the component is damaged or cut off at byte {offset}: {reason}; copy or build it again"
    )]
    Malformed {
        /// Bytes from the file's start.
        offset: usize,
        /// The validator's words.
        reason: String,
    },

    /// The output of this step was given to it again.
    #[error("the component has been linked before; give the component as it was compiled")]
    LinkedBefore,

    /// It needs a part of WebAssembly that jobs do not have.
    #[error(
        "the component uses {proposal}, which jobs cannot use; compile it without (at byte {offset}: {reason})"
    )]
    Proposal {
        /// The part, for people.
        proposal: &'static str,
        /// Bytes from the file's start.
        offset: usize,
        /// The validator's words.
        reason: String,
    },

    /// A component for something else.
    #[error(
        "the component is for another world: it does not export `tinderbox:job/application`; write the program with the Tinderbox SDK"
    )]
    OtherWorld,

    /// A contract that this host does not speak.
    #[error(
        "the component was built for `{interface}` {found}, this Tinderbox speaks {spoken}; build it with an SDK of that version"
    )]
    ContractVersion {
        /// The interface without its version.
        interface: String,
        /// The version that the component names.
        found: String,
        /// The versions that are compatible.
        spoken: &'static str,
    },

    /// Neither the contract nor the part of WASI that is answered.
    #[error(
        "the component imports `{name}`, which no job can have; only `tinderbox:job` and WASI 0.2 (cli, clocks, filesystem, io, random, sockets) are known"
    )]
    UnknownImport {
        /// The import as the component names it.
        name: String,
    },

    /// A function that a later version of the contract may have.
    #[error(
        "the component imports `{function}` of `{interface}`, which this Tinderbox does not have; use a newer Tinderbox or an older SDK"
    )]
    UnknownFunction {
        /// The interface as the component names it.
        interface: String,
        /// The function.
        function: String,
    },

    /// It prints, but its output has nowhere to go.
    #[error(
        "the component prints but does not import `log` of `tinderbox:job/logging`; its SDK must import it"
    )]
    NoLogging,

    /// The code is in a component inside the component.
    #[error(
        "the component's code is in a nested component, which cannot be forked yet; link it into one component with its own memory"
    )]
    Nested,

    /// Handles to resources live in the host and do not travel with the memory.
    #[error(
        "the component defines resources of its own, whose handles a fork would not have; use plain numbers instead"
    )]
    OwnResources,

    /// Nothing to take an image of.
    #[error(
        "the component has no memory, so it cannot be forked; this is no program that a compiler for wasm32-wasip2 made"
    )]
    NoMemory,

    /// More than one memory.
    #[error("the component has {count} memories; a fork carries one, so link its modules into one")]
    SeveralMemories {
        /// How many.
        count: usize,
    },

    /// A memory for threads.
    #[error(
        "the component's memory is shared between threads, which a fork cannot carry; build it without threads"
    )]
    SharedMemory,

    /// A 64-bit memory.
    #[error("the component's memory is 64-bit; build it for wasm32")]
    WideMemory,

    /// A memory that starts at 4 GiB.
    #[error(
        "the component's memory starts with 4 GiB; at most 65,535 pages of 64 KiB can be forked, so make the initial memory smaller"
    )]
    HugeMemory,

    /// Tables are not part of an image.
    #[error(
        "the component changes a table as it runs (`{instruction}` at byte {offset}), which a fork would not see; build it without dynamic linking"
    )]
    TableWrite {
        /// The instruction.
        instruction: &'static str,
        /// Bytes from the file's start.
        offset: usize,
    },

    /// A written global that is no number of at most 64 bits.
    #[error(
        "the component writes a global of type {kind}; only i32, i64, f32 and f64 can be carried to a fork"
    )]
    GlobalKind {
        /// The type.
        kind: String,
    },

    /// More written globals than `checkpoint` has arguments.
    #[error("the component writes {count} globals; a checkpoint carries at most {most}")]
    TooManyGlobals {
        /// How many it writes.
        count: usize,
        /// How many there may be.
        most: usize,
    },

    /// Position-independent data.
    #[error(
        "the component's data segment at byte {offset} has no constant address; build it without position-independent code"
    )]
    DataAddress {
        /// Bytes from the file's start.
        offset: usize,
    },

    /// Data beyond the memory: instantiating it could only trap.
    #[error(
        "the component's data segment at byte {offset} is outside its initial memory; it could never start"
    )]
    DataOutside {
        /// Bytes from the file's start.
        offset: usize,
    },

    /// Data so far up that the smallest image would be too large.
    #[error(
        "the component's data segment at byte {offset} ends beyond {most_mib} MiB of memory, more than an image may hold; place its data lower"
    )]
    DataFar {
        /// Bytes from the file's start.
        offset: usize,
        /// Mebibytes.
        most_mib: u64,
    },

    /// Two instances of one module have one set of globals each.
    #[error(
        "the component instantiates a module twice, so its state is not in one place; instantiate each module once"
    )]
    Twice,

    /// Valid, but built in a way that the rewriting does not follow.
    #[error(
        "the component is put together in a way that cannot be linked: {reason}; please report it with the component"
    )]
    Unsupported {
        /// What was met.
        reason: String,
    },
}

impl Refusal {
    /// A fault that the parser or the validator found.
    pub(super) fn malformed(error: &wasmparser::BinaryReaderError) -> Self {
        Self::Malformed {
            offset: error.offset(),
            reason: error.message().to_string(),
        }
    }

    /// The bytes end in the middle of a module or a component.
    pub(super) fn cut_off(length: usize) -> Self {
        Self::Malformed {
            offset: length,
            reason: "unexpected end-of-file".to_string(),
        }
    }

    pub(super) fn unsupported(reason: impl ToString) -> Self {
        Self::Unsupported {
            reason: reason.to_string(),
        }
    }
}
