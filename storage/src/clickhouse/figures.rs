//! Figures as rows, and back.

use clickhouse::Row;
use clickhouse::error::Error;
use clickhouse::query::Query;
use laneway_proto::{Lane, TraceId};
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::row;
use crate::QueryError;
use crate::query::Histogram;
use crate::topology::{
    EdgeFigures, EdgeKey, EdgeLevel, EdgeSide, Exemplars, Figures, FiguresQuery, Node, NodeKind, Outcome,
    PRESENCE_WINDOW, Presence, Provenance, RedFigures, RedKey, Resolution, Totals, TraceAt, Verdict,
};

/// The buckets of a histogram that are not empty.
type Buckets = Vec<(u16, i64)>;
/// A trace to look at: what made it stand out, and its id; an empty id is none.
type Example = (u64, String);

#[derive(Debug, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RedRow {
    time: u32,
    service: String,
    operation: String,
    kind: String,
    status: String,
    is_entry: bool,
    lane: String,
    instance: String,
    instance_lane: String,
    spans: i64,
    durations: Buckets,
    slowest: Example,
    newest: Example,
}

#[derive(Debug, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EdgeRow {
    time: u32,
    level: String,
    source_kind: String,
    source: String,
    source_detail: String,
    source_instance_lane: String,
    target_kind: String,
    target: String,
    target_detail: String,
    target_instance_lane: String,
    protocol: String,
    lane: String,
    source_lane: String,
    outcome: String,
    provenance: String,
    hops: i64,
    errors: i64,
    durations: Buckets,
    client_durations: Buckets,
    queueing: Buckets,
    slowest: Example,
    newest: Example,
}

#[derive(Debug, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PresenceRow {
    minute: u32,
    service: String,
    lane: String,
}

const TO_BASELINE: &str = "to_baseline";
const LEVELS: [EdgeLevel; 2] = [EdgeLevel::Instance, EdgeLevel::Operation];

/// Stores what a pass changes figures by, once however often it is repeated.
pub(super) async fn store(connection: &Connection, totals: &Totals, pass: u64) -> Result<(), Error> {
    let token = |table: &str| format!("figures/{pass}/{table}");
    if totals.rows() > 0 {
        let mut red = connection.insert::<RedRow>("laneway_red", &token("red")).await?;
        for ((key, time_s), figures) in totals.red.iter() {
            red.write(&red_row(totals.red_keys.get(*key), *time_s, figures)).await?;
        }
        red.end().await?;
        let mut edges = connection.insert::<EdgeRow>("laneway_edges", &token("edges")).await?;
        for ((key, time_s), figures) in totals.edges.iter() {
            edges.write(&edge_row(totals.edge_keys.get(*key), *time_s, figures)).await?;
        }
        edges.end().await?;
    }
    let mut presence = connection.insert::<PresenceRow>("laneway_presence", &token("presence")).await?;
    for (service, lane, minutes) in totals.presence.iter() {
        for minute in minutes {
            let (service, lane) = (service.to_string(), lane.to_string());
            presence.write(&PresenceRow { minute: time(minute * 60), service, lane }).await?;
        }
    }
    presence.end().await
}

/// The figures that a query asks for, of all passes that are done.
pub(super) async fn answer(connection: &Connection, query: &FiguresQuery) -> Result<Figures, QueryError> {
    let mut figures = Figures { presence: presence(connection, query).await?, ..Figures::default() };
    if query.red {
        for row in connection.rows::<RedRow>(limited(connection, query, RED)).await? {
            let (key, time_s, red) = red_of(row)?;
            figures.red.insert((key, time_s), red);
        }
    }
    if let Some(level) = query.edges {
        let edges = limited(connection, query, EDGES).param("level", level_name(level));
        for row in connection.rows::<EdgeRow>(edges).await? {
            let (key, time_s, edge) = edge_of(row)?;
            figures.edges.insert((key, time_s), edge);
        }
    }
    Ok(figures.answer(query))
}

/// At the resolution of the query, of which it takes what it wants.
const RED: &str = "SELECT At AS Time, Service, Operation, Kind, Status, IsEntry, Lane, Instance, InstanceLane, \
         Counted AS Spans, Histogram AS Durations, Slow AS Slowest, New AS Newest FROM ( \
     SELECT toDateTime(intDiv(toUInt32(Time), {width:UInt32}) * {width:UInt32}) AS At, \
         Service, Operation, Kind, Status, IsEntry, Lane, Instance, InstanceLane, \
         sum(Spans) AS Counted, sumMap(Durations) AS Histogram, max(Slowest) AS Slow, max(Newest) AS New \
     FROM laneway_red \
     WHERE Time >= toDateTime({first:UInt32}) AND Time <= toDateTime({last:UInt32}) \
         AND ({service:String} = '' OR Service = {service:String}) \
     GROUP BY At, Service, Operation, Kind, Status, IsEntry, Lane, Instance, InstanceLane)";

/// Hops that are yet to be judged need the minute.
const EDGES: &str = "SELECT At AS Time, Level, SourceKind, Source, SourceDetail, SourceInstanceLane, TargetKind, Target, \
         TargetDetail, TargetInstanceLane, Protocol, Lane, SourceLane, Outcome, Provenance, Counted AS Hops, Failed AS Errors, \
         Histogram AS Durations, ClientHistogram AS ClientDurations, QueueingHistogram AS Queueing, \
         Slow AS Slowest, New AS Newest FROM ( \
     SELECT if(Outcome = 'to_baseline', least({width:UInt32}, 60), {width:UInt32}) AS Width, \
         toDateTime(intDiv(toUInt32(Time), Width) * Width) AS At, \
         Level, SourceKind, Source, SourceDetail, SourceInstanceLane, TargetKind, Target, TargetDetail, TargetInstanceLane, \
         Protocol, Lane, SourceLane, Outcome, Provenance, \
         sum(Hops) AS Counted, sum(Errors) AS Failed, sumMap(Durations) AS Histogram, \
         sumMap(ClientDurations) AS ClientHistogram, sumMap(Queueing) AS QueueingHistogram, \
         max(Slowest) AS Slow, max(Newest) AS New \
     FROM laneway_edges \
     WHERE Level = {level:String} AND Time >= toDateTime({first:UInt32}) AND Time <= toDateTime({last:UInt32}) \
         AND ({service:String} = '' OR Source = {service:String} OR Target = {service:String}) \
     GROUP BY Width, At, Level, SourceKind, Source, SourceDetail, SourceInstanceLane, TargetKind, Target, TargetDetail, \
         TargetInstanceLane, Protocol, Lane, SourceLane, Outcome, Provenance)";

const PRESENCE: &str = "SELECT DISTINCT ?fields FROM laneway_presence \
     WHERE Minute >= toDateTime({first:UInt32}) AND Minute <= toDateTime({last:UInt32})";

fn limited(connection: &Connection, query: &FiguresQuery, text: &str) -> Query {
    let width = query.resolution().seconds();
    let seconds = |unix_ns: u64| unix_ns / 1_000_000_000;
    connection
        .query(text)
        .param("width", width)
        .param("first", time(seconds(query.range.start_unix_ns)))
        // A bucket of the answer holds what comes after its start.
        .param("last", time(seconds(query.range.end_unix_ns).saturating_add(width.into())))
        .param("service", query.service.as_deref().unwrap_or_default())
}

async fn presence(connection: &Connection, query: &FiguresQuery) -> Result<Presence, QueryError> {
    let window = PRESENCE_WINDOW.as_secs() + 60;
    let seconds = |unix_ns: u64| unix_ns / 1_000_000_000;
    let hour = u64::from(Resolution::Hour.seconds());
    let rows = connection
        .query(PRESENCE)
        .param("first", time(seconds(query.range.start_unix_ns).saturating_sub(window)))
        .param("last", time(seconds(query.range.end_unix_ns).saturating_add(hour)));
    let mut presence = Presence::default();
    for PresenceRow { minute, service, lane } in connection.rows(rows).await? {
        let lane = Lane::new(&lane).map_err(|_| corrupt("lane", &lane))?;
        presence.insert(&service.into(), &lane, minute.into());
    }
    Ok(presence)
}

fn red_row(key: &RedKey, time_s: u64, figures: &RedFigures) -> RedRow {
    RedRow {
        time: time(time_s),
        service: key.service.to_string(),
        operation: key.operation.to_string(),
        kind: row::kind_name(key.kind).to_owned(),
        status: row::status_name(key.status).to_owned(),
        is_entry: key.is_entry,
        lane: key.lane.to_string(),
        instance: key.instance.to_string(),
        instance_lane: key.instance_lane.to_string(),
        spans: figures.spans,
        durations: figures.duration_ns.numbered_buckets().to_vec(),
        slowest: example(figures.exemplars.slowest),
        newest: example(figures.exemplars.newest),
    }
}

fn red_of(row: RedRow) -> Result<(RedKey, u64, RedFigures), QueryError> {
    let key = RedKey {
        service: row.service.into(),
        operation: row.operation.into(),
        kind: row::kind(&row.kind),
        status: row::status(&row.status),
        is_entry: row.is_entry,
        lane: lane(&row.lane)?,
        instance: row.instance.into(),
        instance_lane: lane(&row.instance_lane)?,
    };
    let figures = RedFigures {
        spans: row.spans,
        duration_ns: histogram(row.durations)?,
        exemplars: Exemplars { slowest: trace_at(row.slowest), newest: trace_at(row.newest) },
    };
    Ok((key, row.time.into(), figures))
}

fn edge_row(key: &EdgeKey, time_s: u64, figures: &EdgeFigures) -> EdgeRow {
    let EdgeKey { level, source, target, .. } = key;
    EdgeRow {
        time: time(time_s),
        level: level_name(*level).to_owned(),
        source_kind: source.node.kind.as_str().to_owned(),
        source: source.node.name.to_string(),
        source_detail: source.detail.to_string(),
        source_instance_lane: source.instance_lane.to_string(),
        target_kind: target.node.kind.as_str().to_owned(),
        target: target.node.name.to_string(),
        target_detail: target.detail.to_string(),
        target_instance_lane: target.instance_lane.to_string(),
        protocol: key.protocol.to_string(),
        lane: key.lane.to_string(),
        source_lane: key.source_lane.to_string(),
        outcome: match key.outcome {
            Outcome::None => "",
            Outcome::ToBaseline => TO_BASELINE,
            Outcome::Verdict(verdict) => verdict.as_str(),
        }
        .to_owned(),
        provenance: key.provenance.as_str().to_owned(),
        hops: figures.hops,
        errors: figures.errors,
        durations: figures.duration_ns.numbered_buckets().to_vec(),
        client_durations: figures.client_duration_ns.numbered_buckets().to_vec(),
        queueing: figures.queueing_ns.numbered_buckets().to_vec(),
        slowest: example(figures.exemplars.slowest),
        newest: example(figures.exemplars.newest),
    }
}

fn edge_of(row: EdgeRow) -> Result<(EdgeKey, u64, EdgeFigures), QueryError> {
    let key = EdgeKey {
        level: one_of(LEVELS, |level| level_name(*level) == row.level, "level", &row.level)?,
        source: side(&row.source_kind, row.source, row.source_detail, &row.source_instance_lane)?,
        target: side(&row.target_kind, row.target, row.target_detail, &row.target_instance_lane)?,
        protocol: row.protocol.into(),
        lane: lane(&row.lane)?,
        source_lane: lane(&row.source_lane)?,
        outcome: match row.outcome.as_str() {
            "" => Outcome::None,
            TO_BASELINE => Outcome::ToBaseline,
            name => Outcome::Verdict(one_of(Verdict::ALL, |one| one.as_str() == name, "outcome", name)?),
        },
        provenance: one_of(
            Provenance::ALL,
            |one| one.as_str() == row.provenance,
            "provenance",
            &row.provenance,
        )?,
    };
    let figures = EdgeFigures {
        hops: row.hops,
        errors: row.errors,
        duration_ns: histogram(row.durations)?,
        client_duration_ns: histogram(row.client_durations)?,
        queueing_ns: histogram(row.queueing)?,
        exemplars: Exemplars { slowest: trace_at(row.slowest), newest: trace_at(row.newest) },
    };
    Ok((key, row.time.into(), figures))
}

fn side(kind: &str, name: String, detail: String, instance_lane: &str) -> Result<EdgeSide, QueryError> {
    let kind = one_of(NodeKind::ALL, |one| one.as_str() == kind, "kind of a node", kind)?;
    Ok(EdgeSide {
        node: Node { kind, name: name.into() },
        detail: detail.into(),
        instance_lane: lane(instance_lane)?,
    })
}

fn one_of<T>(
    all: impl IntoIterator<Item = T>,
    is_it: impl Fn(&T) -> bool,
    what: &str,
    name: &str,
) -> Result<T, QueryError> {
    all.into_iter().find(is_it).ok_or_else(|| corrupt(what, name))
}

fn lane(name: &str) -> Result<Lane, QueryError> {
    Lane::new(name).map_err(|_| corrupt("lane", name))
}

/// Zeros are left out by the engine, which gives the keys of a map in any order.
fn histogram(mut buckets: Buckets) -> Result<Histogram, QueryError> {
    buckets.retain(|&(_, count)| count != 0);
    buckets.sort_unstable_by_key(|&(bucket, _)| bucket);
    match buckets.last() {
        Some((bucket, _)) if *bucket >= Histogram::BUCKETS => Err(corrupt("bucket", &bucket.to_string())),
        _ => Ok(Histogram::of_buckets(buckets)),
    }
}

fn example(at: Option<TraceAt>) -> Example {
    at.map(|at| (at.at_ns, at.trace_id.to_string())).unwrap_or_default()
}

fn trace_at((at_ns, trace_id): Example) -> Option<TraceAt> {
    Some(TraceAt { at_ns, trace_id: TraceId::from_hex(&trace_id).ok()? })
}

fn level_name(level: EdgeLevel) -> &'static str {
    match level {
        EdgeLevel::Instance => "instance",
        EdgeLevel::Operation => "operation",
    }
}

/// A time as `DateTime` says it, which ends in 2106.
fn time(time_s: u64) -> u32 {
    u32::try_from(time_s).unwrap_or(u32::MAX)
}

fn corrupt(what: &str, value: &str) -> QueryError {
    QueryError::Corrupt(format!("figures in ClickHouse: {value:?} is no {what}"))
}
