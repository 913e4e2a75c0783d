//! SkyWalking's cross-process headers, version 3:
//! <https://skywalking.apache.org/docs/main/next/en/api/x-process-propagation-headers-v3/>.
//!
//! Its ids are text. They become ids of OpenTelemetry as the SkyWalking receiver of OpenTelemetry's collector makes them, so that
//! segments which come in there and our spans are of one trace. On the way out, the trace keeps the text that it came with.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use laneway_proto::{Lane, SpanId, TraceId};

use super::format::{Identity, UNKNOWN};
use super::{Extract, Inject, single};
use crate::context::{Context, SpanContext, TraceFlags};

const HEADER: &str = "sw8";
pub(super) const CORRELATION: &str = "sw8-correlation";
/// Beyond this the header is not looked at: the specification asks for less than 2 KiB.
const MAX_LEN: usize = 2048;

/// A span, and the text of its trace's id unless that is the id itself.
pub(super) struct Extracted {
    pub(super) span: SpanContext,
    pub(super) trace_id_text: String,
}

pub(super) fn extract<C: Extract + ?Sized>(carrier: &C) -> Option<Extracted> {
    let header = single(carrier, HEADER).filter(|header| header.len() < MAX_LEN)?;
    let fields: Vec<&str> = header.split('-').collect();
    let [sampled, trace_id, segment_id, span_id, _service, _instance, _endpoint, _peer] = fields[..] else {
        return None;
    };
    let text = decode(trace_id)?;
    let span_id: u32 = number(span_id)?;
    let span = SpanContext::remote(
        trace_id_of(&text)?,
        span_id_of(&decode(segment_id)?, span_id)?,
        TraceFlags::default().with_sampled(sampled == "1"),
    );
    let is_own = text == span.trace_id.to_string();
    Some(Extracted { span, trace_id_text: if is_own { String::new() } else { text } })
}

/// The lane among the pairs that SkyWalking's agents pass on.
pub(super) fn extract_lane<C: Extract + ?Sized>(carrier: &C) -> Option<Lane> {
    let header = single(carrier, CORRELATION).filter(|header| header.len() < MAX_LEN)?;
    let mut pairs = header.split(',').filter_map(|pair| pair.split_once(':'));
    let (_, lane) = pairs.rfind(|(key, _)| decode(key).as_deref() == Some(Lane::KEY))?;
    Lane::new(&decode(lane)?).ok()
}

pub(super) fn inject<C: Inject + ?Sized>(context: &Context, identity: &Identity, carrier: &mut C) {
    let Some(span) = context.span() else { return };
    let own_text = span.trace_id.to_string();
    let trace_id = Some(context.skywalking_trace_id()).filter(|text| !text.is_empty()).unwrap_or(&own_text);
    // A segment of which our span is the span 0, by the same rule that reads it.
    let segment_id = format!("{:016}{}", 0, span.span_id);
    let fields = [
        u8::from(span.flags.is_sampled()).to_string(),
        encode(trace_id),
        encode(&segment_id),
        "0".to_owned(),
        encode(&identity.service),
        encode(&identity.instance),
        encode(
            span.origin.map(|origin| &*origin.operation).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN),
        ),
        encode(UNKNOWN),
    ];
    carrier.set(HEADER, &fields.join("-"));
    if !context.lane().is_base() {
        carrier.set(CORRELATION, &format!("{}:{}", encode(Lane::KEY), encode(context.lane().as_str())));
    }
}

/// A UUID, with or without dashes; or what an agent makes of a UUID, a thread and a sequence number.
fn trace_id_of(text: &str) -> Option<TraceId> {
    if text.len() <= 36 {
        return TraceId::from_hex(&text.replace('-', "")).ok();
    }
    TraceId::from_bytes(mix(text, 0)?)
}

fn span_id_of(segment_id: &str, span_id: u32) -> Option<SpanId> {
    let mixed = u128::from_be_bytes(mix(segment_id, span_id)?);
    SpanId::from_bytes(((mixed >> 64) as u64 ^ mixed as u64).to_be_bytes())
}

/// `uuid[.number.number]`, each number mixed into a part of the UUID, its lowest byte first.
fn mix(text: &str, first: u32) -> Option<[u8; 16]> {
    let (uuid, rest) = text.split_at_checked(32)?;
    let mut bytes = u128::from_str_radix(unsigned(uuid)?, 16).ok()?.to_be_bytes();
    let mut numbers = [0; 16];
    numbers[..4].copy_from_slice(&first.to_le_bytes());
    if !rest.is_empty() {
        let (middle, last) = rest.strip_prefix('.')?.rsplit_once('.')?;
        numbers[4..8].copy_from_slice(&(number::<u64>(middle)? as u32).to_le_bytes());
        numbers[8..].copy_from_slice(&number::<u64>(last)?.to_le_bytes());
    }
    bytes.iter_mut().zip(numbers).for_each(|(byte, number)| *byte ^= number);
    Some(bytes)
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    unsigned(text)?.parse().ok()
}

/// What is read as a number may begin with a sign: an id does not.
fn unsigned(text: &str) -> Option<&str> {
    (!text.starts_with('+')).then_some(text)
}

fn encode(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}
