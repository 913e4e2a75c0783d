//! What Laneway stores and how it is asked for, independent of any wire format or backend.
//!
//! - [`model`]: spans, resources, attribute values.
//! - [`query`]: one query model, to which every dialect (native, Jaeger, ...) is translated.
//! - [`Store`]: the contract of a backend.
//! - [`topology`]: what happened between services, per lane; [`compare`]: whether a lane is worse than another.
//! - [`embedded`]: the backend on local disk; [`clickhouse`]: that of a ClickHouse server or cluster.
//!
//! A backend knows no dialect, and no wire type appears here.

pub mod clickhouse;
pub mod compare;
mod compression;
pub mod embedded;
pub mod model;
pub mod query;
mod retention;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod topology;

pub use compression::InflateError;
pub use retention::{Retention, RetentionOptions, Space};
pub use store::{
    Accepted, AdminError, AppendError, Body, Compression, Deletion, Health, IngestRequest, MaintenanceStats,
    QueryError, Store, StoreStats,
};
