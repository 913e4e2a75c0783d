//! Links without the ids that stand in their span's row already.
//!
//! Most links are to the trace of their own span, and many to its parent: a consumer's to the message's producer. Ids are random
//! bytes, which nothing compresses. So a stored link begins with a field that OTLP does not have, which says which of the two ids
//! at its front were left out. A link that was received with such a field at its front gets another one in front of it.

use laneway_proto::otlp::field;
use laneway_proto::otlp::reader::ReadError;
use laneway_proto::otlp::wire;

use super::super::columns::{Blobs, Columns, Strings, parse};

/// Key of the field: number 31, a varint.
const MARK: [u8; 2] = [0xf8, 0x01];
/// The trace id was that of the span.
const OWN_TRACE: u8 = 1;
/// And the span id was that of its parent.
const PARENT: u8 = 2;

/// What stands at the front of nearly every link: keys and lengths of its trace id and its span id.
const TRACE_ID: [u8; 2] = [0x0a, 16];
const SPAN_ID: [u8; 2] = [0x12, 8];

/// The links of these columns as they are stored.
pub(super) fn shortened(columns: &Columns) -> Blobs {
    rewritten(&columns.links, columns, shorten)
}

/// The links of these columns as they were received.
pub(super) fn restored(links: &Blobs, columns: &Columns) -> Blobs {
    rewritten(links, columns, restore)
}

fn rewritten(
    links: &Blobs,
    columns: &Columns,
    rewrite: impl Fn(&[u8], &[u8; 16], &[u8; 8]) -> Vec<u8>,
) -> Blobs {
    let (rows, _) = links.parts();
    let mut values = Strings::default();
    for (row, stored) in links.iter() {
        let (trace, parent) = (&columns.trace_id[row], &columns.parent_span_id[row]);
        // What cannot be read is left as it is.
        match of_span(stored, |link| rewrite(link, trace, parent)) {
            Ok(links) => values.push(&links),
            Err(_) => values.push(stored),
        }
    }
    Blobs::from_parts(rows.to_vec(), values)
}

fn of_span(stored: &[u8], rewrite: impl Fn(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, ReadError> {
    let mut out = Vec::with_capacity(stored.len());
    for link in parse(stored)?.links() {
        wire::bytes(&mut out, field::span::LINKS, &rewrite(link?.bytes()));
    }
    Ok(out)
}

fn shorten(link: &[u8], trace: &[u8; 16], parent: &[u8; 8]) -> Vec<u8> {
    let strip = |bytes: &'_ [u8], prefix: [u8; 2], id: &[u8]| {
        bytes.strip_prefix(&prefix).and_then(|bytes| bytes.strip_prefix(id)).map(<[u8]>::to_vec)
    };
    let marked = |mark: u8, rest: &[u8]| [&MARK, &[mark][..], rest].concat();
    match strip(link, TRACE_ID, trace) {
        Some(rest) => match strip(&rest, SPAN_ID, parent) {
            Some(rest) => marked(OWN_TRACE | PARENT, &rest),
            None => marked(OWN_TRACE, &rest),
        },
        None if link.starts_with(&MARK) => marked(0, link),
        None => link.to_vec(),
    }
}

fn restore(link: &[u8], trace: &[u8; 16], parent: &[u8; 8]) -> Vec<u8> {
    let Some((mark, rest)) = link.strip_prefix(&MARK).and_then(<[u8]>::split_first) else {
        return link.to_vec();
    };
    let mut restored = Vec::with_capacity(link.len() + 28);
    if mark & OWN_TRACE != 0 {
        restored.extend(TRACE_ID);
        restored.extend(trace);
    }
    if mark & PARENT != 0 {
        restored.extend(SPAN_ID);
        restored.extend(parent);
    }
    restored.extend(rest);
    restored
}

#[cfg(test)]
mod tests {
    use super::{MARK, restore, shorten};

    const TRACE: [u8; 16] = [7; 16];
    const PARENT: [u8; 8] = [9; 8];

    #[test]
    fn whatever_a_link_is_it_is_restored() {
        let link = |trace: &[u8], span: &[u8], rest: &[u8]| {
            [&[0x0a, trace.len() as u8], trace, &[0x12, span.len() as u8], span, rest].concat()
        };
        let (other_trace, other_span) = ([1; 16], [2; 8]);
        let cases = [
            (link(&TRACE, &PARENT, b"\x1a\x01x"), 3 + 3),
            (link(&TRACE, &other_span, b""), 3 + 10),
            (link(&other_trace, &PARENT, b""), 28),
            (link(&TRACE, b"", b""), 3 + 2),
            (b"".to_vec(), 0),
            ([&MARK[..], &[3], &link(&TRACE, &PARENT, b"")].concat(), 3 + 3 + 28),
            (MARK.to_vec(), 3 + 2),
        ];
        for (link, len) in cases {
            let stored = shorten(&link, &TRACE, &PARENT);
            assert_eq!(stored.len(), len, "{link:?}");
            assert_eq!(restore(&stored, &TRACE, &PARENT), link);
        }
    }
}
