//! The other side of a call, as the attributes of a span name it.

use std::borrow::Cow;
use std::sync::Arc;

use super::node::{Node, NodeKind};
use crate::model::SpanKind;

/// Span attributes that name the other side, of both generations of OpenTelemetry's
/// [semantic conventions](https://opentelemetry.io/docs/specs/semconv/): of two that mean the same, the newer stands first.
pub const PEER_ATTRIBUTES: [&str; 24] = [
    "db.system.name",
    "db.system",
    "db.namespace",
    "db.name",
    "messaging.system",
    "messaging.destination.name",
    "messaging.destination",
    "rpc.system.name",
    "rpc.system",
    "http.request.method",
    "http.method",
    "service.peer.name",
    "peer.service",
    "server.address",
    "net.peer.name",
    "net.sock.peer.name",
    "network.peer.address",
    "server.port",
    "net.peer.port",
    "url.full",
    "http.url",
    "peer.hostname",
    "peer.address",
    STRICT_MISS_ATTRIBUTE,
];

/// An SDK sets it to `strict_miss` on a CLIENT span whose request was not sent for want of an instance of its lane.
const STRICT_MISS_ATTRIBUTE: &str = "laneway.route";

/// Whether a span of this kind says something of its other side by this attribute.
pub(crate) fn is_said_by(kind: SpanKind, key: &str) -> bool {
    let is_address =
        ["db.", "server.", "net.", "network.", "url.", "http.url", "peer.hostname", "peer.address"];
    match kind {
        SpanKind::Client | SpanKind::Producer => true,
        SpanKind::Consumer => !is_address.iter().any(|prefix| key.starts_with(prefix)),
        _ => !key.starts_with("messaging.") && !is_address.iter().any(|prefix| key.starts_with(prefix)),
    }
}

/// Systems of `db.system.name` that are caches rather than databases.
const CACHES: [&str; 6] = ["redis", "memcached", "valkey", "hazelcast", "dragonfly", "keydb"];

/// What a span says of the other side of its call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The other side, where it is named.
    pub node: Option<Node>,
    /// `http`, `grpc`, the name of a database or messaging system; or empty.
    pub protocol: Arc<str>,
    /// Whether the call was not made for want of an instance of its lane.
    pub is_strict_miss: bool,
}

impl Peer {
    /// Of a span of this kind whose attribute values, as text, `get` gives by their key; `None` when it says nothing.
    ///
    /// Only a call says where it goes by an address, and only messaging spans by a queue: those of a serving span are its own.
    pub fn of<'a>(kind: SpanKind, get: impl Fn(&str) -> Option<Cow<'a, str>>) -> Option<Self> {
        let get = |key: &str| if is_said_by(kind, key) { get(key) } else { None };
        let first = |keys: &[&str]| keys.iter().find_map(|key| get(key).filter(|value| !value.is_empty()));
        let address = || address(&first);
        let is_strict_miss = get(STRICT_MISS_ATTRIBUTE).is_some_and(|value| value == "strict_miss");
        let named = |kind, system: &str, name: Option<Cow<'_, str>>| {
            let name = name.map_or_else(|| system.to_owned(), |name| format!("{system}/{name}"));
            Some(Node::new(kind, &name))
        };
        let (node, protocol) = if let Some(system) = first(&["db.system.name", "db.system"]) {
            let node = if CACHES.contains(&&*system) {
                named(NodeKind::Cache, &system, address())
            } else {
                named(NodeKind::Database, &system, first(&["db.namespace", "db.name"]).or_else(address))
            };
            (node, system)
        } else if let Some(system) = first(&["messaging.system"]) {
            let destination = first(&["messaging.destination.name", "messaging.destination"]);
            (named(NodeKind::Queue, &system, destination.or_else(address)), system)
        } else {
            let service = first(&["service.peer.name", "peer.service"]);
            // What a message is sent to or taken from is its broker.
            let is_message = matches!(kind, SpanKind::Producer | SpanKind::Consumer);
            let node = match service {
                Some(broker) if is_message => Some(Node::new(NodeKind::Queue, &broker)),
                Some(service) => Some(Node::new(NodeKind::Service, &service)),
                None => address().map(|address| Node::new(NodeKind::External, &address)),
            };
            let is_http = first(&["http.request.method", "http.method"]).is_some();
            let protocol = first(&["rpc.system.name", "rpc.system"]);
            (node, protocol.unwrap_or(Cow::Borrowed(if is_http { "http" } else { "" })))
        };
        let says_something = node.is_some() || !protocol.is_empty() || is_strict_miss;
        says_something.then(|| Self { node, protocol: (&*protocol).into(), is_strict_miss })
    }

    /// The queue, if the other side is one.
    pub(crate) fn is_queue(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.kind == NodeKind::Queue)
    }
}

/// `host`, or `host:port`.
fn address<'a>(first: &impl Fn(&[&str]) -> Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let host = first(&["server.address", "net.peer.name", "net.sock.peer.name", "peer.hostname"]);
    let Some(host) = host.or_else(|| first(&["network.peer.address", "peer.address"])) else {
        return authority(&first(&["url.full", "http.url"])?).map(|authority| authority.to_owned().into());
    };
    Some(match first(&["server.port", "net.peer.port"]) {
        Some(port) => format!("{host}:{port}").into(),
        None => host,
    })
}

/// Host and port of a URL, without user and password.
fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    (!host.is_empty()).then_some(host)
}
