//! Nodes of the topology.

use std::fmt;
use std::sync::Arc;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A service that was traced, or that a caller named.
    Service,
    /// A database: `<system>/<database or address>`.
    Database,
    /// A cache: `<system>/<address>`.
    Cache,
    /// A destination of a message broker: `<system>/<destination>`.
    Queue,
    /// Something that is called, or calls, and is not traced: a host, or `unknown`.
    External,
    /// Whoever sends the requests that begin a trace.
    User,
}

impl NodeKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Service, Self::Database, Self::Cache, Self::Queue, Self::External, Self::User];

    /// As it stands in ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Queue => "queue",
            Self::External => "external",
            Self::User => "user",
        }
    }
}

/// A node: its id is `<kind>:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name among nodes of its kind.
    pub name: Arc<str>,
}

impl Node {
    /// The node of a service.
    pub fn service(name: Arc<str>) -> Self {
        Self { kind: NodeKind::Service, name }
    }

    /// A node of this kind and name.
    pub fn new(kind: NodeKind, name: &str) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)
    }
}
