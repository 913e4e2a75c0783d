//! The `tracestate` header, <https://www.w3.org/TR/trace-context-2/#tracestate-header>.

use std::borrow::Cow;

use laneway_proto::caller;

use super::{Extract, TRACESTATE, trim_ows};
use crate::context::Context;

const MAX_MEMBERS: usize = 32;
const MAX_LEN: usize = 256;
/// What a participant must pass on at least, and what we write at most beside a member of our own.
const MAX_BYTES: usize = 512;

/// The members over all header lines; `None` when a line is malformed or there are too many.
pub(super) fn extract<C: Extract + ?Sized>(carrier: &C) -> Option<Members> {
    let mut members = Some(Members::default());
    carrier.for_each(TRACESTATE, &mut |value| {
        members = members.take().and_then(|members| members.with_line(std::str::from_utf8(value).ok()?));
    });
    members
}

#[derive(Default)]
pub(super) struct Members {
    /// Our own, when it comes first: whoever put another in front of it has made a span of its own, and called in its place.
    pub(super) caller: String,
    /// The others, joined by commas.
    pub(super) others: String,
    count: usize,
}

impl Members {
    fn with_line(mut self, line: &str) -> Option<Self> {
        // Empty members are legal, and mean nothing.
        for member in line.split(',').map(trim_ows).filter(|member| !member.is_empty()) {
            self.count += 1;
            if self.count > MAX_MEMBERS || !is_member(member) {
                return None;
            }
            if caller::value_of(member).is_none() {
                push(&mut self.others, member);
            } else if self.count == 1 {
                self.caller.push_str(member);
            }
        }
        Some(self)
    }
}

/// The header of a call from this context; empty when there is nothing to say.
pub(super) fn format(context: &Context) -> Cow<'_, str> {
    match context.span().and_then(|span| Some((span, span.origin?))) {
        Some((span, origin)) => {
            let lane = context.lane();
            let mut header = String::with_capacity(
                MAX_BYTES.min(origin.encoded.member_len(lane) + 1 + context.tracestate().len()),
            );
            origin.encoded.write(span.span_id, lane, &mut header);
            push_what_fits(&mut header, context.tracestate());
            header.into()
        }
        // A span of another process is passed on with whom that calls itself.
        None if context.is_remote() => joined(context.caller(), context.tracestate()),
        None => context.tracestate().into(),
    }
}

/// Members go from the right: those are the oldest.
fn push_what_fits(header: &mut String, others: &str) {
    for member in others.split(',').filter(|member| !member.is_empty()).take(MAX_MEMBERS - 1) {
        if header.len() + 1 + member.len() > MAX_BYTES {
            break;
        }
        push(header, member);
    }
}

/// Both as one header.
pub(crate) fn joined<'a>(caller: &'a str, others: &'a str) -> Cow<'a, str> {
    match (caller, others) {
        ("", members) | (members, "") => members.into(),
        _ => format!("{caller},{others}").into(),
    }
}

fn push(header: &mut String, member: &str) {
    if !header.is_empty() {
        header.push(',');
    }
    header.push_str(member);
}

fn is_member(member: &str) -> bool {
    member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

fn is_key(key: &str) -> bool {
    let first = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    key.len() <= MAX_LEN
        && key.bytes().next().is_some_and(first)
        && key.bytes().all(|c| first(c) || matches!(c, b'_' | b'-' | b'*' | b'/' | b'@'))
}

/// Printable ASCII without comma and equals sign. The last character is no space: the member was trimmed.
fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= MAX_LEN
        && value.bytes().all(|c| matches!(c, b' '..=b'~') && c != b',' && c != b'=')
}
