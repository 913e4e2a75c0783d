//! The store in ClickHouse against the reference store, with ClickHouse's engine behind an HTTP front.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;

use super::*;
use crate::model::{Span, UNKNOWN_SERVICE};
use crate::testing::suite::{assert_alike, distinct, request};
use crate::testing::{ClickHouseFront, Fault, MemoryStore, arbitrary, span};

mod deletion;
mod figures;
mod schema;
mod strings;
mod transfer;

const PATIENCE: Duration = Duration::from_secs(60);

/// A database of its own in an engine that the tests of this process share, and a directory for a spool.
struct Place {
    front: &'static ClickHouseFront,
    database: String,
    dir: TempDir,
    // Where an engine of its own keeps its data.
    _data: Option<TempDir>,
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
        Some(Self { front, database, dir: TempDir::new().unwrap(), _data: None })
    }

    /// With an engine of its own: where one is shared, inserts of other tests would take the faults.
    fn apart(database: &str) -> Option<Self> {
        let data = TempDir::new().unwrap();
        let front = Box::leak(Box::new(ClickHouseFront::start(data.path(), 0)?));
        Some(Self { front, database: database.to_owned(), dir: TempDir::new().unwrap(), _data: Some(data) })
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
        Self { front: self.front, database: self.database.clone(), dir: TempDir::new().unwrap(), _data: None }
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
    DeleteTrace(u128),
    DeleteService(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => arbitrary::spans(1..10).prop_map(Step::Append),
        1 => Just(Step::Resend),
        2 => Just(Step::Drain),
        1 => Just(Step::Reopen),
        1 => (1..6u128).prop_map(Step::DeleteTrace),
        1 => select(&["cart", "order", "nobody", UNKNOWN_SERVICE][..]).prop_map(Step::DeleteService),
    ]
}

async fn delete(store: &ClickHouseStore, oracle: &MemoryStore, what: Deletion) {
    let known = oracle.delete(what.clone()).await.unwrap();
    // Spans that were sent more than once may be stored more than once.
    let deleted = store.delete(what.clone()).await.unwrap();
    assert!(deleted >= known && (known > 0 || deleted == 0), "{what:?}: {deleted} {known}");
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
            assert_ready(&store).await;
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
                    Step::DeleteTrace(id) => {
                        let id = TraceId::from_bytes(id.to_be_bytes()).unwrap();
                        delete(&store, &oracle, Deletion::Trace(id)).await;
                        // What is sent again after it was deleted is there again.
                        last.clear();
                    }
                    Step::DeleteService(name) => {
                        delete(&store, &oracle, Deletion::Service(name.to_owned())).await;
                        last.clear();
                    }
                }
            }
            let start_unix_ns = crate::testing::EPOCH_UNIX_NS + from;
            let range = TimeRange { start_unix_ns, end_unix_ns: start_unix_ns + length };
            // As it happens to be spread, and all of it in ClickHouse.
            assert_alike(&*store, &oracle, &filters, range).await;
            assert!(store.drained(PATIENCE).await);
            assert_alike(&*store, &oracle, &filters, range).await;
            store.close().await;
        });
    }
}

/// Waits until there is a schema.
async fn assert_ready(store: &ClickHouseStore) {
    store.shipped.clone().wait_for(|shipped| shipped.is_ready).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_with_an_insert_nothing_is_lost_or_doubled() {
    let Some(place) = Place::apart("faults") else { return };
    let front = place.front;
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

/// The server has the insert and says nothing. When it does it after all, the repetition was done long before.
#[tokio::test(flavor = "multi_thread")]
async fn an_insert_that_has_no_answer_for_too_long_is_repeated_and_stored_once() {
    let Some(place) = Place::apart("stalls") else { return };
    let front = place.front;
    let options = ClickHouseOptions { insert_timeout: Duration::from_secs(1), ..place.options() };
    let store = ClickHouseStore::open(options).await.unwrap();
    assert_ready(&store).await;
    let mut sent = 0;
    for (fault, table) in [Fault::Stall, Fault::Late]
        .into_iter()
        .flat_map(|fault| [(fault, "otel_traces"), (fault, "laneway_batches")])
    {
        let failures = store.shipped.borrow().failures;
        front.fail(fault, 1, &format!("INSERT INTO `{table}`"));
        let spans: Vec<Span> =
            (1..=50u64).map(|i| span("x").trace(u128::from(sent + i)).id(sent + i).build()).collect();
        sent += 50;
        store.append(request(&spans)).await.unwrap();
        assert!(store.drained(PATIENCE).await, "{fault:?} {table}");
        assert!(store.shipped.borrow().failures > failures, "{fault:?} {table}: it was given up once");
        front.release();
        assert!(store.derived(PATIENCE).await);
        for (count, table) in [
            ("count()", "otel_traces"),
            ("uniqExact(TraceId)", "otel_traces_trace_id_ts"),
            ("sum(Spans)", "laneway_batches"),
            ("sum(Spans)", "laneway_red"),
        ] {
            let stored = place.run(&format!("SELECT {count} FROM $db.{table}"));
            assert_eq!(stored, sent.to_string(), "{table} after {fault:?}");
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_until_clickhouse_is_back() {
    let Some(place) = Place::apart("full") else { return };
    let front = place.front;
    let options = ClickHouseOptions { spool_max_bytes: 64 * 1024, ..place.options() };
    let store = ClickHouseStore::open(options).await.unwrap();
    assert_ready(&store).await;
    assert_eq!(store.spool.spooled_bytes(), 0, "without a span");
    front.fail(Fault::Refuse, 1_000_000, "INSERT INTO `otel_traces`");
    let mut sent = 0u64;
    let refused = loop {
        let spans: Vec<Span> =
            (1..=50u64).map(|i| span("x").trace(u128::from(sent + i)).id(sent + i).build()).collect();
        match store.append(request(&spans)).await {
            Ok(_) => sent += 50,
            Err(refused) if matches!(store.health(), Health::NotReady(_)) => break refused,
            // A part takes less than it did in memory, so there is room once more.
            Err(_) => {}
        }
    };
    assert!(matches!(refused, AppendError::Overloaded { .. }), "{refused:?}");
    assert!(sent > 0);
    let spool = Arc::clone(&store.spool);
    tokio::task::spawn_blocking(move || spool.seal_all()).await.unwrap().unwrap();
    let parts: Vec<_> =
        std::fs::read_dir(place.dir.path().join("parts")).unwrap().map(Result::unwrap).collect();
    let has_figures = parts.iter().any(|part| part.path().join("figures.bin").exists());
    assert!(!parts.is_empty() && !has_figures, "figures that nobody reads are not derived");
    front.release();
    assert!(store.drained(PATIENCE).await);
    assert_eq!(place.run("SELECT count() FROM $db.otel_traces"), sent.to_string());
    store.close().await;
}
