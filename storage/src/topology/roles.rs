//! Roles by number, and what of them is asked for again and again.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use laneway_proto::Lane;

use super::keys::Keys;
use super::peer::Peer;
use super::role::{Caller, Place, Role, RoleId};
use crate::model::{SpanKind, StatusCode};

/// Each different [`Role`] once, by number.
#[derive(Debug, Default)]
pub struct Roles {
    roles: Keys<Role>,
    marks: Vec<Marks>,
    places: Numbers<Place>,
    texts: Numbers<str>,
    peers: Numbers<Peer>,
    callers: Numbers<Caller>,
    lanes: Lanes,
}

/// The number of a lane among [`Roles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(u32);

impl LaneId {
    /// The baseline.
    pub const BASE: Self = Self(0);

    /// Whether it is the baseline.
    pub const fn is_base(self) -> bool {
        self.0 == Self::BASE.0
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }
}

/// What a role is and is made of, by number: equal things have equal numbers, and 0 stands for none. Hops are derived from these, in a few
/// cache lines, where the roles themselves lie all over the place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) place: u32,
    /// Of the service's name.
    pub(super) name: u32,
    pub(super) operation: u32,
    pub(super) peer: u32,
    pub(super) protocol: u32,
    pub(super) caller: u32,
    /// The lane in which the caller sent the request.
    pub(super) calling_lane: LaneId,
    /// The lane that the role names itself.
    pub(super) lane: Option<LaneId>,
    /// The lane that the instance serves.
    pub(super) serves: LaneId,
    pub(super) kind: SpanKind,
    pub(super) is_error: bool,
    /// Whether it names a node as its peer, by a text of any length as its protocol.
    pub(super) has_node: bool,
    pub(super) has_protocol: bool,
    pub(super) is_queue: bool,
    pub(super) is_strict_miss: bool,
    /// Whether a span counts for more than one.
    pub(super) is_sampled: bool,
}

impl Marks {
    /// Whether a request enters a service with such spans, whatever their parents are.
    pub(super) fn is_served(&self) -> bool {
        matches!(self.kind, SpanKind::Server | SpanKind::Consumer)
    }

    /// Whether a request leaves a service with such spans.
    pub(super) fn is_call(&self) -> bool {
        matches!(self.kind, SpanKind::Client | SpanKind::Producer)
    }

    pub(super) fn has_caller(&self) -> bool {
        self.caller != 0
    }
}

#[derive(Debug)]
struct Numbers<T: ?Sized>(HashMap<Arc<T>, u32, FixedState>);

impl<T: ?Sized> Default for Numbers<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T: ?Sized + Eq + std::hash::Hash> Numbers<T> {
    fn of(&mut self, thing: &Arc<T>) -> u32 {
        self.share(&mut Arc::clone(thing))
    }

    /// Replaces a thing by what equals it, so that there is one of it in memory.
    fn share(&mut self, thing: &mut Arc<T>) -> u32 {
        match self.0.get_key_value(&**thing) {
            Some((same, &number)) => {
                *thing = Arc::clone(same);
                number
            }
            None => {
                let number = self.0.len() as u32 + 1;
                self.0.insert(Arc::clone(thing), number);
                number
            }
        }
    }
}

#[derive(Debug)]
struct Lanes {
    lanes: Vec<Lane>,
    numbers: HashMap<Lane, LaneId, FixedState>,
}

impl Default for Lanes {
    fn default() -> Self {
        let numbers = [(Lane::base(), LaneId::BASE)].into_iter().collect();
        Self { lanes: vec![Lane::base()], numbers }
    }
}

impl Lanes {
    fn of(&mut self, lane: &Lane) -> LaneId {
        if let Some(&number) = self.numbers.get(lane) {
            return number;
        }
        let number = LaneId(self.lanes.len() as u32);
        self.lanes.push(lane.clone());
        self.numbers.insert(lane.clone(), number);
        number
    }
}

impl Roles {
    /// The number of a role.
    pub fn intern(&mut self, mut role: Role) -> RoleId {
        let known = self.roles.find(&role);
        RoleId(known.unwrap_or_else(|| {
            let marks = self.marks_of(&mut role);
            self.marks.push(marks);
            self.roles.number(&role)
        }))
    }

    /// The marks of a new role, of which it shares what others have.
    fn marks_of(&mut self, role: &mut Role) -> Marks {
        let place_number = self.places.share(&mut role.place);
        let operation = self.texts.share(&mut role.operation);
        let peer_number = role.peer.as_mut().map_or(0, |peer| self.peers.share(peer));
        let caller_number = role.caller.as_mut().map_or(0, |caller| self.callers.share(caller));
        let peer = role.peer.as_ref();
        let caller = role.caller.as_ref();
        Marks {
            place: place_number,
            name: self.texts.of(&role.place.service),
            operation,
            peer: peer_number,
            protocol: peer.map_or(0, |peer| self.texts.of(&peer.protocol)),
            caller: caller_number,
            calling_lane: caller.map_or(LaneId::BASE, |caller| self.lanes.of(&caller.lane)),
            lane: role.lane.as_ref().map(|lane| self.lanes.of(lane)),
            serves: self.lanes.of(&role.place.lane),
            kind: role.kind,
            is_error: role.status == StatusCode::Error,
            has_node: peer.is_some_and(|peer| peer.node.is_some()),
            has_protocol: peer.is_some_and(|peer| !peer.protocol.is_empty()),
            is_queue: peer.is_some_and(|peer| peer.is_queue()),
            is_strict_miss: peer.is_some_and(|peer| peer.is_strict_miss),
            is_sampled: role.threshold > 0,
        }
    }

    /// The role of a number.
    pub fn get(&self, id: RoleId) -> &Role {
        self.roles.get(id.0)
    }

    /// The lane of a number.
    pub fn lane(&self, id: LaneId) -> &Lane {
        &self.lanes.lanes[id.0 as usize]
    }

    pub(super) fn marks(&self, id: RoleId) -> &Marks {
        &self.marks[id.0 as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.roles.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.roles.len() == 0
    }
}
