//! What the figures of a span need of it, each different one kept once.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use laneway_proto::Lane;

use super::peer::Peer;
use crate::model::{Resource, SpanKind, StatusCode};

/// Where a span was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// `service.name`.
    pub service: Arc<str>,
    /// The service instance; may be empty.
    pub instance: Arc<str>,
    /// The lane that it serves.
    pub lane: Lane,
}

/// Who sent the request that a span serves, as the request said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Where the calling span was recorded.
    pub place: Place,
    /// The operation with which the calling service was entered.
    pub operation: Arc<str>,
    /// The lane of the request where it left.
    pub lane: Lane,
}

/// All that the figures of a span need of it but its ids and times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Role {
    /// Where it was recorded.
    pub place: Arc<Place>,
    /// Its name.
    pub operation: Arc<str>,
    /// Its role in a call.
    pub kind: SpanKind,
    /// Its outcome.
    pub status: StatusCode,
    /// The lane that it names itself, if any.
    pub lane: Option<Lane>,
    /// The other side, where it names it.
    pub peer: Option<Arc<Peer>>,
    /// Its caller, where the request named it.
    pub caller: Option<Arc<Caller>>,
    /// OpenTelemetry's rejection threshold: of 2^56 equally likely random values, the sampler dropped those below. 0 where nothing was
    /// dropped, or it is not known.
    pub threshold: u64,
}

/// The number of a [`Role`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(pub(crate) u32);

/// A span, as far as figures need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSpan {
    /// Its id.
    pub span_id: u64,
    /// Its parent's; 0 for a root span.
    pub parent_span_id: u64,
    /// Start in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// Duration in nanoseconds; 0 where it ended before it started.
    pub duration_ns: u64,
    /// All the rest.
    pub role: RoleId,
}

/// Roles by number.
#[derive(Debug, Default)]
pub struct Roles {
    roles: Vec<Role>,
    marks: Vec<Marks>,
    ids: HashMap<Role, u32, FixedState>,
    places: Numbers<Place>,
    services: Numbers<(Arc<str>, Lane)>,
    texts: Numbers<str>,
    peers: Numbers<Peer>,
    callers: Numbers<Caller>,
}

/// What a role is made of, by number: equal things have equal numbers. 0 stands for none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) place: u32,
    /// Of the service and the lane that the instance serves.
    pub(super) service: u32,
    pub(super) operation: u32,
    pub(super) peer: u32,
    pub(super) protocol: u32,
    pub(super) caller: u32,
    /// Of the caller's service and instance lane, and of its operation.
    pub(super) calling: (u32, u32),
}

#[derive(Debug)]
struct Numbers<T: ?Sized>(HashMap<Arc<T>, u32, FixedState>);

impl<T: ?Sized> Default for Numbers<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T: ?Sized + Eq + std::hash::Hash> Numbers<T> {
    fn of(&mut self, thing: Arc<T>) -> u32 {
        let next = self.0.len() as u32 + 1;
        *self.0.entry(thing).or_insert(next)
    }
}

impl Roles {
    /// The number of a role.
    pub fn intern(&mut self, role: Role) -> RoleId {
        if let Some(&id) = self.ids.get(&role) {
            return RoleId(id);
        }
        let id = self.roles.len() as u32;
        let service = |place: &Place| Arc::new((Arc::clone(&place.service), place.lane.clone()));
        self.marks.push(Marks {
            place: self.places.of(Arc::clone(&role.place)),
            service: self.services.of(service(&role.place)),
            operation: self.texts.of(Arc::clone(&role.operation)),
            peer: role.peer.as_ref().map_or(0, |peer| self.peers.of(Arc::clone(peer))),
            protocol: role.peer.as_ref().map_or(0, |peer| self.texts.of(Arc::clone(&peer.protocol))),
            caller: role.caller.as_ref().map_or(0, |caller| self.callers.of(Arc::clone(caller))),
            calling: role.caller.as_ref().map_or((0, 0), |caller| {
                (self.services.of(service(&caller.place)), self.texts.of(Arc::clone(&caller.operation)))
            }),
        });
        self.roles.push(role.clone());
        self.ids.insert(role, id);
        RoleId(id)
    }

    /// The role of a number.
    pub fn get(&self, id: RoleId) -> &Role {
        &self.roles[id.0 as usize]
    }

    pub(super) fn marks(&self, id: RoleId) -> Marks {
        self.marks[id.0 as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.roles.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }
}

impl Place {
    /// Of spans with this resource.
    pub fn of(resource: &Resource) -> Self {
        Self {
            service: resource.service_name().into(),
            instance: resource.instance_id().into(),
            lane: resource.instance_lane(),
        }
    }
}

impl Role {
    /// Whether a request enters a service with such spans, whatever their parents are.
    pub(crate) fn is_served(&self) -> bool {
        matches!(self.kind, SpanKind::Server | SpanKind::Consumer)
    }

    /// Whether a request leaves a service with such spans.
    pub(crate) fn is_call(&self) -> bool {
        matches!(self.kind, SpanKind::Client | SpanKind::Producer)
    }

    pub(crate) fn is_error(&self) -> bool {
        self.status == StatusCode::Error
    }

    /// How many spans this sampled one stands for: the inverse of its probability, rounded up or down by a hash of the span id, so that
    /// sums are right on average and a span always counts the same.
    pub(crate) fn weight(&self, span_id: u64) -> i64 {
        if self.threshold == 0 {
            return 1;
        }
        /// Beyond it a single span would drown all others.
        const MAX: f64 = 1e6;
        let all = (1u64 << 56) as f64;
        let exact = (all / (all - self.threshold as f64)).clamp(1.0, MAX);
        // Fibonacci hashing; Knuth, The Art of Computer Programming, vol. 3, 6.4.
        let dice = (span_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64;
        exact as i64 + i64::from(dice < exact.fract())
    }
}

/// What a tracestate says of the spans that have it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceState {
    /// The caller that it names.
    pub caller: Option<Arc<Caller>>,
    /// The span of the caller: only its children were called by it.
    calling_span_id: u64,
    /// See [`Role::threshold`].
    pub threshold: u64,
}

impl TraceState {
    /// What this text says.
    pub fn of(tracestate: &str) -> Self {
        let named = laneway_proto::caller::Caller::parse(tracestate);
        let lane = |name| Lane::new(name).unwrap_or_default();
        Self {
            calling_span_id: named.as_ref().map_or(0, |caller| u64::from_be_bytes(caller.span_id.to_bytes())),
            caller: named.map(|caller| {
                let place = Place {
                    service: caller.service.into(),
                    instance: caller.instance.into(),
                    lane: lane(caller.instance_lane),
                };
                let (operation, lane) = (caller.operation.into(), lane(caller.request_lane));
                Arc::new(Caller { place, operation, lane })
            }),
            threshold: threshold(tracestate),
        }
    }

    /// Whether it says of no span anything.
    pub(crate) fn says_nothing(&self) -> bool {
        self.caller.is_none() && self.threshold == 0
    }

    /// Whether it names the caller of a span of this kind and parent.
    pub(crate) fn is_caller_of(&self, kind: SpanKind, parent_span_id: u64) -> bool {
        let is_served = matches!(kind, SpanKind::Server | SpanKind::Consumer);
        is_served && self.caller.is_some() && self.calling_span_id == parent_span_id
    }
}

/// The rejection threshold that a tracestate carries (`ot=th:<up to 14 hexadecimal digits>`); 0 without one.
fn threshold(tracestate: &str) -> u64 {
    let member = tracestate.split(',').find_map(|member| member.trim().strip_prefix("ot="));
    let digits = member.and_then(|value| value.split(';').find_map(|field| field.strip_prefix("th:")));
    let Some(digits) = digits.filter(|digits| (1..=14).contains(&digits.len())) else { return 0 };
    // Trailing zeros are left out on the wire.
    u64::from_str_radix(digits, 16).map_or(0, |value| value << (4 * (14 - digits.len())))
}
