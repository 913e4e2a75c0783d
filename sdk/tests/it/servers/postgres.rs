//! Queries of sqlx to PostgreSQL.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use laneway::sqlx::Traced;
use laneway::{Lane, span, with_lane};
use sqlx::Executor;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tempfile::TempDir;
use tokio::process::Command;

use super::{Server, free_port, is_missing};
use crate::collector::Bed;
use crate::tree::{int, status_message, text};

/// `nobody`: PostgreSQL refuses to run as root.
const UNPRIVILEGED: u32 = 65534;

struct Postgres {
    server: Server,
    pool: PgPool,
    _directory: TempDir,
}

impl Postgres {
    /// `None` where it is not installed.
    async fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            return is_missing(OsStr::new("postgres"), "no such directory");
        };
        let directory = TempDir::new().unwrap();
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        if is_root {
            chown(directory.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
        }
        let command = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(&directory).args(["-D", "data"]);
            if is_root {
                command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
            }
            command
        };
        let mut initdb = command("initdb");
        initdb.args(["--username=shop", "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"]);
        let output = initdb.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let mut postgres = command("postgres");
        postgres.args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]);
        let port = free_port().await;
        postgres.arg("-p").arg(port.to_string());
        let server = Server::spawn(postgres, port).await?;
        let url = format!("postgres://shop@127.0.0.1:{port}/postgres");
        let pool = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
        Some(Self { server, pool, _directory: directory })
    }

    async fn stop(self) {
        self.pool.close().await;
        self.server.stop().await;
    }
}

/// Where Debian has the programs of the server: those of one version, and not on the path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions.map(|version| version.unwrap().path().join("bin"));
    programs.filter(|programs| Path::new(programs).join("postgres").exists()).max()
}

#[tokio::test]
async fn queries_to_postgresql_are_client_spans() {
    let Some(postgres) = Postgres::start().await else { return };
    let db = Traced::pool(postgres.pool.clone());

    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let work = async {
        let create = "CREATE TABLE carts (id int PRIMARY KEY, owner text); -- a comment";
        sqlx::raw_sql(create).execute(&db).await.unwrap();
        let mut transaction = db.begin().await.unwrap();
        let insert = "INSERT INTO carts SELECT n, 'secret' FROM generate_series(1, 3) n";
        let inserted = sqlx::query(insert).execute(transaction.executor()).await.unwrap();
        assert_eq!(inserted.rows_affected(), 3);
        transaction.commit().await.unwrap();

        let query = "SELECT id FROM carts WHERE id > $1";
        let ids: Vec<i32> = sqlx::query_scalar(query).bind(1).fetch_all(&db).await.unwrap();
        assert_eq!(ids, [2, 3]);
        let none = sqlx::query("DELETE FROM carts WHERE id = $1 RETURNING id").bind(9).fetch_one(&db).await;
        assert!(matches!(none, Err(sqlx::Error::RowNotFound)));

        let mut transaction = db.begin().await.unwrap();
        let twice = "INSERT INTO carts VALUES ($1)";
        let twice = sqlx::query(twice).bind(1).execute(transaction.executor()).await;
        twice.unwrap_err();
        transaction.rollback().await.unwrap();

        let mut connection = db.acquire().await.unwrap();
        let statement = connection.executor().prepare(sqlx::SqlSafeStr::into_sql_str("TABLE carts")).await;
        drop(statement.unwrap());
    };
    span!("request").instrument(work).await;
    let spans = bed.finish().await;
    // Whether there is a row to be had is the caller's question: that there is none is no failure of the query.
    spans.assert_tree(
        "
         internal request
           client CREATE TABLE carts
           client BEGIN
           client INSERT carts SELECT generate_series
           client COMMIT
           client SELECT carts
           client DELETE carts
           client BEGIN
           client INSERT carts !
           client ROLLBACK
           client PREPARE TABLE",
    );
    let select = &spans.named("SELECT carts").attributes;
    for (key, expected) in [
        ("db.system.name", "postgresql"),
        ("db.namespace", "postgres"),
        ("db.query.summary", "SELECT carts"),
        ("db.query.text", "SELECT id FROM carts WHERE id > $1"),
        ("server.address", "127.0.0.1"),
    ] {
        assert_eq!(text(select, key), Some(expected), "{key}");
    }
    assert_eq!(int(select, "server.port"), Some(i64::from(postgres.server.port)));
    assert_eq!(int(select, "db.response.returned_rows"), Some(2));

    let insert = &spans.named("INSERT carts SELECT generate_series").attributes;
    let redacted = "INSERT INTO carts SELECT n, ? FROM generate_series(?, ?) n";
    assert_eq!(text(insert, "db.query.text"), Some(redacted));
    assert!(!format!("{:?}", spans.0).contains("secret"));

    let failed = spans.named("INSERT carts");
    for key in ["db.response.status_code", "error.type"] {
        assert_eq!(text(&failed.attributes, key), Some("23505"), "unique_violation, as {key}");
    }
    assert!(status_message(failed).contains("carts_pkey"), "{}", status_message(failed));
    postgres.stop().await;
}

#[tokio::test]
async fn a_stream_of_rows_that_is_dropped_ends_its_span() {
    let Some(postgres) = Postgres::start().await else { return };
    let db = Traced::pool(postgres.pool.clone());
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let mut rows = sqlx::query("SELECT n FROM generate_series(1, 1000) n").fetch(&db);
    rows.next().await.unwrap().unwrap();
    rows.next().await.unwrap().unwrap();
    drop(rows);
    // Nobody answers.
    let options = PgPoolOptions::new().acquire_timeout(std::time::Duration::from_millis(1));
    let nowhere = Traced::pool(options.connect_lazy("postgres://shop@127.0.0.1:1/").unwrap());
    nowhere.begin().await.unwrap_err();

    let spans = bed.finish().await;
    spans.assert_tree("client SELECT generate_series\nclient BEGIN !");
    let select = &spans.named("SELECT generate_series").attributes;
    assert_eq!(int(select, "db.response.returned_rows"), Some(2));
    let begin = &spans.named("BEGIN").attributes;
    assert_eq!(text(begin, "db.namespace"), Some("shop"), "the user's, as none was named");
    assert!(matches!(text(begin, "error.type"), Some("io" | "pool_timed_out")), "{begin:?}");
    postgres.stop().await;
}

/// PostgreSQL says what it was sent.
#[tokio::test]
async fn a_query_carries_trace_and_lane_as_a_comment_where_that_is_wanted() {
    let Some(postgres) = Postgres::start().await else { return };
    let silent = Traced::pool(postgres.pool.clone());
    let db = silent.clone().with_comments();
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let work = async {
        let query = "SELECT current_query() WHERE 1 = $1";
        let sent = |db| sqlx::query_scalar::<_, String>(query).bind(1).fetch_one(db);
        let plain = sent(&silent).await.unwrap();
        assert_eq!(plain, query);
        let once = sent(&db).await.unwrap();
        let twice = sent(&db).await.unwrap();
        (once, twice)
    };
    let request = async { span!("request").instrument(work).await };
    let (once, twice) = with_lane(Lane::new("grey").unwrap(), request).await;
    let prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT current%grey%'";
    let kept: i64 = sqlx::query_scalar(prepared).fetch_one(silent.inner()).await.unwrap();
    assert_eq!(kept, 0, "texts that will not come again are not kept as statements");

    let spans = bed.finish().await;
    assert_ne!(once, twice);
    for sent in [once, twice] {
        let (_, id) = sent.split_once("traceparent='00-").unwrap();
        let (trace_id, span_id) = (&id[..32], &id[33..49]);
        let is_sender = |span: &&opentelemetry_proto::tonic::trace::v1::Span| hex(&span.span_id) == span_id;
        let sender = spans.0.iter().find(is_sender).unwrap();
        assert_eq!((sender.name.as_str(), hex(&sender.trace_id).as_str()), ("SELECT", trace_id));
        assert_eq!(text(&sender.attributes, "db.query.text"), Some("SELECT current_query() WHERE 1 = $1"));
        let comment = format!("/*lane='grey',traceparent='00-{trace_id}-{span_id}-");
        assert!(sent.starts_with(&format!("SELECT current_query() WHERE 1 = $1 {comment}")), "{sent}");
    }
    postgres.stop().await;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
