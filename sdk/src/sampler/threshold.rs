//! Consistent probability sampling: thresholds and randomness in the `ot` member of `tracestate`,
//! <https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/>.

use std::fmt;

use laneway_proto::TraceId;

/// Randomness has 56 bits.
const BITS: u32 = 56;
const END: u64 = 1 << BITS;
const DIGITS: usize = BITS as usize / 4;
/// Name of OpenTelemetry's member.
const MEMBER: &str = "ot";

/// What of 2^56 is rejected: a trace is sampled when its randomness is not below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threshold(u64);

impl Threshold {
    /// `None` for a probability that is too small to be one.
    pub(super) fn of_probability(probability: f64) -> Option<Self> {
        let kept = (probability * END as f64).round() as u64;
        (kept > 0).then(|| Self(END - kept.min(END)))
    }

    pub(super) fn admits(self, trace_id: TraceId, tracestate: &str) -> bool {
        let random = explicit_randomness(tracestate);
        random.unwrap_or_else(|| super::low_64_bits(trace_id) & (END - 1)) >= self.0
    }

    /// The tracestate with this threshold in it: what else is in OpenTelemetry's member stays, and the member moves to the front,
    /// as one that was changed must.
    pub(crate) fn write(self, tracestate: &str) -> String {
        let mut member = format!("{MEMBER}=th:{self}");
        let kept = own_fields(tracestate).filter(|field| !field.starts_with("th:"));
        for field in kept {
            member.push(';');
            member.push_str(field);
        }
        for other in members(tracestate).filter(|other| !is_own(other)) {
            member.push(',');
            member.push_str(other);
        }
        member
    }
}

/// Hexadecimal, without the zeros at the end.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0DIGITS$x}", self.0);
        let digits = digits.trim_end_matches('0');
        f.write_str(if digits.is_empty() { "0" } else { digits })
    }
}

fn members(tracestate: &str) -> impl Iterator<Item = &str> {
    tracestate.split(',').filter(|member| !member.is_empty())
}

fn is_own(member: &str) -> bool {
    member.split_once('=').is_some_and(|(key, _)| key == MEMBER)
}

/// The fields of OpenTelemetry's member.
fn own_fields(tracestate: &str) -> impl Iterator<Item = &str> {
    let own = members(tracestate).find(|member| is_own(member)).and_then(|member| member.split_once('='));
    own.map_or("", |(_, fields)| fields).split(';').filter(|field| !field.is_empty())
}

/// `rv`: randomness that is not that of the trace id.
fn explicit_randomness(tracestate: &str) -> Option<u64> {
    let digits = own_fields(tracestate).find_map(|field| field.strip_prefix("rv:"))?;
    (digits.len() == DIGITS).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}
