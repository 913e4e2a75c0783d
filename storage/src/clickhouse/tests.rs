//! The store in ClickHouse against the reference store, with ClickHouse's engine behind an HTTP front.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::Span;
use crate::testing::suite::{assert_alike, distinct, request};
use crate::testing::{ClickHouseFront, Fault, MemoryStore, arbitrary, span};

mod figures;
mod strings;

const PATIENCE: Duration = Duration::from_secs(60);

/// A database of its own in an engine that the tests of this process share, and a directory for a spool.
struct Place {
    front: &'static ClickHouseFront,
    database: String,
    dir: TempDir,
}

impl Place {
    /// `None` where there is no engine.
    fn new() -> Option<Self> {
        static FRONT: OnceLock<Option<(ClickHouseFront, TempDir)>> = OnceLock::new();
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let front = FRONT.get_or_init(|| {
            let data = TempDir::new().unwrap();
            Some((ClickHouseFront::start(data.path(), 0)?, data))
        });
        let front = &front.as_ref()?.0;
        let database = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        Some(Self { front, database, dir: TempDir::new().unwrap() })
    }

    fn options(&self) -> ClickHouseOptions {
        let server = ServerOptions {
            url: self.front.url(),
            database: self.database.clone(),
            user: String::new(),
            password: String::new(),
        };
        let spool =
            Options { wal_spare_bytes: 64 * 1024, ingest_threads: 1, ..Options::new(self.dir.path()) };
        ClickHouseOptions {
            flush_interval: Duration::from_millis(20),
            spool,
            ..ClickHouseOptions::new(server, self.dir.path())
        }
    }

    async fn open(&self) -> Arc<ClickHouseStore> {
        ClickHouseStore::open(self.options()).await.unwrap()
    }

    /// The same database, for another collector.
    fn beside(&self) -> Self {
        Self { front: self.front, database: self.database.clone(), dir: TempDir::new().unwrap() }
    }

    fn run(&self, statement: &str) -> String {
        self.front.run(&statement.replace("$db", &self.database))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Span>),
    Resend,
    /// ClickHouse has everything.
    Drain,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => arbitrary::spans(1..10).prop_map(Step::Append),
        1 => Just(Step::Resend),
        2 => Just(Step::Drain),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn it_answers_as_the_reference_store(
        steps in vec(step(), 1..10),
        filters in vec(arbitrary::filter(), 4),
        (from, length) in (0..5_000_000u64, 0..5_000_000u64),
    ) {
        let Some(place) = Place::new() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let oracle = MemoryStore::new();
            let mut store = place.open().await;
            let (mut last, mut sent) = (Vec::new(), 0);
            for step in steps {
                match step {
                    Step::Append(mut spans) => {
                        distinct(&mut spans, &mut sent);
                        store.append(request(&spans)).await.unwrap();
                        oracle.append(request(&spans)).await.unwrap();
                        last = spans;
                    }
                    Step::Resend => drop(store.append(request(&last)).await.unwrap()),
                    Step::Drain => assert!(store.drained(PATIENCE).await),
                    Step::Reopen => {
                        store.close().await;
                        drop(store);
                        store = place.open().await;
                    }
                }
            }
            let start_unix_ns = crate::testing::EPOCH_UNIX_NS + from;
            let range = TimeRange { start_unix_ns, end_unix_ns: start_unix_ns + length };
            // As it happens to be spread, and all of it in ClickHouse.
            assert_ready(&store).await;
            assert_alike(&*store, &oracle, &filters, range).await;
            assert!(store.drained(PATIENCE).await);
            assert_alike(&*store, &oracle, &filters, range).await;
            store.close().await;
        });
    }
}

/// Waits until there is a schema.
async fn assert_ready(store: &ClickHouseStore) {
    while store.service_names().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_with_an_insert_nothing_is_lost_or_doubled() {
    let data = TempDir::new().unwrap();
    // Not shared: inserts of other tests would take the faults.
    let Some(front) = ClickHouseFront::start(data.path(), 0) else { return };
    let front: &'static ClickHouseFront = Box::leak(Box::new(front));
    let place = Place { front, database: "faults".to_owned(), dir: TempDir::new().unwrap() };
    let store = place.open().await;
    assert_ready(&store).await;
    let mut sent = 0;
    for fault in [Fault::Refuse, Fault::Lose, Fault::Error, Fault::Lose] {
        front.fail(fault, 2, "INSERT INTO `otel_traces`");
        let spans: Vec<Span> =
            (1..=50u64).map(|i| span("x").trace(u128::from(sent + i)).id(sent + i).build()).collect();
        sent += 50;
        store.append(request(&spans)).await.unwrap();
        assert!(store.drained(PATIENCE).await, "{fault:?}");
        for table in ["otel_traces", "otel_traces_trace_id_ts"] {
            let stored = place.run(&format!("SELECT count(), uniqExact(TraceId) FROM $db.{table}"));
            assert_eq!(stored, format!("{sent}\t{sent}"), "{table} after {fault:?}");
        }
    }
    assert!(store.shipped.borrow().failures >= 8);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_until_clickhouse_is_back() {
    let data = TempDir::new().unwrap();
    let Some(front) = ClickHouseFront::start(data.path(), 0) else { return };
    let front: &'static ClickHouseFront = Box::leak(Box::new(front));
    let place = Place { front, database: "full".to_owned(), dir: TempDir::new().unwrap() };
    let empty = {
        let store = place.open().await;
        assert_ready(&store).await;
        let bytes = store.spool.spooled_bytes();
        store.close().await;
        bytes
    };
    front.fail(Fault::Refuse, 1_000_000, "INSERT INTO `otel_traces`");
    let options = ClickHouseOptions { spool_max_bytes: empty, ..place.options() };
    let store = ClickHouseStore::open(options).await.unwrap();
    let mut sent = 0u64;
    let refused = loop {
        let one = span("x").trace(u128::from(sent) + 1).id(sent + 1).build();
        match store.append(request(&[one])).await {
            Ok(_) => sent += 1,
            Err(refused) if matches!(store.health(), Health::NotReady(_)) => break refused,
            // A part takes less than it did in memory, so there is room once more.
            Err(_) => {}
        }
    };
    assert!(matches!(refused, AppendError::Overloaded { .. }), "{refused:?}");
    assert!(sent > 0);
    front.release();
    assert!(store.drained(PATIENCE).await);
    assert_eq!(place.run("SELECT count() FROM $db.otel_traces"), sent.to_string());
    store.close().await;
}

#[test]
fn the_schema_of_a_cluster_is_understood_by_the_engine() {
    let Some(place) = Place::new() else { return };
    let options = SchemaOptions {
        cluster: Some("{cluster}".to_owned()),
        storage_policy: Some("hot_cold".to_owned()),
        spans_max_age: Some(Duration::from_secs(86_400)),
        figures_max_age: Some(Duration::from_secs(86_400)),
    };
    let mut statements = 0;
    for migration in schema::MIGRATIONS {
        for statement in migration.statements(&options) {
            assert!(!statement.contains("${"), "{statement}");
            place.run(&format!("EXPLAIN AST {statement}"));
            statements += 1;
        }
    }
    assert!(statements > 10);
}

#[test]
fn names_that_would_end_a_literal_are_refused() {
    let options = SchemaOptions { cluster: Some("a' x".to_owned()), ..SchemaOptions::default() };
    assert!(script("laneway", &options).is_err());
}
