//! Servers as they are, where they are installed. `cargo xtask ci` installs them, and says so in `LANEWAY_TEST_SERVERS`: then one
//! that is missing fails the test.

mod postgres;
mod rabbitmq;

use std::ffi::OsStr;
use std::fmt::Display;
use std::process::Stdio;

use async_nats::HeaderMap;
use futures_util::StreamExt;
use laneway::redis::Traced;
use laneway::{Lane, messaging, span, with_lane};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tracing::Instrument;

use crate::collector::Bed;
use crate::tree::text;

/// A server on a port of this machine, which ends with the test.
struct Server {
    port: u16,
    process: Child,
}

impl Server {
    /// `None` where it is not installed.
    async fn start(program: &str, arguments: &[&str]) -> Option<Self> {
        let port = free_port().await;
        let mut command = Command::new(program);
        command.args(arguments).arg("--port").arg(port.to_string());
        Self::spawn(command, port).await
    }

    /// The same, of a command that was told its port.
    async fn spawn(mut command: Command, port: u16) -> Option<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) => return is_missing(command.as_std().get_program(), error),
        };
        let (out, err) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        tokio::select! {
            () = is_ready(out) => {}
            () = is_ready(err) => {}
            status = process.wait() => panic!("{command:?} ended: {status:?}"),
        }
        Some(Self { port, process })
    }

    /// Lets it end by itself, for one that would leave something behind.
    async fn stop(mut self) {
        let id = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").arg(id).status().await.unwrap().success());
        self.process.wait().await.unwrap();
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Passes the test over, unless servers were promised.
fn is_missing<T>(program: &OsStr, reason: impl Display) -> Option<T> {
    assert!(std::env::var_os("LANEWAY_TEST_SERVERS").is_none(), "{program:?} cannot be started: {reason}");
    tracing::info!("{program:?} is not installed: {reason}");
    None
}

/// Waits for the line that says so; reads on, so that the server can write on.
async fn is_ready(output: impl AsyncRead + Send + Unpin + 'static) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let said = ["eady to accept connections", "Server is ready", "Server startup complete"];
        if said.iter().any(|said| line.contains(said)) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return;
        }
    }
    // The other output, or the end of the process.
    std::future::pending().await
}

#[tokio::test]
async fn commands_to_redis_are_client_spans() {
    let Some(server) = Server::start("redis-server", &["--bind", "127.0.0.1", "--save", ""]).await else {
        return;
    };
    let client = redis::Client::open(format!("redis://127.0.0.1:{}/3", server.port)).unwrap();
    let mut connection = Traced::new(client.get_multiplexed_async_connection().await.unwrap());

    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let work = async {
        let () = redis::cmd("SET").arg("cups").arg("one").query_async(&mut connection).await.unwrap();
        let wrong: redis::RedisResult<()> =
            redis::cmd("LPUSH").arg("cups").arg(1).query_async(&mut connection).await;
        wrong.unwrap_err();
        let mut pipeline = redis::pipe();
        pipeline.cmd("GET").arg("cups").cmd("DEL").arg("cups");
        let (cups, deleted): (String, u32) = pipeline.query_async(&mut connection).await.unwrap();
        assert_eq!((cups.as_str(), deleted), ("one", 1));
    };
    span!("request").instrument(work).await;
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal request
           client SET
           client LPUSH !
           client PIPELINE",
    );
    assert_eq!(text(&spans.named("LPUSH").attributes, "db.response.status_code"), Some("WRONGTYPE"));
    assert_eq!(text(&spans.named("SET").attributes, "db.namespace"), Some("3"));
}

#[tokio::test]
async fn a_message_over_nats_carries_trace_and_lane() {
    let Some(server) = Server::start("nats-server", &["--addr", "127.0.0.1"]).await else { return };
    let client = async_nats::connect(format!("nats://127.0.0.1:{}", server.port)).await.unwrap();
    let mut orders = client.subscribe("orders").await.unwrap();

    let bed = Bed::start().await;
    let send = async {
        let span = messaging::producer_span("nats", "orders");
        let mut headers = HeaderMap::new();
        messaging::inject(&span, &mut headers);
        client.publish_with_headers("orders", headers, "1 cup".into()).instrument(span).await.unwrap();
        client.flush().await.unwrap();
    };
    with_lane(Lane::new("grey").unwrap(), send).await;
    let message = orders.next().await.unwrap();
    messaging::consume("nats", "orders", &message.headers.unwrap(), async {
        assert_eq!(laneway::current_lane().as_str(), "grey");
    })
    .await;
    bed.finish().await.assert_tree(
        "
         producer send orders [grey]
           consumer process orders [grey]",
    );
}
