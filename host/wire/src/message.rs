//! What processes say to one another, as plain data: the scheduler's messages, and what the hosts need besides.
//!
//! The scheduler's messages decide; these here move what was decided about: images, components, blocks, logs,
//! certificates.

use std::fmt;
use std::sync::Arc;

use scheduler::{
    Address, ApplicationId, AttemptId, DriverId, ExecutorId, Host, ImageId, RddId, ShuffleId,
    Tenant, WorkerId,
};

/// The blake3 of a page or a component.
pub type Hash = [u8; 32];

/// Anything that one process says to another.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// To or from a state machine.
    Scheduler(scheduler::Message),
    /// Between hosts.
    Data(Data),
    /// About certificates.
    Join(Join),
    /// Before the bytes of a transfer.
    Transfer(Transfer),
}

impl From<scheduler::Message> for Message {
    fn from(message: scheduler::Message) -> Self {
        Self::Scheduler(message)
    }
}

impl From<Data> for Message {
    fn from(data: Data) -> Self {
        Self::Data(data)
    }
}

impl From<Join> for Message {
    fn from(join: Join) -> Self {
        Self::Join(join)
    }
}

impl From<Transfer> for Message {
    fn from(transfer: Transfer) -> Self {
        Self::Transfer(transfer)
    }
}

/// What hosts ask of one another, and the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// What is this image made of? Asked by an executor; answered with `Image` or `Refused`.
    ImageAsked {
        /// Whose it is.
        application: ApplicationId,
        /// Which.
        image: ImageId,
        /// Images that the asker has: the answer may be a difference to one of them.
        known: Vec<ImageId>,
    },
    /// What an image is made of.
    Image(ImageHeader),
    /// Where are a shuffle's map outputs? Asked by an executor; answered with `MapOutputs` or `Refused`.
    MapOutputsAsked {
        /// Which.
        shuffle: ShuffleId,
    },
    /// Where a shuffle's map outputs are.
    MapOutputs {
        /// Which shuffle's.
        shuffle: ShuffleId,
        /// How many there are when none is missing.
        maps: u32,
        /// In the order of the map partitions, those that there are.
        outputs: Vec<MapOutput>,
    },
    /// Who has these cached partitions? Asked by an executor; answered with `BlockLocations` or `Refused`.
    BlockLocationsAsked {
        /// Which.
        blocks: Vec<Block>,
    },
    /// Who has cached partitions.
    BlockLocations {
        /// For each block that was asked for, in order.
        locations: Vec<BlockLocation>,
    },
    /// An attempt's result, sent just before its `StatusUpdate` on the same stream. A large one is a transfer instead
    /// ([`Content::TaskResult`]).
    TaskResult {
        /// Which attempt's.
        attempt: AttemptId,
        /// What it returned.
        bytes: Vec<u8>,
    },
    /// What an attempt has added to accumulators, sent just before its `StatusUpdate` on the same stream.
    Accumulators {
        /// Which attempt.
        attempt: AttemptId,
        /// Each accumulator once.
        updates: Vec<AccumulatorUpdate>,
    },
    /// What stands in a log? Answered with `LogPart` or `Refused`.
    LogAsked {
        /// Whose.
        source: LogSource,
        /// Which of its two.
        stream: LogStream,
        /// From which byte on.
        offset: u64,
        /// The most bytes that the asker wants at a time.
        bytes_max: u32,
        /// Whether to wait for more at the end, up to the ask's deadline.
        follow: bool,
    },
    /// A part of a log.
    LogPart(LogPart),
    /// What was asked for is not to be had.
    Refused(Refusal),
    /// How is the cluster? Asked of a master; answered with `Status` or `Refused`.
    StatusAsked,
    /// How the cluster is.
    Status {
        /// For people and their scripts. It may gain fields without a new version of the protocol.
        json: String,
    },
    /// Where an executor's shuffle files are, told to its driver before it registers (Spark: `shuffleServerId`).
    ShuffleService {
        /// Whose files.
        executor: ExecutorId,
        /// Who serves them, also when the executor has ended.
        address: Address,
        /// Where they are on the executor's machine: there they are read, not asked for.
        folder: String,
    },
    /// What is it that is run? Asked by an executor of its driver; answered with `Application`.
    ApplicationAsked,
    /// What is run.
    Application {
        /// The component, as it was compiled by its user.
        component: Hash,
        /// Its settings.
        settings: Vec<(Arc<str>, Arc<str>)>,
        /// What its tasks may read.
        readable: Vec<Arc<str>>,
        /// What its tasks may write.
        writable: Vec<Arc<str>>,
    },
    /// Where is an output that the program has begun? Asked by an executor of its driver; answered with `Output`, or
    /// `Refused` where there is none.
    OutputAsked {
        /// Its number.
        output: u32,
    },
    /// Where an output is.
    Output {
        /// Its folder, which all machines have.
        folder: String,
    },
}

/// What an attempt has added to an accumulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccumulatorUpdate {
    /// The program's number of it.
    pub accumulator: u32,
    /// As the program encodes it.
    pub bytes: Vec<u8>,
}

/// What an image is made of: all but the pages themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageHeader {
    /// Its name.
    pub image: ImageId,
    /// The linked component that it is an image of.
    pub program: Hash,
    /// How large the memory is. Whole pages of 4 KiB, at most 4 GiB.
    pub memory_bytes: u64,
    /// The written globals, as raw bits.
    pub globals: Vec<u64>,
    /// Where the wall clocks of its forks start, in nanoseconds since 1970.
    pub clock_wall_ns: u64,
    /// Where their monotonic clocks start.
    pub clock_monotonic_ns: u64,
    /// The application's seed.
    pub seed: u64,
    /// What the page table is a difference to; none: to a memory of zeros.
    pub parent: Option<ImageId>,
    /// The pages that differ, in runs, in ascending order.
    pub changed: Vec<PageRun>,
    /// The bytes of the first of them, so that few need not be fetched. Whole pages.
    pub pages: Vec<u8>,
}

/// Neighbouring pages of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRun {
    /// The number of the first.
    pub first: u32,
    /// The hash of each.
    pub hashes: Vec<Hash>,
}

/// Where a map output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapOutput {
    /// Which, and of which attempt.
    pub name: MapOutputName,
    /// Who wrote it.
    pub executor: ExecutorId,
    /// Who serves it.
    pub worker: WorkerId,
    /// That one's machine: on the same one the file is read, not asked for.
    pub host: Host,
    /// Where that one listens.
    pub address: Address,
    /// Where the files are on that machine.
    pub folder: Arc<str>,
}

/// A map output's name within its shuffle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapOutputName {
    /// The map partition.
    pub partition: u32,
    /// The attempt whose output counts.
    pub attempt: AttemptId,
}

/// A cached partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The dataset.
    pub rdd: RddId,
    /// The partition.
    pub partition: u32,
}

/// Who has a cached partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLocation {
    /// Which.
    pub block: Block,
    /// Where those listen that have it, the nearest first. None: nobody.
    pub addresses: Vec<Address>,
}

/// Whose log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// An executor's.
    Executor(ApplicationId, ExecutorId),
    /// That of a driver that the cluster runs.
    Driver(DriverId),
}

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// What the process wrote to its standard output.
    Stdout,
    /// What it wrote to its standard error.
    Stderr,
}

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// The first byte's place: later than what was asked for where the log has been rolled over it.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether nothing will ever follow.
    pub ended: bool,
}

/// Why something is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of reason it is.
    pub kind: RefusalKind,
    /// In words.
    pub reason: Arc<str>,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(kind: RefusalKind, reason: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// What kind of reason it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// There is no such thing, or no longer.
    Missing,
    /// There is, but not for the asker.
    Forbidden,
    /// It makes no sense.
    Invalid,
    /// Not now: try again later.
    Busy,
    /// It should be there, but the host failed.
    Failed,
}

/// What is said on the stream of a transfer, each in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// By who wants one: the first and only frame of its direction. Answered with `Bulk` or [`Data::Refused`].
    Fetch(Fetch),
    /// By who brings one: the bytes and their checksum follow.
    Bulk(Bulk),
}

/// What is asked for as a transfer. Who may have it is the server's to decide, by the asker's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Pages of an application's images, by their hashes.
    Pages {
        /// Whose.
        application: ApplicationId,
        /// Which, in the order in which they are to come.
        pages: Vec<Hash>,
    },
    /// A component.
    Component {
        /// Its name.
        hash: Hash,
    },
    /// A cached partition.
    Block {
        /// Whose.
        application: ApplicationId,
        /// Which.
        block: Block,
    },
    /// One bucket of several map outputs.
    Buckets {
        /// Whose.
        application: ApplicationId,
        /// Of which shuffle.
        shuffle: ShuffleId,
        /// Which reduce partition.
        bucket: u32,
        /// Of which map outputs, in the order in which they are to come.
        outputs: Vec<MapOutputName>,
    },
}

/// What comes as a transfer: the header, after which `length` bytes and their checksum follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// What it is.
    pub content: Content,
    /// How many bytes follow.
    pub length: u64,
}

/// What a transfer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Pages, in the order in which they were asked for.
    Pages,
    /// A component.
    Component {
        /// Its name.
        hash: Hash,
    },
    /// A cached partition.
    Block(Block),
    /// Buckets, one after another, in the order in which they were asked for.
    Buckets {
        /// The bytes of each.
        lengths: Vec<u64>,
    },
    /// An attempt's result, too large for the control stream. Its `StatusUpdate` may come earlier or later.
    TaskResult {
        /// Which attempt's.
        attempt: AttemptId,
    },
}

/// How a process gets its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// Make a certificate for this key and this subject. Answered with `Joined` or `Data::Refused`.
    Join {
        /// A PKCS#10 request in DER. What counts of it is its key, whose possession it proves.
        request: Vec<u8>,
        /// Whom the certificate is to name.
        subject: Subject,
    },
    /// Here it is.
    Joined {
        /// In DER, the process's own first, the cluster's last.
        chain: Vec<Vec<u8>>,
    },
}

/// Whom a certificate names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A master.
    Master,
    /// A worker.
    Worker,
    /// A driver.
    Driver {
        /// Who owns it.
        tenant: Tenant,
        /// Its application; none: it has not registered one yet.
        application: Option<ApplicationId>,
    },
    /// An executor.
    Executor {
        /// Who owns it.
        tenant: Tenant,
        /// Its application.
        application: ApplicationId,
        /// Its number there.
        executor: ExecutorId,
    },
    /// Who submits programs and asks about them.
    Submitter {
        /// In whose name.
        tenant: Tenant,
    },
    /// Nobody yet: the bearer of a join token for this role, who may send [`Join`] alone.
    Joiner(Role),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => f.write_str("a master"),
            Self::Worker => f.write_str("a worker"),
            Self::Driver {
                tenant,
                application: None,
            } => write!(f, "a driver of tenant `{tenant}`"),
            Self::Driver {
                tenant,
                application: Some(application),
            } => write!(f, "the driver of {application} of tenant `{tenant}`"),
            Self::Executor {
                tenant,
                application,
                executor,
            } => write!(f, "{application}/{} of tenant `{tenant}`", executor.0),
            Self::Submitter { tenant } => write!(f, "a submitter of tenant `{tenant}`"),
            Self::Joiner(role) => write!(f, "the bearer of a {role}'s token"),
        }
    }
}

impl Subject {
    /// Returns the role.
    pub const fn role(&self) -> Role {
        match self {
            Self::Master => Role::Master,
            Self::Worker => Role::Worker,
            Self::Driver { .. } => Role::Driver,
            Self::Executor { .. } => Role::Executor,
            Self::Submitter { .. } => Role::Submitter,
            Self::Joiner(_) => Role::Joiner,
        }
    }

    /// Returns the application, where it names one.
    pub const fn application(&self) -> Option<ApplicationId> {
        match self {
            Self::Driver { application, .. } => *application,
            Self::Executor { application, .. } => Some(*application),
            Self::Master | Self::Worker | Self::Submitter { .. } | Self::Joiner(_) => None,
        }
    }

    /// Returns the tenant, where it names one.
    pub const fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::Driver { tenant, .. }
            | Self::Executor { tenant, .. }
            | Self::Submitter { tenant } => Some(tenant),
            Self::Master | Self::Worker | Self::Joiner(_) => None,
        }
    }
}

/// What a process is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It allocates workers to applications.
    Master,
    /// The daemon of one machine.
    Worker,
    /// It runs a program's `main`.
    Driver,
    /// It runs tasks.
    Executor,
    /// It submits programs and asks about them.
    Submitter,
    /// It has a join token and wants a certificate.
    Joiner,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Worker => "worker",
            Self::Driver => "driver",
            Self::Executor => "executor",
            Self::Submitter => "submitter",
            Self::Joiner => "joiner",
        })
    }
}
