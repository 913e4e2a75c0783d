//! A message of `lapin` over RabbitMQ.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use laneway::{Lane, messaging, with_lane};
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tempfile::TempDir;
use tokio::process::Command;
use tracing::Instrument;

use super::{Server, free_port, is_missing};
use crate::collector::Bed;

/// What Debian has on the path is around it, and for its user alone.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

struct RabbitMq {
    server: Server,
    /// Erlang's nodes find each other by a daemon, which outlives them: this one is for the test alone.
    epmd_port: u16,
    _directory: TempDir,
}

impl RabbitMq {
    /// `None` where it is not installed.
    async fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            return is_missing(OsStr::new(PROGRAM), "no such file");
        }
        let directory = TempDir::new().unwrap();
        let path = |name: &str| -> PathBuf { directory.path().join(name) };
        let (port, epmd_port) = (free_port().await, free_port().await);
        let mut rabbitmq = Command::new(PROGRAM);
        rabbitmq
            .current_dir(&directory)
            .env("HOME", directory.path())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            // Else a shell is in between, which would not pass on that it is killed.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", path("rabbitmq"))
            .env("RABBITMQ_DIST_PORT", free_port().await.to_string())
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
            .env("RABBITMQ_NODENAME", "laneway@localhost")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
        let server = Server::spawn(rabbitmq, port).await?;
        Some(Self { server, epmd_port, _directory: directory })
    }

    async fn stop(self) {
        self.server.stop().await;
        let mut epmd = Command::new("epmd");
        epmd.arg("-kill").env("ERL_EPMD_PORT", self.epmd_port.to_string());
        assert!(epmd.output().await.unwrap().status.success());
    }
}

#[tokio::test]
async fn a_message_over_rabbitmq_carries_trace_and_lane() {
    let Some(rabbitmq) = RabbitMq::start().await else { return };
    let url = format!("amqp://127.0.0.1:{}/%2f", rabbitmq.server.port);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let declared = QueueDeclareOptions { exclusive: true, ..Default::default() };
    channel.queue_declare("orders".into(), declared, FieldTable::default()).await.unwrap();

    let bed = Bed::start().await;
    let send = async {
        let span = messaging::producer_span("rabbitmq", "orders");
        let mut headers = FieldTable::default();
        messaging::inject(&span, &mut headers);
        let properties = BasicProperties::default().with_headers(headers);
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish("".into(), "orders".into(), options, b"1 cup", properties);
        sent.instrument(span).await.unwrap().await.unwrap();
    };
    with_lane(Lane::new("grey").unwrap(), send).await;
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer = channel.basic_consume("orders".into(), "".into(), options, FieldTable::default()).await;
    let delivery = consumer.unwrap().next().await.unwrap().unwrap();
    messaging::consume("rabbitmq", "orders", delivery.properties.headers().as_ref().unwrap(), async {
        assert_eq!(laneway::current_lane().as_str(), "grey");
    })
    .await;
    bed.finish().await.assert_tree(
        "
         producer send orders [grey]
           consumer process orders [grey]",
    );
    connection.close(200, "done".into()).await.unwrap();
    rabbitmq.stop().await;
}
