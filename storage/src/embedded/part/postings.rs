//! Which traces of a row group have an operation of a service, or a lane.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::super::columns::{Columns, Strings};
use super::encoding::{Cut, gaps, put_varint, take_u32, take_varint};

/// Beyond this many operations and lanes there are no postings: whoever puts ids into span names must not multiply lists.
const MAX_LISTS: usize = 1 << 15;

/// A list of trace ordinals in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    /// From the begin of all lists.
    pub(super) bytes: Range<u64>,
    pub(super) crc32c: u32,
}

/// What lists there are.
#[derive(Debug, Default)]
pub(super) struct Postings {
    strings: Strings,
    // By service and name.
    operations: Vec<(u32, u32, List)>,
    lanes: Vec<(u32, List)>,
    is_complete: bool,
}

impl Postings {
    /// The lists that together have every trace with a span of this service and of this name; `None` where any trace may.
    pub(super) fn operations(
        &self,
        service: Option<&str>,
        name: Option<&str>,
    ) -> Option<impl Iterator<Item = &List>> {
        let is = move |wanted: Option<&str>, id: u32| {
            wanted.is_none_or(|wanted| wanted.as_bytes() == self.strings.get(id as usize))
        };
        let wanted = self.operations.iter().filter(move |(of, at, _)| is(service, *of) && is(name, *at));
        self.is_complete.then(|| wanted.map(|(_, _, list)| list))
    }

    /// Every service and name that there is a list for; `None` where there may be others.
    pub(super) fn names(&self) -> Option<impl Iterator<Item = (&[u8], &[u8])>> {
        let string = |id: u32| self.strings.get(id as usize);
        let names = self.operations.iter().map(move |(service, name, _)| (string(*service), string(*name)));
        self.is_complete.then_some(names)
    }

    /// The list that has every trace with a span in this lane; `None` where any trace may.
    pub(super) fn lane(&self, lane: &str) -> Option<impl Iterator<Item = &List>> {
        let lane = lane.as_bytes();
        let wanted = self.lanes.iter().filter(move |(name, _)| self.strings.get(*name as usize) == lane);
        self.is_complete.then(|| wanted.map(|(_, list)| list))
    }

    /// All lists.
    pub(super) fn lists(&self) -> impl Iterator<Item = &List> {
        self.operations.iter().map(|(_, _, list)| list).chain(self.lanes.iter().map(|(_, list)| list))
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Result<Self, Cut> {
        let bytes = &mut bytes;
        let mut postings = Self { is_complete: number(bytes)? != 0, ..Self::default() };
        for _ in 0..number(bytes)? {
            let len = number(bytes)? as usize;
            let (string, rest) = bytes.split_at_checked(len).ok_or(Cut)?;
            *bytes = rest;
            postings.strings.push(string);
        }
        let strings = postings.strings.len() as u64;
        let string = |bytes: &mut &[u8]| {
            number(bytes).and_then(|id| if id < strings { Ok(id as u32) } else { Err(Cut) })
        };
        let mut end = 0u64;
        let mut list = |bytes: &mut &[u8]| {
            let start = end;
            end = end.checked_add(number(bytes)?).ok_or(Cut)?;
            Ok(List { bytes: start..end, crc32c: take_u32(bytes)? })
        };
        for _ in 0..number(bytes)? {
            postings.operations.push((string(bytes)?, string(bytes)?, list(bytes)?));
        }
        for _ in 0..number(bytes)? {
            postings.lanes.push((string(bytes)?, list(bytes)?));
        }
        Ok(postings)
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.strings.memory_bytes()
            + self.operations.capacity() * size_of::<(u32, u32, List)>()
            + self.lanes.capacity() * size_of::<(u32, List)>()
    }
}

fn number(bytes: &mut &[u8]) -> Result<u64, Cut> {
    take_varint(bytes)
}

/// The ordinals of a list's bytes, ascending.
pub(super) fn ordinals(bytes: &[u8]) -> Result<Vec<u32>, Cut> {
    gaps::decode(bytes)
}

/// A list in the making.
#[derive(Default)]
struct Ordinals {
    gaps: Vec<u32>,
    next: u32,
}

impl Ordinals {
    fn push(&mut self, ordinal: u32) {
        // A trace may have many spans of an operation.
        if ordinal >= self.next {
            self.gaps.push(ordinal - self.next);
            self.next = ordinal + 1;
        }
    }
}

/// The postings of rows in their order, and all lists one behind the other. `services` has the service of each resource,
/// `traces` the end of each trace.
pub(super) fn encode(
    columns: &Columns,
    order: &[u32],
    traces: &[usize],
    services: &[String],
) -> (Vec<u8>, Vec<u8>) {
    let mut service_ids = HashMap::<&str, u32>::new();
    let service_of: Vec<u32> = services
        .iter()
        .map(|service| {
            let next = service_ids.len() as u32;
            *service_ids.entry(service).or_insert(next)
        })
        .collect();
    let mut operations = HashMap::<(u32, u32), Ordinals, RandomState>::default();
    let mut lanes: Vec<Ordinals> =
        std::iter::repeat_with(Ordinals::default).take(columns.lane.values.len()).collect();
    let mut row = 0;
    let mut is_complete = lanes.len() <= MAX_LISTS;
    for (ordinal, &end) in traces.iter().enumerate() {
        for &old in &order[row..end] {
            let old = old as usize;
            let service = service_of[columns.resource.ids[old] as usize];
            operations.entry((service, columns.name.ids[old])).or_default().push(ordinal as u32);
            lanes[columns.lane.ids[old] as usize].push(ordinal as u32);
        }
        row = end;
        if operations.len() > MAX_LISTS {
            is_complete = false;
            break;
        }
    }
    if !is_complete {
        operations.clear();
        lanes.clear();
    }
    let mut names: Vec<&str> = vec![""; service_ids.len()];
    service_ids.iter().for_each(|(name, id)| names[*id as usize] = name);
    Encoder::default().encode(is_complete, columns, &names, operations, &lanes)
}

#[derive(Default)]
struct Encoder<'a> {
    strings: Vec<&'a [u8]>,
    string_ids: HashMap<&'a [u8], u64>,
    table: Vec<u8>,
    lists: Vec<u8>,
}

impl<'a> Encoder<'a> {
    fn encode(
        mut self,
        is_complete: bool,
        columns: &'a Columns,
        services: &[&'a str],
        operations: HashMap<(u32, u32), Ordinals, RandomState>,
        lanes: &[Ordinals],
    ) -> (Vec<u8>, Vec<u8>) {
        let mut operations: Vec<_> = operations.into_iter().collect();
        // Lists of one service lie together, and equal input gives equal files.
        operations.sort_unstable_by_key(|(key, _)| *key);
        put_varint(&mut self.table, operations.len() as u64);
        for ((service, name), list) in operations {
            self.string(services[service as usize].as_bytes());
            self.string(columns.name.values.get(name));
            self.list(&list);
        }
        let lanes: Vec<_> = columns.lane.values.ids().zip(lanes).filter(|(_, list)| list.next > 0).collect();
        put_varint(&mut self.table, lanes.len() as u64);
        for (lane, list) in lanes {
            self.string(columns.lane.values.get(lane));
            self.list(list);
        }
        let mut out = Vec::new();
        put_varint(&mut out, u64::from(is_complete));
        put_varint(&mut out, self.strings.len() as u64);
        for string in &self.strings {
            put_varint(&mut out, string.len() as u64);
            out.extend_from_slice(string);
        }
        out.extend(self.table);
        (out, self.lists)
    }

    fn string(&mut self, string: &'a [u8]) {
        let next = self.strings.len() as u64;
        let id = *self.string_ids.entry(string).or_insert(next);
        if id == next {
            self.strings.push(string);
        }
        put_varint(&mut self.table, id);
    }

    fn list(&mut self, list: &Ordinals) {
        let bytes = gaps::encode(&list.gaps);
        put_varint(&mut self.table, bytes.len() as u64);
        self.table.extend(crc32c::crc32c(&bytes).to_le_bytes());
        self.lists.extend(bytes);
    }
}
