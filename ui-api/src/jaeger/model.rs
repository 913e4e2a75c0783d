//! The JSON of Jaeger's traces.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerTrace)]
pub(crate) struct Trace {
    /// 32 hexadecimal digits, or 16 when the first 16 would be zeros.
    #[serde(rename = "traceID")]
    pub(super) trace_id: String,
    pub(super) spans: Vec<Span>,
    /// By the names that spans use, `p1` and so on.
    pub(super) processes: BTreeMap<String, Process>,
    pub(super) warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerSpan)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    #[serde(rename = "traceID")]
    pub(super) trace_id: String,
    #[serde(rename = "spanID")]
    pub(super) span_id: String,
    /// 1 when the sender sampled it.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) flags: u32,
    pub(super) operation_name: String,
    /// The parent first, then the links.
    pub(super) references: Vec<Reference>,
    /// In microseconds since the Unix epoch.
    pub(super) start_time: u64,
    /// In microseconds.
    pub(super) duration: u64,
    pub(super) tags: Vec<Tag>,
    pub(super) logs: Vec<Log>,
    #[serde(rename = "processID")]
    pub(super) process_id: String,
    pub(super) warnings: Option<Vec<String>>,
}

fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerReference)]
pub(super) struct Reference {
    #[serde(rename = "refType")]
    pub(super) ref_type: RefType,
    #[serde(rename = "traceID")]
    pub(super) trace_id: String,
    #[serde(rename = "spanID")]
    pub(super) span_id: String,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = JaegerRefType)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RefType {
    ChildOf,
    FollowsFrom,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerProcess)]
#[serde(rename_all = "camelCase")]
pub(super) struct Process {
    pub(super) service_name: String,
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerLog)]
pub(super) struct Log {
    /// In microseconds since the Unix epoch.
    pub(super) timestamp: u64,
    pub(super) fields: Vec<Tag>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerTag)]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(rename = "type")]
    pub(super) kind: TagType,
    pub(super) value: TagValue,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = JaegerTagType)]
#[serde(rename_all = "lowercase")]
pub(super) enum TagType {
    String,
    Bool,
    Int64,
    Float64,
    Binary,
}

/// A value in JSON. Text also stands for bytes (base64), for integers that JavaScript cannot hold, and for numbers
/// that JSON does not have.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerTagValue)]
#[serde(untagged)]
pub(super) enum TagValue {
    Text(String),
    Bool(bool),
    Int(i64),
    Float(f64),
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JaegerOperation)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub(super) name: String,
    /// `internal`, `server`, `client`, `producer`, `consumer`, or empty when it was not stated.
    pub(super) span_kind: &'static str,
}
