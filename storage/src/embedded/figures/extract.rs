//! From columns to what figures need of spans.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::{FixedState, RandomState};
use hashbrown::HashMap;
use laneway_proto::Lane;

use super::prints::peer_prints;
use super::traces::TraceKey;
use crate::embedded::columns::{AttributeColumn, AttributeValues, Columns, resource};
use crate::embedded::part::{Field, Projection};
use crate::model::from_otlp::LANE_ATTRIBUTES;
use crate::model::{SpanKind, StatusCode};
use crate::topology::{
    KnownSpan, PEER_ATTRIBUTES, Peer, Place, Role, RoleId, Roles, TraceState, calling_span, was_called_by,
};

type Map<K, V> = HashMap<K, V, FixedState>;

/// What figures are made of, for parts.
pub(super) fn projection() -> Projection {
    let mut projection = Projection::of([
        Field::TraceId,
        Field::SpanId,
        Field::ParentSpanId,
        Field::Timestamp,
        Field::Duration,
        Field::SpanKind,
        Field::StatusCode,
        Field::SpanName,
        Field::TraceState,
        Field::Lane,
        Field::Resource,
    ]);
    for key in PEER_ATTRIBUTES.iter().chain(&LANE_ATTRIBUTES) {
        projection.add_attribute(key);
    }
    projection
}

/// Rows of columns, as known spans.
pub(super) struct Extracted {
    // By row.
    spans: Vec<(TraceKey, KnownSpan)>,
}

/// Roles, and what those of earlier columns were found by.
#[derive(Default)]
pub(super) struct KnownRoles {
    roles: Roles,
    ids: HashMap<Prints, RoleId, RandomState>,
    // What prints are made with. The seed is random, so no sender can aim for collisions.
    hasher: RandomState,
}

/// The hashes of what the role of a row is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Prints {
    resource: u64,
    name: u64,
    kind_and_status: u64,
    lane: u64,
    trace_state: u64,
    peer: u64,
}

impl KnownRoles {
    /// More prints than this are forgotten: several may belong to a role.
    const MAX_PRINTS: usize = 1 << 16;

    pub(super) fn roles(&self) -> &Roles {
        &self.roles
    }

    /// For changing all roles: what they were found by is forgotten.
    pub(super) fn renumber(&mut self) -> &mut Roles {
        self.ids.clear();
        &mut self.roles
    }
}

impl Extracted {
    /// The first `rows` rows.
    pub(super) fn of(columns: &Columns, rows: usize, known: &mut KnownRoles) -> Self {
        let mut interner = Interner::new(columns, rows, known);
        // All of one length, which needs no check row by row then.
        let (trace_id, span_id) = (&columns.trace_id[..rows], &columns.span_id[..rows]);
        let (parent, start) = (&columns.parent_span_id[..rows], &columns.start_unix_ns[..rows]);
        let (resource, name) = (&columns.resource.ids[..rows], &columns.name.ids[..rows]);
        let (kind, status) = (&columns.kind[..rows], &columns.status[..rows]);
        let mut spans = Vec::with_capacity(rows);
        // Row by row, as the columns lie in memory. They are asked for in another order, in which each field would be a place of its own
        // in memory to wait for.
        for row in 0..rows {
            let numbers = [resource[row], name[row], kind[row] as u32, status[row] as u32];
            let span = KnownSpan {
                span_id: u64::from_be_bytes(span_id[row]),
                parent_span_id: u64::from_be_bytes(parent[row]),
                start_unix_ns: start[row],
                duration_ns: columns.clamped_duration_ns(row),
                role: interner.role(row, numbers),
            };
            spans.push((trace_id[row], span));
        }
        Self { spans }
    }

    /// By row: its trace, and its span.
    pub(super) fn into_spans(self) -> Vec<(TraceKey, KnownSpan)> {
        self.spans
    }

    /// Those of these rows.
    pub(super) fn of_rows(
        &self,
        rows: impl ExactSizeIterator<Item = u32>,
    ) -> impl ExactSizeIterator<Item = (TraceKey, KnownSpan)> {
        rows.map(|row| self.spans[row as usize])
    }
}

/// Finds the roles of rows. Rows that share what makes a role are told by the numbers of their values.
struct Interner<'a> {
    columns: &'a Columns,
    known: &'a mut KnownRoles,
    // By number of the resource.
    places: Vec<Option<Arc<Place>>>,
    // What tracestates say, each once; nothing is the first. Found by a hash of all of the text but the id of the calling span.
    trace_states: Vec<TraceState>,
    known_trace_states: Map<TraceState, u32>,
    trace_state_numbers: Map<u64, u32>,
    // The number of the empty text among tracestates, so that it need not be fetched; most are empty.
    no_trace_state: Option<u32>,
    // By row: whether it names a lane itself; where it names another lane than the baseline, it does.
    names_lane: Vec<bool>,
    // By row: what tells its attributes about the other side apart from those of other rows; 0 where there are none.
    peer_prints: Vec<u64>,
    peers: Map<(u64, i32), Option<Arc<Peer>>>,
    // By a hash of the numbers of their values: those would take thrice the memory, most of which is waited for.
    roles: Map<u64, RoleId>,
    // By some bits of the numbers of resource and name, whose last row mostly had the same role: what that was found by, and it.
    last: Box<[(u64, RoleId); LAST]>,
}

const LAST: usize = 1 << 12;

/// The number of nothing.
const NONE: u32 = u32::MAX;
const NO_ROLE: RoleId = RoleId(NONE);

/// What the role of a row is made of, by the numbers of its values, packed so that they take little hashing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Numbers {
    resource_and_name: u64,
    kind_and_status: u64,
    lane_and_trace_state: u64,
    peer: u64,
}

impl<'a> Interner<'a> {
    /// Of the first `rows` rows.
    fn new(columns: &'a Columns, rows: usize, known: &'a mut KnownRoles) -> Self {
        let peer_prints = peer_prints(columns, rows, &known.hasher);
        let mut interner = Self {
            columns,
            known,
            places: vec![None; columns.resource.values.len()],
            trace_states: vec![TraceState::default()],
            known_trace_states: [(TraceState::default(), 0)].into_iter().collect(),
            trace_state_numbers: Map::default(),
            no_trace_state: columns
                .trace_state
                .values
                .ids()
                .find(|&id| columns.trace_state.values.get(id).is_empty()),
            names_lane: vec![false; rows],
            peer_prints,
            peers: Map::default(),
            roles: Map::default(),
            last: Box::new([(0, NO_ROLE); LAST]),
        };
        for column in &columns.attributes {
            if LANE_ATTRIBUTES.contains(&column.key.as_str()) {
                interner.look_for_lanes(column, rows);
            }
        }
        interner
    }

    fn look_for_lanes(&mut self, column: &AttributeColumn, rows: usize) {
        match &column.values {
            AttributeValues::String(coded) => {
                let is_lane: Vec<bool> =
                    coded.values.ids().map(|id| Lane::is_name(coded.values.get(id))).collect();
                for (&row, &id) in
                    column.rows.iter().zip(&coded.ids).take_while(|(row, _)| (**row as usize) < rows)
                {
                    self.names_lane[row as usize] |= is_lane[id as usize];
                }
            }
            AttributeValues::Plain(texts) => {
                for (&row, text) in
                    column.rows.iter().zip(texts.iter()).take_while(|(row, _)| (**row as usize) < rows)
                {
                    self.names_lane[row as usize] |= Lane::is_name(text);
                }
            }
            AttributeValues::Int(_) | AttributeValues::Double(_) | AttributeValues::Bool(_) => {}
        }
    }

    /// The role of a row with these numbers of its resource, name, kind and status.
    #[inline]
    fn role(&mut self, row: usize, [resource, name, kind, status]: [u32; 4]) -> RoleId {
        let (state, is_called) = self.trace_state(row);
        let pack = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let lane = if self.names_lane[row] { self.columns.lane.ids[row] } else { NONE };
        let numbers = self.known.hasher.hash_one(Numbers {
            resource_and_name: pack(resource, name),
            kind_and_status: pack(kind, status),
            lane_and_trace_state: pack(lane, state << 1 | u32::from(is_called)),
            peer: self.peer_prints[row],
        });
        // Odd, and far from a power of two: resources have names in common.
        let place = (resource.wrapping_mul(0x9e37) ^ name) as usize % LAST;
        let (last, role) = self.last[place];
        if last == numbers && role != NO_ROLE {
            return role;
        }
        let role = self.other_role(row, numbers, state, is_called);
        self.last[place] = (numbers, role);
        role
    }

    /// The role of a row that is not that of the last one with its resource and name.
    fn other_role(&mut self, row: usize, numbers: u64, state: u32, is_called: bool) -> RoleId {
        if let Some(&role) = self.roles.get(&numbers) {
            return role;
        }
        let role = self.known_role(row, state, is_called);
        self.roles.insert(numbers, role);
        role
    }

    /// The role of the first row of these columns that has it.
    fn known_role(&mut self, row: usize, state: u32, is_called: bool) -> RoleId {
        let columns = self.columns;
        let KnownRoles { hasher, ids, .. } = &*self.known;
        let prints = Prints {
            resource: hasher.hash_one(columns.resource.get(row)),
            name: hasher.hash_one(columns.name.get(row)),
            kind_and_status: u64::from(columns.kind[row] as u32) << 32
                | u64::from(columns.status[row] as u32),
            lane: if self.names_lane[row] { hasher.hash_one(columns.lane.get(row)) } else { 0 },
            trace_state: hasher.hash_one((&self.trace_states[state as usize], is_called)),
            peer: self.peer_prints[row],
        };
        if let Some(&role) = ids.get(&prints) {
            return role;
        }
        let role = self.new_role(row, state, is_called);
        let ids = &mut self.known.ids;
        if ids.len() >= KnownRoles::MAX_PRINTS {
            ids.clear();
        }
        ids.insert(prints, role);
        role
    }

    fn new_role(&mut self, row: usize, state: u32, is_called: bool) -> RoleId {
        let columns = self.columns;
        let (place, peer) = (self.place(columns.resource.ids[row]), self.peer(row));
        let state = &self.trace_states[state as usize];
        self.known.roles.intern(Role {
            place,
            operation: String::from_utf8_lossy(columns.name.get(row)).into(),
            kind: SpanKind::from_otlp(columns.kind[row]),
            status: StatusCode::from_otlp(columns.status[row]),
            lane: self.names_lane[row].then(|| Lane::new(&columns.lane.text(row)).unwrap_or_default()),
            peer,
            caller: state.caller.clone().filter(|_| is_called),
            threshold: state.threshold,
        })
    }

    /// The number of what a row's tracestate says, and whether it tells its caller. Most say nothing.
    #[inline]
    fn trace_state(&mut self, row: usize) -> (u32, bool) {
        if self.columns.trace_state.ids.get(row).copied() == self.no_trace_state {
            return (0, false);
        }
        self.some_trace_state(row)
    }

    fn some_trace_state(&mut self, row: usize) -> (u32, bool) {
        let columns = self.columns;
        let text = columns.trace_state.get(row);
        if text.is_empty() {
            return (0, false);
        }
        let text = String::from_utf8_lossy(text);
        let (calling_span_id, around) = calling_span(&text);
        let print = FixedState::default().hash_one(around);
        let states = &mut self.trace_states;
        let number = *self.trace_state_numbers.entry(print).or_insert_with(|| {
            let state = TraceState::of(&text);
            *self.known_trace_states.entry(state).or_insert_with_key(|state| {
                states.push(state.clone());
                states.len() as u32 - 1
            })
        });
        let kind = SpanKind::from_otlp(columns.kind[row]);
        let parent = u64::from_be_bytes(columns.parent_span_id[row]);
        let names_caller = states[number as usize].caller.is_some();
        (number, names_caller && was_called_by(calling_span_id, kind, parent))
    }

    fn place(&mut self, number: u32) -> Arc<Place> {
        let bytes = self.columns.resource.values.get(number);
        let place = self.places[number as usize].get_or_insert_with(|| {
            // What is stored was checked when it was received.
            Arc::new(Place::of(&resource(bytes).unwrap_or_default()))
        });
        Arc::clone(place)
    }

    fn peer(&mut self, row: usize) -> Option<Arc<Peer>> {
        let print = self.peer_prints[row];
        if print == 0 {
            return None;
        }
        let columns = self.columns;
        let kind = columns.kind[row];
        self.peers
            .entry((print, kind))
            .or_insert_with(|| {
                Peer::of(SpanKind::from_otlp(kind), |key| {
                    let of_key = columns.attributes.iter().filter(|column| column.key == key);
                    of_key.into_iter().find_map(|column| text(column, row))
                })
                .map(Arc::new)
            })
            .clone()
    }
}

/// The value of a row as text, where it is text or a whole number.
fn text(column: &AttributeColumn, row: usize) -> Option<Cow<'_, str>> {
    let place = column.rows.binary_search(&(row as u32)).ok()?;
    match &column.values {
        AttributeValues::String(coded) => Some(String::from_utf8_lossy(coded.values.get(coded.ids[place]))),
        AttributeValues::Plain(texts) => Some(String::from_utf8_lossy(texts.get(place))),
        AttributeValues::Int(numbers) => Some(numbers[place].to_string().into()),
        AttributeValues::Double(_) | AttributeValues::Bool(_) => None,
    }
}
