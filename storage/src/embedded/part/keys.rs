//! Which attribute keys occur in columns of encoded messages, so that a search for another key need not read them.

use std::collections::BTreeSet;

use laneway_proto::otlp::reader::{KeyValue, ReadError, Repeated, Span};

use super::super::columns::{Blobs, parse};
use crate::model;

/// More keys than this are not listed.
const MAX_KEYS: usize = 256;

/// Keys of the attributes of the spans in a residual column.
pub(super) fn of_attributes(column: &Blobs) -> Option<Vec<String>> {
    collect(column, |span, keys| keys.see(span.attributes()))
}

/// Keys of the attributes of the events in an events column.
pub(super) fn of_events(column: &Blobs) -> Option<Vec<String>> {
    collect(column, |span, keys| span.events().try_for_each(|event| keys.see(event?.attributes())))
}

/// Keys of the attributes of the links in a links column.
pub(super) fn of_links(column: &Blobs) -> Option<Vec<String>> {
    collect(column, |span, keys| span.links().try_for_each(|link| keys.see(link?.attributes())))
}

/// Keys of attributes that were decoded anyway, of any number of row groups.
#[derive(Debug, Default)]
pub(super) struct DecodedKeys {
    known: BTreeSet<String>,
    // Not all of them are known.
    are_any: bool,
}

impl DecodedKeys {
    pub(super) fn see(&mut self, attributes: &[model::KeyValue]) {
        for attribute in attributes {
            if self.known.len() <= MAX_KEYS && !self.known.contains(&attribute.key) {
                self.known.insert(attribute.key.clone());
            }
        }
    }

    /// Sees a list of another part; `None` where that has any keys.
    pub(super) fn see_all(&mut self, list: Option<&[String]>) {
        self.are_any |= list.is_none();
        let new = list.unwrap_or_default().iter().filter(|key| !self.known.contains(*key));
        // One more than the limit is enough to know that there are too many.
        let room = (MAX_KEYS + 1).saturating_sub(self.known.len());
        let new: Vec<String> = new.take(room).cloned().collect();
        self.known.extend(new);
    }

    /// The list of them, unless there are too many.
    pub(super) fn into_list(self) -> Option<Vec<String>> {
        (!self.are_any && self.known.len() <= MAX_KEYS).then(|| self.known.into_iter().collect())
    }
}

#[derive(Default)]
struct Keys<'a> {
    known: BTreeSet<&'a [u8]>,
}

impl<'a> Keys<'a> {
    fn see(&mut self, attributes: Repeated<'a, KeyValue<'a>>) -> Result<(), ReadError> {
        for attribute in attributes {
            let key = attribute?.key.as_bytes();
            if self.known.len() <= MAX_KEYS {
                self.known.insert(key);
            }
        }
        Ok(())
    }
}

fn collect<'a>(
    column: &'a Blobs,
    mut see: impl FnMut(Span<'a>, &mut Keys<'a>) -> Result<(), ReadError>,
) -> Option<Vec<String>> {
    let mut keys = Keys::default();
    for (_, stored) in column.iter() {
        // What cannot be read any more may hold any key.
        parse(stored).and_then(|span| see(span, &mut keys)).ok()?;
        if keys.known.len() > MAX_KEYS {
            return None;
        }
    }
    Some(keys.known.into_iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect())
}
