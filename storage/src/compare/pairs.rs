//! What is compared with what.

use std::collections::BTreeMap;
use std::sync::Arc;

use laneway_proto::Lane;

use super::{Hops, Subject};
use crate::query::Red;
use crate::topology::{EdgeLevel, Figures, NodeKind};

/// The figures of the lane, and of the other.
#[derive(Debug, Default)]
pub(super) struct Pair {
    pub(super) lane: Red,
    pub(super) base: Red,
}

/// Everything that the lane did, beside the same of the other.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub(super) operations: BTreeMap<(Arc<str>, Arc<str>), Pair>,
    pub(super) edges: BTreeMap<Hops, Pair>,
}

impl Pairs {
    pub(super) fn of(figures: &Figures, lane: &Lane, base: &Lane) -> Self {
        let mut pairs = Self::default();
        for ((key, _), red) in &figures.red {
            let is_lane = key.lane == *lane;
            // What strayed onto an instance of the lane shows how that does, not how the baseline does.
            let is_base = key.lane == *base && key.instance_lane != *lane;
            if key.is_entry && (is_lane || is_base) {
                let name = (Arc::clone(&key.service), Arc::clone(&key.operation));
                pairs.operations.entry(name).or_default().side(is_lane).add(key.status, red);
            }
        }
        for ((key, _), edge) in &figures.edges {
            let is_lane = key.is_of(lane);
            let strays = [&key.source, &key.target].iter().any(|side| side.instance_lane == *lane);
            let is_base = key.is_of(base) && !strays;
            if key.level == EdgeLevel::Operation && (is_lane || is_base) {
                let is_service = key.target.node.kind == NodeKind::Service;
                let named = if is_service { &key.target } else { &key.source };
                let hops = Hops {
                    source: key.source.node.clone(),
                    target: key.target.node.clone(),
                    operation: Arc::clone(&named.detail),
                };
                pairs.edges.entry(hops).or_default().side(is_lane).add_hops(edge);
            }
        }
        pairs.operations.retain(|_, pair| pair.lane.requests > 0);
        pairs.edges.retain(|_, pair| pair.lane.requests > 0);
        pairs
    }

    /// Each thing that is compared, with its strata.
    pub(super) fn subjects(&self) -> Vec<(Subject, Vec<&Pair>)> {
        let mut services = BTreeMap::<&Arc<str>, Vec<&Pair>>::new();
        for ((service, _), pair) in &self.operations {
            let strata = services.entry(service).or_default();
            if pair.base.requests > 0 {
                strata.push(pair);
            }
        }
        let services = services.into_iter().map(|(name, pairs)| (Subject::Service(Arc::clone(name)), pairs));
        let operations = self.operations.iter().map(|((service, operation), pair)| {
            (Subject::Operation(Arc::clone(service), Arc::clone(operation)), vec![pair])
        });
        let edges = self.edges.iter().map(|(hops, pair)| (Subject::Edge(hops.clone()), vec![pair]));
        services.chain(operations).chain(edges).collect()
    }
}

impl Pair {
    fn side(&mut self, is_lane: bool) -> &mut Red {
        if is_lane { &mut self.lane } else { &mut self.base }
    }
}
