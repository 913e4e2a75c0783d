//! The graph that figures describe: nodes, and the edges between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use laneway_proto::Lane;
use laneway_storage::query::Red;
use laneway_storage::topology::{EdgeFigures, EdgeLevel, EdgeSide, Figures, Node, NodeKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::{Provenances, Verdicts, hops, quantile_ms};

/// What the nodes of a graph are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Level {
    #[default]
    Service,
    Instance,
    Operation,
}

impl Level {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "service" => Self::Service,
            "instance" => Self::Instance,
            "operation" => Self::Operation,
            _ => return None,
        })
    }

    /// The level of the edges that such a graph is made of.
    pub(crate) const fn edges(self) -> EdgeLevel {
        match self {
            Self::Service | Self::Instance => EdgeLevel::Instance,
            Self::Operation => EdgeLevel::Operation,
        }
    }

    /// `service:cart`, `instance:cart/cart-1`, `operation:cart/GET /x`, `database:postgresql/orders`.
    ///
    /// The first `/` ends the service: one in its name is written `%2F`, and `%` is `%25`. What is known of an end only as far as its
    /// service is that service, at any level.
    pub(crate) fn node_id(self, node: &Node, detail: &str) -> String {
        let prefix = match self {
            Self::Instance => "instance",
            Self::Operation => "operation",
            Self::Service => return node.to_string(),
        };
        if node.kind != NodeKind::Service || detail.is_empty() {
            return node.to_string();
        }
        format!("{prefix}:{}/{detail}", node.name.replace('%', "%25").replace('/', "%2F"))
    }
}

/// The topology of a range of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Graph {
    /// By id.
    nodes: Vec<NodeBody>,
    /// By source and target: there is one edge from one node to another.
    pub(super) edges: Vec<EdgeBody>,
}

/// A node. A service's requests are its SERVER and CONSUMER spans and those without a parent; of what was not traced, the hops that
/// reach it, or else those that come from it.
#[derive(Debug, Serialize, ToSchema)]
struct NodeBody {
    /// `<kind>:<name>`; of an instance or operation `<kind>:<service>/<name>`, in which `/` and `%` of the service are percent-encoded.
    #[schema(example = "service:cart")]
    id: String,
    /// `service`, `instance`, `operation`, `database`, `cache`, `queue`, `external` or `user`.
    kind: &'static str,
    name: String,
    /// The service, of a service, instance or operation.
    service: Option<String>,
    /// The request lanes that it saw, by name.
    lanes: Vec<String>,
    /// The lanes that its instances serve, by name.
    instance_lanes: Vec<String>,
    #[serde(flatten)]
    red: crate::figures::RedBody,
}

/// All calls from one node to another.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EdgeBody {
    /// The id of the calling node.
    pub(super) source: String,
    /// The id of the called node.
    pub(super) target: String,
    /// `http`, `grpc`, the name of a database or messaging system, or empty when it is not known: that of most calls.
    protocol: String,
    requests: u64,
    /// How many failed for the caller or the callee.
    errors: u64,
    /// How long the callee took, in milliseconds, or the caller waited where nobody saw the callee; null when there was none.
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// How long the caller waited, where both sides are known: what this is longer is network and queues.
    client_p50_ms: Option<f64>,
    client_p95_ms: Option<f64>,
    /// How long messages lay, where their producer is known.
    queueing_p50_ms: Option<f64>,
    queueing_p95_ms: Option<f64>,
    verdicts: Verdicts,
    provenance: Provenances,
}

#[derive(Debug, Default)]
struct NodeSums {
    red: Red,
    lanes: BTreeSet<Lane>,
    instance_lanes: BTreeSet<Lane>,
    arrivals: Red,
    departures: Red,
}

#[derive(Debug, Default)]
struct EdgeSums {
    figures: EdgeFigures,
    protocols: BTreeMap<Arc<str>, u64>,
    verdicts: Verdicts,
    provenance: Provenances,
}

/// A node before it has an id.
type Place = (Node, Arc<str>);

impl Graph {
    /// The graph of figures whose edges have the level's [`Level::edges`]; of requests of this lane only, if one is given.
    pub(crate) fn of(figures: &Figures, level: Level, lane: Option<&Lane>) -> Self {
        let mut nodes = BTreeMap::<Place, NodeSums>::new();
        let mut edges = BTreeMap::<(Place, Place), EdgeSums>::new();
        for ((key, _), red) in &figures.red {
            let detail = match level {
                Level::Service => Arc::default(),
                Level::Instance => Arc::clone(&key.instance),
                Level::Operation if key.is_entry => Arc::clone(&key.operation),
                Level::Operation => continue,
            };
            if lane.is_some_and(|lane| *lane != key.lane) {
                continue;
            }
            let node = nodes.entry((Node::service(Arc::clone(&key.service)), detail)).or_default();
            node.lanes.insert(key.lane.clone());
            node.instance_lanes.insert(key.instance_lane.clone());
            if key.is_entry {
                node.red.add(key.status, red);
            }
        }
        for ((key, _), sums) in &figures.edges {
            if lane.is_some_and(|lane| !key.is_of(lane)) {
                continue;
            }
            let ends = [&key.source, &key.target].map(|side| place(side, level));
            for (end, is_target) in ends.iter().zip([false, true]) {
                let node = nodes.entry(end.clone()).or_default();
                node.lanes.insert(if is_target { key.lane.clone() } else { key.source_lane.clone() });
                if is_target { &mut node.arrivals } else { &mut node.departures }.add_hops(sums);
            }
            let [source, target] = ends;
            let edge = edges.entry((source, target)).or_default();
            edge.figures.merge(sums);
            *edge.protocols.entry(Arc::clone(&key.protocol)).or_default() += hops(sums);
            edge.verdicts.add(key.outcome, hops(sums));
            edge.provenance.add(key.provenance, hops(sums));
        }
        let mut nodes: Vec<_> = nodes.iter().map(|(place, sums)| NodeBody::of(place, sums, level)).collect();
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        let edges = edges.iter().map(|((source, target), sums)| EdgeBody::of(source, target, sums, level));
        let mut edges: Vec<_> = edges.collect();
        edges.sort_by(|a, b| (&a.source, &a.target).cmp(&(&b.source, &b.target)));
        Self { nodes, edges }
    }

    /// How many nodes and edges it has.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() + self.edges.len()
    }
}

fn place(side: &EdgeSide, level: Level) -> Place {
    let detail = match level {
        Level::Service => Arc::default(),
        Level::Instance | Level::Operation => Arc::clone(&side.detail),
    };
    (side.node.clone(), detail)
}

impl NodeBody {
    fn of((node, detail): &Place, sums: &NodeSums, level: Level) -> Self {
        let is_service = node.kind == NodeKind::Service;
        let (kind, name) = match level {
            Level::Instance if is_service && !detail.is_empty() => ("instance", detail),
            Level::Operation if is_service && !detail.is_empty() => ("operation", detail),
            _ => (node.kind.as_str(), &node.name),
        };
        let of_hops = if sums.arrivals.requests > 0 { &sums.arrivals } else { &sums.departures };
        Self {
            id: level.node_id(node, detail),
            kind,
            name: name.to_string(),
            service: is_service.then(|| node.name.to_string()),
            lanes: names(&sums.lanes),
            instance_lanes: names(&sums.instance_lanes),
            red: if sums.red.requests > 0 || is_service { &sums.red } else { of_hops }.into(),
        }
    }
}

/// Lanes by name.
pub(super) fn names(lanes: &BTreeSet<Lane>) -> Vec<String> {
    lanes.iter().map(ToString::to_string).collect()
}

impl EdgeBody {
    fn of(source: &Place, target: &Place, sums: &EdgeSums, level: Level) -> Self {
        let figures = &sums.figures;
        // Half of an edge may not know its protocol; of two that are used equally often, the first by name.
        let used = |(protocol, hops): &(&Arc<str>, &u64)| (!protocol.is_empty(), **hops);
        let protocol = sums.protocols.iter().rev().max_by_key(used);
        Self {
            source: level.node_id(&source.0, &source.1),
            target: level.node_id(&target.0, &target.1),
            protocol: protocol.map_or_else(String::new, |(protocol, _)| protocol.to_string()),
            requests: hops(figures),
            errors: figures.errors.max(0) as u64,
            p50_ms: quantile_ms(&figures.duration_ns, 0.5),
            p95_ms: quantile_ms(&figures.duration_ns, 0.95),
            p99_ms: quantile_ms(&figures.duration_ns, 0.99),
            client_p50_ms: quantile_ms(&figures.client_duration_ns, 0.5),
            client_p95_ms: quantile_ms(&figures.client_duration_ns, 0.95),
            queueing_p50_ms: quantile_ms(&figures.queueing_ns, 0.5),
            queueing_p95_ms: quantile_ms(&figures.queueing_ns, 0.95),
            verdicts: sums.verdicts.clone(),
            provenance: sums.provenance.clone(),
        }
    }
}
