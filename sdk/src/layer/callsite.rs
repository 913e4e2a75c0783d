//! What is known of a callsite before a span of it is opened.

use std::sync::OnceLock;

use tracing::Metadata;

use laneway_proto::Lane;

use crate::record::{Limits, PaddedKey};

/// Callsites that are kept, a power of two. Those beyond it cost more, and work.
const CAPACITY: usize = 512;
/// Places in which a callsite is looked for.
const TRIES: usize = 8;

/// The callsites of a recorder, by the addresses of their metadata, which are never given back.
pub(super) struct Callsites {
    known: Box<[OnceLock<Callsite>; CAPACITY]>,
    max_fields: usize,
}

struct Callsite {
    metadata: &'static Metadata<'static>,
    /// The same, where the names are all that is to be known. None where a field needs a second look: one of `otel.*`, the lane, a
    /// name of some length, one that is there twice, or more than may be kept.
    plain: Option<&'static Metadata<'static>>,
    names: Names,
}

/// The names of a callsite whose fields are all attributes, encoded.
#[derive(Default)]
pub(super) struct Names {
    pub(super) span: PaddedKey,
    pub(super) fields: Box<[PaddedKey]>,
}

impl Callsites {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { known: Box::new([const { OnceLock::new() }; CAPACITY]), max_fields: limits.short_attributes() }
    }

    /// The names of a callsite, when nothing else is to be known of it: its fields are written as they are, if they are short.
    #[inline(always)]
    pub(super) fn names(&self, metadata: &'static Metadata<'static>) -> Option<&Names> {
        match self.known[place(metadata)].get() {
            Some(known) if known.is_plain(metadata) => Some(&known.names),
            _ => self.find(metadata),
        }
    }

    #[cold]
    fn find(&self, metadata: &'static Metadata<'static>) -> Option<&Names> {
        let places = (0..TRIES).map(|n| &self.known[(place(metadata) + n) % CAPACITY]);
        let mut callsites =
            places.map(|place| place.get_or_init(|| Callsite::new(metadata, self.max_fields)));
        let known = callsites.find(|known| std::ptr::eq(known.metadata, metadata))?;
        known.is_plain(metadata).then_some(&known.names)
    }
}

#[inline(always)]
fn place(metadata: &'static Metadata<'static>) -> usize {
    let address = std::ptr::from_ref(metadata).addr();
    // Statics of the same type: what is above the size of one differs.
    (address >> 5 ^ address >> 14) % CAPACITY
}

impl Callsite {
    fn new(metadata: &'static Metadata<'static>, max_fields: usize) -> Self {
        match Names::of(metadata).filter(|names| names.fields.len() <= max_fields) {
            Some(names) => Self { metadata, plain: Some(metadata), names },
            None => Self { metadata, plain: None, names: Names::default() },
        }
    }

    #[inline(always)]
    fn is_plain(&self, metadata: &'static Metadata<'static>) -> bool {
        self.plain.is_some_and(|plain| std::ptr::eq(plain, metadata))
    }
}

impl Names {
    fn of(metadata: &Metadata<'_>) -> Option<Self> {
        let names: Vec<_> = metadata.fields().iter().map(|field| field.name()).collect();
        let is_plain = |(i, name): (usize, &&str)| {
            **name != *Lane::KEY && !name.starts_with("otel.") && !names[..i].contains(name)
        };
        if !names.iter().enumerate().all(is_plain) {
            return None;
        }
        let fields = names.iter().map(|name| PaddedKey::new(name)).collect::<Option<_>>()?;
        Some(Self { span: PaddedKey::of_span(metadata.name())?, fields })
    }
}
