//! Allocates workers' cores and memory to applications and drivers (Spark: `org.apache.spark.deploy.master`).
//!
//! A [`Master`] is told what happens and answers with orders; what must survive it is written down before anybody is
//! told, and everything else a new leader is told anew by workers and drivers.
//!
//! ```text
//!             elected                       all have answered, or
//! STANDBY ──────────────▶ RECOVERING ──────── the time is up ────────▶ ALIVE ──▶ schedule after each input
//!    │  nothing persisted ─────────────────────────────────────────────▶ │       drivers, then executors: the tenant
//!    └──────── leadership lost: exit ◀───────────────────────────────────┘       that has least for its weight first
//! ```

mod accounts;
mod allocation;
mod applications;
mod check;
mod driver_requests;
mod drivers;
mod event;
mod executors;
mod free;
mod launch;
mod line;
mod master;
mod order;
mod persisted;
mod preemption;
mod queue;
mod reason;
mod recovery;
mod registration;
mod requests;
mod resources;
mod tenants;
mod view;
mod workers;

pub use event::{Event, EventKind, VERSION};
pub use free::Policy;
pub use master::{Master, State};
pub use order::{Action, Input, Outbox};
pub use persisted::{Change, Persisted};
pub use tenants::{Quota, Tenants};
pub use view::{ApplicationView, DriverView, ExecutorView, TenantView, WorkerView};
pub use workers::WorkerState;
