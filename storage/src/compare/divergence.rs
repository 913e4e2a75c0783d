//! Where a difference begins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Hops, Row, Subject, Verdict};
use crate::topology::Node;

/// The hops with which a difference begins.
///
/// A slow or failing callee makes all its callers slow or failing, so hops differ from the entry of a request down to its cause. The cause is
/// the end of such a path: hops that differ, to a node from which no others do. Of several, it is the one nearest to the entry, then the first
/// by name.
pub(super) fn first(rows: &[Row]) -> Option<Hops> {
    let edges: Vec<(&Hops, Verdict)> = rows
        .iter()
        .filter_map(|row| match &row.subject {
            Subject::Edge(hops) => Some((hops, row.verdict)),
            _ => None,
        })
        .collect();
    let depths = depths(edges.iter().map(|(hops, _)| *hops));
    let failing: Vec<&Hops> =
        edges.iter().filter(|(_, verdict)| *verdict == Verdict::Fail).map(|(hops, _)| *hops).collect();
    let leads_on =
        |hops: &Hops| failing.iter().any(|next| next.source == hops.target && next.target != next.source);
    let order = |hops: &&Hops| (depths.get(&hops.source).copied().unwrap_or(usize::MAX), (*hops).clone());
    let end = failing.iter().copied().filter(|hops| !leads_on(hops)).min_by_key(order);
    // Where the paths run in circles, there is no end.
    end.or_else(|| failing.iter().copied().min_by_key(order)).cloned()
}

/// How many hops each node is away from one that nobody calls.
fn depths<'a>(edges: impl Iterator<Item = &'a Hops> + Clone) -> BTreeMap<&'a Node, usize> {
    let mut callees = BTreeMap::<&Node, BTreeSet<&Node>>::new();
    let mut called = BTreeSet::new();
    for hops in edges.filter(|hops| hops.source != hops.target) {
        callees.entry(&hops.source).or_default().insert(&hops.target);
        called.insert(&hops.target);
    }
    let mut depths: BTreeMap<&Node, usize> =
        callees.keys().filter(|node| !called.contains(**node)).map(|node| (*node, 0)).collect();
    let mut queue: VecDeque<&Node> = depths.keys().copied().collect();
    while let Some(node) = queue.pop_front() {
        let depth = depths[node] + 1;
        for callee in callees.get(node).into_iter().flatten() {
            depths.entry(callee).or_insert_with(|| {
                queue.push_back(callee);
                depth
            });
        }
    }
    depths
}
