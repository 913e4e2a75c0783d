//! The numbers of the keys that spans and hops are counted under.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use laneway_proto::Lane;

use super::admission::{Admission, OTHER};
use super::contribution::{End, Hop};
use super::key::{EdgeKey, EdgeLevel, EdgeSide, Outcome, RedKey};
use super::keys::Keys;
use super::node::{Node, NodeKind};
use super::role::{Place, RoleId};
use super::roles::{LaneId, Roles};
use super::totals::Map;

/// The name of a caller that is not known.
const UNKNOWN: &str = "unknown";

/// When more hops or spans are told apart, what was known of them is forgotten, and found once more.
const MAX_SHAPES: usize = 1 << 17;

/// For so many minutes keys keep their numbers. Then whoever was not admitted is asked for again, and what is no longer seen is forgotten.
const RENEWED_MINUTES: u32 = 10;

/// Numbers keys, which are found by what it takes no effort to make of a span or hop. Belongs to the [`Roles`] of those.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    red_keys: Arc<Keys<RedKey>>,
    edge_keys: Arc<Keys<EdgeKey>>,
    // Of each role, the lane that its last span had, and the number of that key: mostly it is the same again.
    last_red: Vec<Option<(RedShape, u32)>>,
    red: Map<RedShape, u32>,
    // At each level, by a hash of the shape: shapes themselves would take three times the memory, most of which is waited for.
    hops: Map<u64, [u32; 2]>,
    // Between instances alone, by a hash of the shape without operations: where any operation calls any, there are far fewer of these.
    instance_hops: Map<u64, u32>,
    // The seed is random, so no sender can aim for collisions.
    hop_hasher: RandomState,
    admission: Option<Admission>,
    // The minute in which that was done.
    renewed: u32,
    generation: u64,
}

/// A role, and the lane of a span with whether a request enters its service with it.
type RedShape = (RoleId, u32);

/// All of a hop that its keys are made of, as numbers that take little hashing: its ends, protocol and lane, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct HopShape {
    source: u64,
    target: u64,
    protocol_and_lane: u64,
    others: u64,
}

impl HopShape {
    fn of(roles: &Roles, hop: &Hop) -> Self {
        let [protocol, lane, source_lane] =
            [roles.marks(hop.protocol).protocol, hop.lane.number(), hop.source_lane.number()].map(u64::from);
        let outcome = match hop.outcome {
            Outcome::None => 0,
            Outcome::ToBaseline => 1,
            Outcome::Verdict(verdict) => 2 + verdict as u64,
        };
        Self {
            source: end_shape(roles, hop.source),
            target: end_shape(roles, hop.target),
            protocol_and_lane: protocol << 32 | lane,
            others: source_lane << 32 | outcome << 8 | hop.provenance as u64,
        }
    }

    /// All that keys of hops between instances are made of.
    fn of_instances(self) -> Self {
        let without_operation = |end| end & !u64::from(u32::MAX);
        Self { source: without_operation(self.source), target: without_operation(self.target), ..self }
    }
}

/// All of an end that keys are made of: numbers of its [`Marks`](super::roles::Marks), which are far from using all 32 bits, and its kind.
fn end_shape(roles: &Roles, end: End) -> u64 {
    let (kind, number, operation) = match end {
        End::Span { at, entered } => (0, roles.marks(at).place, roles.marks(entered).operation),
        End::Caller(of) => (1, roles.marks(of).caller, 0),
        End::Peer(of) => (2, roles.marks(of).peer, 0),
        End::Unknown => (3, 0, 0),
        End::User => (4, 0, 0),
    };
    u64::from(kind << 28 | number) << 32 | u64::from(operation)
}

impl Numbering {
    pub(super) fn bounded(admission: Admission) -> Self {
        Self { admission: Some(admission), ..Self::default() }
    }

    /// Returns whether everything is numbered anew from now on.
    pub(super) fn set_minute(&mut self, minute: u32) -> bool {
        if let Some(admission) = &mut self.admission {
            admission.set_minute(minute);
        }
        let is_old = minute.saturating_sub(self.renewed) >= RENEWED_MINUTES;
        if is_old {
            self.renew();
            self.renewed = minute;
        }
        is_old
    }

    /// Numbers everything anew.
    pub(super) fn renew(&mut self) {
        let (admission, generation) = (self.admission.take(), self.generation + 1);
        *self = Self { admission, renewed: self.renewed, generation, ..Self::default() };
    }

    /// How often everything was numbered anew.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The keys, by number.
    pub(super) fn keys(&self) -> (Arc<Keys<RedKey>>, Arc<Keys<EdgeKey>>) {
        (Arc::clone(&self.red_keys), Arc::clone(&self.edge_keys))
    }

    /// The number of a span's key.
    pub(super) fn red(&mut self, roles: &Roles, role: RoleId, is_entry: bool, lane: LaneId) -> u32 {
        let shape = (role, lane.number() << 1 | u32::from(is_entry));
        if self.last_red.len() < roles.len() {
            self.last_red.resize(roles.len(), None);
        }
        match self.last_red[role.0 as usize] {
            Some((last, number)) if last == shape => return number,
            _ => {}
        }
        let number = match self.red.get(&shape) {
            Some(&number) => number,
            None => self.new_red(roles, shape, is_entry, roles.lane(lane)),
        };
        self.last_red[role.0 as usize] = Some((shape, number));
        number
    }

    fn new_red(&mut self, roles: &Roles, shape: RedShape, is_entry: bool, lane: &Lane) -> u32 {
        let role = roles.get(shape.0);
        let mut key = RedKey {
            service: Arc::clone(&role.place.service),
            operation: Arc::clone(&role.operation),
            kind: role.kind,
            status: role.status,
            is_entry,
            lane: lane.clone(),
            instance: Arc::clone(&role.place.instance),
            instance_lane: role.place.lane.clone(),
        };
        if !self.admission.as_mut().is_none_or(|admission| admission.admit_red(&key)) {
            key.operation = OTHER.into();
        }
        let number = Arc::make_mut(&mut self.red_keys).number(&key);
        make_room(&mut self.red).insert(shape, number);
        number
    }

    /// The numbers of a hop's key at each level.
    pub(super) fn hop(&mut self, roles: &Roles, hop: &Hop) -> [u32; 2] {
        let shape = HopShape::of(roles, hop);
        let hash = self.hop_hasher.hash_one(shape);
        if let Some(&numbers) = self.hops.get(&hash) {
            return numbers;
        }
        let of_instances = self.hop_hasher.hash_one(shape.of_instances());
        let instance = match self.instance_hops.get(&of_instances) {
            Some(&number) => number,
            None => {
                let number = self.new_edge(roles, hop, EdgeLevel::Instance);
                make_room(&mut self.instance_hops).insert(of_instances, number);
                number
            }
        };
        let numbers = [instance, self.new_edge(roles, hop, EdgeLevel::Operation)];
        make_room(&mut self.hops).insert(hash, numbers);
        numbers
    }

    fn new_edge(&mut self, roles: &Roles, hop: &Hop, level: EdgeLevel) -> u32 {
        let mut key = edge_key(roles, hop, level);
        let is_admitted = self.admission.as_mut().is_none_or(|admission| admission.admit_edge(&key));
        if !is_admitted {
            for side in [&mut key.source, &mut key.target].into_iter().filter(|side| !side.detail.is_empty())
            {
                side.detail = OTHER.into();
            }
        }
        Arc::make_mut(&mut self.edge_keys).number(&key)
    }
}

/// For one more.
fn make_room<K, V>(known: &mut Map<K, V>) -> &mut Map<K, V> {
    if known.len() >= MAX_SHAPES {
        known.clear();
    }
    known
}

fn edge_key(roles: &Roles, hop: &Hop, level: EdgeLevel) -> EdgeKey {
    let protocol = roles.get(hop.protocol).peer.as_ref();
    EdgeKey {
        level,
        source: side(roles, hop.source, level),
        target: side(roles, hop.target, level),
        protocol: protocol.map_or_else(|| "".into(), |peer| Arc::clone(&peer.protocol)),
        lane: roles.lane(hop.lane).clone(),
        source_lane: roles.lane(hop.source_lane).clone(),
        outcome: hop.outcome,
        provenance: hop.provenance,
    }
}

/// The end of a hop, at a level.
pub(super) fn side(roles: &Roles, end: End, level: EdgeLevel) -> EdgeSide {
    let service = |place: &Place, operation: &Arc<str>| EdgeSide {
        node: Node::service(Arc::clone(&place.service)),
        detail: Arc::clone(match level {
            EdgeLevel::Instance => &place.instance,
            EdgeLevel::Operation => operation,
        }),
        instance_lane: place.lane.clone(),
    };
    let bare = |node| EdgeSide { node, detail: "".into(), instance_lane: Lane::base() };
    let unknown = || bare(Node::new(NodeKind::External, UNKNOWN));
    match end {
        End::Span { at, entered } => service(&roles.get(at).place, &roles.get(entered).operation),
        End::Caller(of) => match &roles.get(of).caller {
            Some(caller) => service(&caller.place, &caller.operation),
            None => unknown(),
        },
        End::Peer(of) => match roles.get(of).peer.as_ref().and_then(|peer| peer.node.clone()) {
            Some(node) => bare(node),
            None => unknown(),
        },
        End::Unknown => unknown(),
        End::User => bare(Node::new(NodeKind::User, "user")),
    }
}
