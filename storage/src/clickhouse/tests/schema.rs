//! The schema: of a cluster, over tables that the exporter made, and with another retention than before.

use laneway_proto::Lane;

use super::*;
use crate::clickhouse::schema::MIGRATIONS;
use crate::model::{SpanKind, StatusCode, Value};
use crate::query::SpanFilter;

const EXPORTER: &str = include_str!("../../../../tests/testdata/clickhouse-exporter/traces.sql");
const DAY: Duration = Duration::from_secs(86_400);

impl Place {
    /// The tables that the exporter makes.
    fn as_the_exporter_makes_it(&self) {
        self.run("CREATE DATABASE $db");
        for statement in EXPORTER.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            let statement = statement.replace("TABLE otel", "TABLE $db.otel");
            let statement = statement.replace("VIEW otel", "VIEW $db.otel");
            self.run(&statement.replace("TO otel", "TO $db.otel").replace("FROM otel", "FROM $db.otel"));
        }
    }

    fn engine(&self, table: &str) -> String {
        self.run(&format!(
            "SELECT engine_full FROM system.tables WHERE database = '$db' AND name = '{table}' FORMAT TSVRaw"
        ))
    }

    /// Brings the schema up to date with this retention of spans.
    async fn migrate(&self, spans_max_age: Option<Duration>) -> Vec<String> {
        let schema = SchemaOptions { spans_max_age, ..SchemaOptions::default() };
        migrate(&ClickHouseOptions { schema, ..self.options() }).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_exporter_is_adopted_with_its_rows() {
    let Some(place) = Place::new() else { return };
    place.as_the_exporter_makes_it();
    let theirs = "INSERT INTO $db.otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, \
         ResourceAttributes, SpanAttributes, Duration, StatusCode, `Events.Timestamp`, `Events.Name`, `Events.Attributes`) \
         SELECT fromUnixTimestamp64Nano($epoch), '000000000000000000000000000000a1', '00000000000000b1', \
         'GET /', 'Server', 'cart', map('service.name', 'cart'), map('lane', 'grey-v2', 'user.id', '7'), 1000000, 'Error', \
         [fromUnixTimestamp64Nano($epoch)], ['exception'], [map('exception.type', 'Oops')]";
    place.run(&theirs.replace("$epoch", &crate::testing::EPOCH_UNIX_NS.to_string()));

    let options = place.options();
    // What is older than that is not even stored.
    let age = Some(36_500 * DAY);
    let schema = SchemaOptions { spans_max_age: age, figures_max_age: age, ..options.schema.clone() };
    let store = ClickHouseStore::open(ClickHouseOptions { schema, ..options }).await.unwrap();
    assert_ready(&store).await;
    // Their span and ours are one trace.
    let ours = span("charge").trace(0xa1).id(2).parent(0xb1).service("payment").lane("grey-v2").build();
    store.append(request(std::slice::from_ref(&ours))).await.unwrap();
    assert!(store.drained(PATIENCE).await);
    let trace = store.trace(ours.trace_id, None).await.unwrap().unwrap();
    let theirs = trace.spans.iter().find(|span| span.name == "GET /").unwrap();
    assert_eq!((theirs.lane.as_str(), theirs.kind), ("grey-v2", SpanKind::Server));
    assert_eq!(theirs.events[0].attributes[0].value, Value::String("Oops".to_owned()));
    assert!(trace.spans.contains(&ours));
    for filter in [
        SpanFilter::Service("cart".to_owned()),
        SpanFilter::Lane(Lane::new("grey-v2").unwrap()),
        SpanFilter::Status(StatusCode::Error),
    ] {
        let query = TraceQuery { range: TimeRange::ALL, filter: filter.clone(), limit: 20, cursor: None };
        assert_eq!(store.search(query).await.unwrap().traces.len(), 1, "{filter:?}");
    }
    assert_eq!(store.service_names().await.unwrap(), ["cart", "payment"]);
    store.close().await;

    // Their rows are theirs to remove; what is new here expires as it is configured.
    assert!(!place.engine("otel_traces").contains("TTL"));
    assert!(!place.engine("otel_traces_trace_id_ts").contains("TTL"));
    assert!(place.engine("laneway_red").contains("TTL Time + toIntervalSecond(3153600000)"));
    // The exporter goes on writing, without our columns.
    place.run("INSERT INTO $db.otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName) VALUES (now64(9), 'x', 'y', 'GET /', 'cart')");
    assert_eq!(place.run("SELECT Lane, InstanceLane FROM $db.otel_traces WHERE TraceId = 'x'"), "base\tbase");
}

#[tokio::test]
async fn a_table_that_is_not_the_exporters_is_refused() {
    let Some(place) = Place::new() else { return };
    place.as_the_exporter_makes_it();
    place.run("DROP TABLE $db.otel_traces_trace_id_ts_mv");
    place.run("ALTER TABLE $db.otel_traces DROP COLUMN StatusMessage");
    let refused = migrate(&place.options()).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Column { column: "StatusMessage", .. }), "{refused:?}");
    let error = refused.to_string();
    assert!(error.contains("otel_traces") && error.contains("StatusMessage"), "{error}");
    assert_eq!(place.run("SELECT count() FROM system.columns WHERE database = '$db' AND name = 'Lane'"), "0");
}

#[tokio::test]
async fn another_retention_is_brought_to_tables_that_are_there() {
    let Some(place) = Place::new() else { return };
    let retention = |of: &[&str]| of.iter().map(|table| format!("retention of {table}")).collect::<Vec<_>>();
    let all = ["otel_traces", "otel_traces_trace_id_ts", "laneway_operations"];
    assert_eq!(
        place.migrate(Some(7 * DAY)).await.len(),
        MIGRATIONS.len(),
        "new tables are as they should be"
    );
    for (max_age, ttl) in [(Some(3 * DAY), " + toIntervalSecond(259200) "), (None, ""), (Some(DAY), "86400")]
    {
        assert_eq!(place.migrate(max_age).await, retention(&all), "{max_age:?}");
        assert_eq!(place.migrate(max_age).await, Vec::<String>::new(), "{max_age:?} again");
        for table in all {
            let engine = place.engine(table);
            assert!(engine.contains(ttl) && engine.contains("TTL") == max_age.is_some(), "{table}: {engine}");
        }
    }
    // What an operator said otherwise of a table of spans made here is not ours any more than an adopted one's.
    place.run("ALTER TABLE $db.otel_traces MODIFY TTL toDateTime(Timestamp) + toIntervalDay(30)");
    place.run("ALTER TABLE $db.otel_traces MODIFY COMMENT 'mine'");
    assert_eq!(place.migrate(Some(7 * DAY)).await, retention(&all[1..]));
}

#[test]
fn the_schema_of_a_cluster_is_as_reviewed_and_understood_by_the_engine() {
    let options = SchemaOptions {
        cluster: Some("{cluster}".to_owned()),
        storage_policy: Some("hot_cold".to_owned()),
        spans_max_age: Some(DAY),
        figures_max_age: Some(30 * DAY),
    };
    insta::assert_snapshot!(script("laneway", &options).unwrap());
    let Some(place) = Place::new() else { return };
    let steps = MIGRATIONS.iter().flat_map(|migration| migration.statements(&options));
    let deletion = delete::statement("otel_traces", "TraceId = 'x'", &options);
    let others =
        [options.log(), deletion, "ALTER TABLE x_local ON CLUSTER '{cluster}' MODIFY TTL Start".to_owned()];
    let statements: Vec<String> = steps.chain(others).collect();
    assert!(statements.len() > 30, "{}", statements.len());
    for statement in statements {
        assert!(!statement.contains("${"), "{statement}");
        place.run(&format!("EXPLAIN AST {statement}"));
    }
}

#[test]
fn names_that_would_end_a_literal_are_refused() {
    let options = SchemaOptions { cluster: Some("a' x".to_owned()), ..SchemaOptions::default() };
    assert!(script("laneway", &options).is_err());
}
