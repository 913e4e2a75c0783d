//! What is known of a callsite before a span of it is opened.

use std::sync::OnceLock;

use tracing::Metadata;

use laneway_proto::Lane;

use crate::record::PaddedKey;

/// Callsites that are kept, a power of two. Those beyond it cost more, and work.
const CAPACITY: usize = 512;
/// Places in which a callsite is looked for.
const TRIES: usize = 8;

/// The callsites of a recorder, by the addresses of their metadata, which are never given back.
pub(super) struct Callsites(Box<[OnceLock<Callsite>; CAPACITY]>);

struct Callsite {
    metadata: &'static Metadata<'static>,
    /// None where a field needs a second look: one of `otel.*`, the lane, a name of some length or one that is there twice.
    names: Option<Names>,
}

/// The names of a callsite whose fields are all attributes, encoded.
pub(super) struct Names {
    pub(super) span: PaddedKey,
    pub(super) fields: Box<[PaddedKey]>,
}

impl Callsites {
    pub(super) fn new() -> Self {
        Self(Box::new([const { OnceLock::new() }; CAPACITY]))
    }

    /// The names of a callsite, when nothing else is to be known of it.
    #[inline(always)]
    pub(super) fn names(&self, metadata: &'static Metadata<'static>) -> Option<&Names> {
        match self.0[place(metadata)].get() {
            Some(known) if std::ptr::eq(known.metadata, metadata) => known.names.as_ref(),
            _ => self.find(metadata),
        }
    }

    #[cold]
    fn find(&self, metadata: &'static Metadata<'static>) -> Option<&Names> {
        let places = (0..TRIES).map(|n| &self.0[(place(metadata) + n) % CAPACITY]);
        let mut callsites = places.map(|place| place.get_or_init(|| Callsite::new(metadata)));
        callsites.find(|known| std::ptr::eq(known.metadata, metadata))?.names.as_ref()
    }
}

#[inline(always)]
fn place(metadata: &'static Metadata<'static>) -> usize {
    let address = std::ptr::from_ref(metadata).addr();
    // Statics of the same type: what is above the size of one differs.
    (address >> 5 ^ address >> 14) % CAPACITY
}

impl Callsite {
    fn new(metadata: &'static Metadata<'static>) -> Self {
        Self { metadata, names: Names::of(metadata) }
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
