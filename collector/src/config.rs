//! The configuration: one typed [`Config`], read once, checked as a whole.
//!
//! Precedence, weakest first: defaults, the TOML file, the environment, flags. Each option is declared once, in this
//! file, with its documentation, default and limits; reading, `laneway check-config` and `docs/configuration.md` all
//! follow from that declaration.
//!
//! A key that the file sets and nobody declared is an error: a misspelt limit that is silently ignored is worse than
//! a start that is refused. Environment variables that nobody declared are ignored, since services of the SDK on the
//! same machine share the prefix.

mod check;
mod docs;
mod load;
mod option;
mod value;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use load::{InvalidConfig, Layers, Problem};
use option::section;
pub use option::{OptionSpec, Section};
pub use value::{ByteSize, OptionValue, WalSync};

section! {
    /// Where the collector listens and where it keeps its data.
    General in "" {
        /// Directory of everything that is stored. It is created when it is absent, and locked while the collector runs.
        data_dir: PathBuf = PathBuf::from("./laneway-data");
        /// Address of OTLP/gRPC. Port 0 takes a free one, here and below; the ready line names it.
        otlp_grpc: SocketAddr = loopback(4317);
        /// Address of OTLP/HTTP.
        otlp_http: SocketAddr = loopback(4318);
        /// Address of the query API and of `/healthz`, `/readyz` and `/metrics`.
        http: SocketAddr = loopback(16686);
        /// Allows addresses that other machines can reach. Nothing is authenticated yet: whoever reaches an address can
        /// read every trace and write any.
        insecure_public: bool = false;
    }
}

section! {
    /// The write-ahead log.
    Wal in "wal" {
        /// When an export is acknowledged. `always`: after its bytes are synced to disk. `interval`: after they are
        /// written; a power failure loses at most the last `interval`. `never`: after they are written; the operating
        /// system syncs when it likes. A crash of the process alone loses nothing in any mode.
        sync: WalSync = WalSync::Always;
        /// Time between two syncs when `sync` is `interval`. Longer costs the disk less and loses more on power failure.
        interval: Duration = Duration::from_millis(50), within Duration::from_millis(1)..=Duration::from_secs(60);
    }
}

section! {
    /// When the open segment is sealed into a part: at whichever of these it reaches first.
    Segment in "segment" {
        /// Spans. Larger segments make larger parts, which compress better and cost more memory.
        max_spans: u64 = 131_072, within 1_000..=10_000_000;
        /// Bytes of memory that it takes.
        max_bytes: ByteSize = ByteSize::mebi(128), within ByteSize::mebi(1)..=ByteSize::gibi(4);
        /// Age of its first span. Shorter means less to replay after a crash, and smaller parts. When no spans come for a minute or two, a segment that takes more than 4 MiB is sealed earlier.
        max_age: Duration = Duration::from_secs(300), within Duration::from_secs(1)..=Duration::from_secs(86_400);
    }
}

section! {
    /// How received spans are taken in.
    Ingest in "ingest" {
        /// Threads that decode spans and write the log. Each has an open segment of its own, so memory grows with them, and takes
        /// all requests of some of the connections. `0` stands for half as many as there are cores, at most 4.
        threads: u64 = 0, within 0..=64;
    }
}

section! {
    /// What queries may take.
    Query in "query" {
        /// Memory that one query may take for spans and columns, beside what the cache holds. One that needs more is refused with 400,
        /// so that no question, however large its answer, ends the collector. Several queries may run at once.
        max_memory_bytes: ByteSize = ByteSize::mebi(512), within ByteSize::mebi(16)..=ByteSize::gibi(1024);
        /// Threads that one query reads on, where it has much to read. Those beside its own are shared by all queries. `0` stands for
        /// as many as there are cores, at most 16.
        threads: u64 = 0, within 0..=256;
        /// Memory that indexes and dictionaries of parts are kept in from query to query. It is given back when no query came for a
        /// minute or two.
        cache_bytes: ByteSize = ByteSize::mebi(64), within ByteSize::mebi(1)..=ByteSize::gibi(64);
    }
}

section! {
    /// What is derived from spans: rates, errors, durations, and who calls whom in which lane.
    Topology in "topology" {
        /// Memory for traces that were sealed a short while ago: spans of theirs that arrive late still find their callers, and are
        /// counted once if they are sent twice. About 50 bytes a span.
        recent_bytes: ByteSize = ByteSize::mebi(32), within ByteSize::mebi(1)..=ByteSize::gibi(64);
        /// How long a trace is remembered after the last of its spans was sealed.
        recent_max_age: Duration = Duration::from_secs(300), within Duration::from_secs(1)..=Duration::from_secs(86_400);
        /// Different combinations of service, operation, kind, status, lane and instance that are told apart at a time. The rest is counted
        /// as operation `(other)`.
        max_series: u64 = 20_000, within 100..=10_000_000;
        /// Edges between instances that are told apart at a time. The rest is counted between instances `(other)`.
        max_instance_edges: u64 = 10_000, within 100..=10_000_000;
        /// Edges between operations that are told apart at a time. The rest is counted between operations `(other)`.
        max_operation_edges: u64 = 5_000, within 100..=10_000_000;
    }
}

section! {
    /// Merging of small parts into large ones, in the background.
    Merge in "merge" {
        /// Whether parts are merged. Without it, queries get slower with every sealed segment.
        enabled: bool = true;
        /// Share of one core that merging takes at most, in percent. Less leaves more to queries; too little, and small
        /// parts gather while much arrives, until less does.
        max_cpu_percent: u64 = 50, within 1..=100;
        /// No part of more spans is made, nor of more than an eighth of `retention.max_bytes`. Larger parts are fewer, and expire later.
        max_part_spans: u64 = 20_000_000, within 100_000..=1_000_000_000;
        /// Parts whose row groups have at least so many spans on average are joined as they are, which costs next to nothing. The rows of smaller ones
        /// are merged and encoded again. More brings spans of a trace closer together, and costs CPU.
        full_group_spans: u64 = 65_536, within 1..=1_000_000_000;
        /// No part is made of parts whose newest spans are further apart: spans are kept at most this much longer than
        /// `retention.max_age`.
        max_time_span: Duration = Duration::from_secs(86_400), within Duration::from_secs(60)..=Duration::from_secs(31_536_000);
    }
}

section! {
    /// When stored spans are removed. Parts are removed as a whole, the oldest first, as soon as one of these says so.
    Retention in "retention" {
        /// Time that spans are kept, from their start on. A part goes when its newest span is older. `0s` keeps them for ever.
        max_age: Duration = Duration::from_secs(7 * 86_400), within Duration::ZERO..=Duration::from_secs(3_153_600_000);
        /// Time that figures (rates, errors, durations, edges) of spans that were removed are kept. `0s` keeps them for ever.
        figures_max_age: Duration = Duration::from_secs(90 * 86_400), within Duration::ZERO..=Duration::from_secs(3_153_600_000);
        /// Bytes that all parts together may take; no part is made that takes more than an eighth of it. `0 B` is no limit. Logs take up to
        /// some hundred MiB more.
        max_bytes: ByteSize = ByteSize(0);
        /// Bytes that the file system shall have free. The newest part is kept even then. `0 B` removes nothing: on a full disk,
        /// exports are refused until there is space.
        min_free_bytes: ByteSize = ByteSize(0);
        /// The same in percent of the file system's size.
        min_free_percent: u64 = 0, within 0..=90;
    }
}

section! {
    /// ClickHouse, for when one machine is not enough: see [ClickHouse](clickhouse.md). Spans are then kept in `data_dir` only until they are
    /// there, and `retention` but for `max_age`, and `merge`, mean nothing.
    ClickHouse in "clickhouse" {
        /// Its HTTP interface, such as `http://clickhouse:8123`. Empty: everything is kept on this machine.
        url: String = String::new();
        /// Database of all tables.
        database: String = "default".to_owned();
        /// User; empty for the server's default.
        user: String = String::new();
        /// File with the user's password, of which the last line end is left out; empty for none.
        password_file: String = String::new();
        /// Cluster whose servers all get the tables, such as `{cluster}`; empty for a single server. It is read when tables are made.
        cluster: String = String::new();
        /// Storage policy of tables that are made; empty for the server's.
        storage_policy: String = String::new();
        /// Whether missing tables and columns are made at the start. Without it, `laneway migrate` must have been run.
        apply_schema: bool = true;
        /// Time after which spans are sent, unless a segment is full before.
        flush_interval: Duration = Duration::from_secs(1), within Duration::from_millis(100)..=Duration::from_secs(300);
        /// Inserts under way at a time.
        inserts_in_flight: u64 = 3, within 1..=64;
        /// Bytes that spans may take here while ClickHouse is away. Beyond it exports are refused, and their senders asked to retry.
        spool_max_bytes: ByteSize = ByteSize::gibi(10), within ByteSize::mebi(64)..=ByteSize::gibi(1024 * 1024);
        /// Time that ClickHouse may take for a query.
        query_timeout: Duration = Duration::from_secs(30), within Duration::from_secs(1)..=Duration::from_secs(3600);
        /// Memory of ClickHouse that a query may take.
        query_memory_bytes: ByteSize = ByteSize::gibi(4), within ByteSize::mebi(64)..=ByteSize::gibi(1024);
    }
}

section! {
    /// What can be changed over the query API. Nothing is authenticated yet: whoever reaches `http` can do it.
    Admin in "admin" {
        /// Allows `DELETE /api/v1/traces/{traceId}` and `DELETE /api/v1/services/{service}`.
        deletion: bool = false;
        /// Allows snapshots, which `laneway snapshot` needs.
        snapshots: bool = true;
    }
}

section! {
    /// What `/metrics` says beside the collector's own state.
    Metrics in "metrics" {
        /// Whether it has the series that Grafana's service map and users of Tempo rely on: `traces_service_graph_*` and
        /// `traces_spanmetrics_*`. They are counted by the minute, half a minute after its end.
        span_metrics: bool = true;
        /// Series of each of both kinds, at most: those that are seen first. `laneway_span_metrics_left_out_total` counts what has no place.
        max_series: u64 = 2000, within 1..=100_000;
    }
}

section! {
    /// What the receivers take at most. Refusals are answered as OTLP asks, and counted.
    Limits in "limits" {
        /// Size of one OTLP/gRPC message, decompressed. Larger ones get RESOURCE_EXHAUSTED, which is not retried.
        grpc_message_bytes: ByteSize = ByteSize::mebi(4), within ByteSize::kibi(4)..=ByteSize::gibi(1);
        /// Size of one OTLP/HTTP body, decompressed. Larger ones get 413, which is not retried.
        http_body_bytes: ByteSize = ByteSize::mebi(20), within ByteSize::kibi(4)..=ByteSize::gibi(1);
        /// Memory for requests that are being received or are not yet durable. When it is used up, further requests are
        /// refused before they are read, and their senders asked to retry. It must hold three times the larger of
        /// the two limits above, which is what one compressed JSON request can need.
        ingest_memory_bytes: ByteSize = ByteSize::mebi(256), within ByteSize::kibi(64)..=ByteSize::gibi(1024);
        /// Open connections per address. Past it, new ones wait in the operating system's queue.
        connections: u64 = 1_024, within 1..=1_000_000;
        /// Time that an HTTP/1 client may take to send the head of its next request. Idle connections end with it.
        header_read_timeout: Duration = Duration::from_secs(60), within Duration::from_secs(1)..=Duration::from_secs(3600);
        /// Time that a client may take to send one request's body, once its head is there.
        body_read_timeout: Duration = Duration::from_secs(30), within Duration::from_millis(100)..=Duration::from_secs(3600);
        /// Time between two pings on a silent HTTP/2 connection. One that does not answer within 20 s is closed.
        http2_keepalive_interval: Duration = Duration::from_secs(60), within Duration::from_secs(1)..=Duration::from_secs(3600);
    }
}

section! {
    /// Browsers that send spans over OTLP/HTTP.
    Cors in "cors" {
        /// Origins whose pages may send spans, such as `https://shop.example.com`. `loopback` stands for every origin on
        /// `localhost`, `127.0.0.1` and `[::1]`, so that a page under development works at once and foreign pages
        /// cannot write into a developer's collector; `*` stands for every origin.
        allowed_origins: Vec<String> = vec!["loopback".to_owned()];
    }
}

section! {
    /// How the collector ends.
    Shutdown in "shutdown" {
        /// Time for requests in flight to finish and for the store to close after SIGTERM or Ctrl-C. Past it the process
        /// exits with an error; nothing acknowledged is lost, the next start replays the log.
        drain_deadline: Duration = Duration::from_secs(10), within Duration::from_millis(100)..=Duration::from_secs(3600);
    }
}

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// Top-level keys.
    pub general: General,
    /// `[wal]`
    pub wal: Wal,
    /// `[segment]`
    pub segment: Segment,
    /// `[ingest]`
    pub ingest: Ingest,
    /// `[query]`
    pub query: Query,
    /// `[topology]`
    pub topology: Topology,
    /// `[merge]`
    pub merge: Merge,
    /// `[retention]`
    pub retention: Retention,
    /// `[clickhouse]`
    pub clickhouse: ClickHouse,
    /// `[admin]`
    pub admin: Admin,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[limits]`
    pub limits: Limits,
    /// `[cors]`
    pub cors: Cors,
    /// `[shutdown]`
    pub shutdown: Shutdown,
}

impl Config {
    /// Every option that exists, in the order of the documentation.
    #[must_use]
    pub fn options() -> Vec<OptionSpec> {
        [
            General::options(),
            Wal::options(),
            Segment::options(),
            Ingest::options(),
            Query::options(),
            Topology::options(),
            Merge::options(),
            Retention::options(),
            ClickHouse::options(),
            Admin::options(),
            Metrics::options(),
            Limits::options(),
            Cors::options(),
            Shutdown::options(),
        ]
        .concat()
    }

    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// With every problem that there is, not only the first.
    pub fn load(layers: Layers) -> Result<Self, InvalidConfig> {
        let mut reader = load::Reader::new(layers, &Self::options());
        let config = Self {
            general: General::read(&mut reader),
            wal: Wal::read(&mut reader),
            segment: Segment::read(&mut reader),
            ingest: Ingest::read(&mut reader),
            query: Query::read(&mut reader),
            topology: Topology::read(&mut reader),
            merge: Merge::read(&mut reader),
            retention: Retention::read(&mut reader),
            clickhouse: ClickHouse::read(&mut reader),
            admin: Admin::read(&mut reader),
            metrics: Metrics::read(&mut reader),
            limits: Limits::read(&mut reader),
            cors: Cors::read(&mut reader),
            shutdown: Shutdown::read(&mut reader),
        };
        check::check(&config, &mut reader);
        reader.finish(config)
    }

    /// The configuration as a TOML file that [`load`](Self::load) reads back to the same value.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        self.general.write_toml(&mut out);
        self.wal.write_toml(&mut out);
        self.segment.write_toml(&mut out);
        self.ingest.write_toml(&mut out);
        self.query.write_toml(&mut out);
        self.topology.write_toml(&mut out);
        self.merge.write_toml(&mut out);
        self.retention.write_toml(&mut out);
        self.clickhouse.write_toml(&mut out);
        self.admin.write_toml(&mut out);
        self.metrics.write_toml(&mut out);
        self.limits.write_toml(&mut out);
        self.cors.write_toml(&mut out);
        self.shutdown.write_toml(&mut out);
        out
    }

    /// `docs/configuration.md`, generated from the declarations above.
    #[must_use]
    pub fn documentation() -> String {
        docs::render()
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests;
