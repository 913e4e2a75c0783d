//! The message queue between the order and the shipping service: one topic, kept as a log.
//!
//! Like Kafka's, a consumer reads from an offset that it keeps itself, and sees every message. Like most brokers, it
//! reports no spans: the trace goes through it in the headers of the messages.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::discovery::AddressBook;
use crate::host::Host;
use crate::model::Order;
use crate::peers::plain_client;
use crate::services::Service;

#[cfg(test)]
mod tests;

/// `messaging.system` of the spans around it.
pub(crate) const SYSTEM: &str = "shop-broker";
/// The name of the only topic.
pub(crate) const TOPIC: &str = "orders";
/// How many messages are kept; past it the oldest goes, and a consumer that has not read it is told.
const MAX_MESSAGES: usize = 10_000;
/// The largest message.
const MAX_MESSAGE_BYTES: usize = 16 << 10;
/// How many messages one poll returns at most.
const MAX_BATCH: usize = 100;
/// How long a poll waits for a message.
const POLL_WAIT: Duration = Duration::from_millis(500);

/// An announced order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    /// `traceparent`, `baggage` and whatever else travels with it.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Order,
}

// === the server ===

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let app = Router::new()
        .route("/orders", post(publish).get(poll))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES))
        .with_state(Arc::new(Log::new(MAX_MESSAGES)));
    host.serve(app).await
}

async fn publish(State(log): State<Arc<Log>>, Json(message): Json<Message>) -> StatusCode {
    log.append(message);
    StatusCode::ACCEPTED
}

async fn poll(State(log): State<Arc<Log>>, Query(Poll { from }): Query<Poll>) -> Json<Batch> {
    // A timeout is an empty batch: the consumer asks again.
    let _ = tokio::time::timeout(POLL_WAIT, log.wait_for(from)).await;
    Json(log.read(from))
}

#[derive(Debug, Serialize, Deserialize)]
struct Poll {
    from: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Batch {
    messages: Vec<Message>,
    /// The offset to ask for next.
    next: u64,
    /// How many messages were dropped before this consumer read them.
    lost: u64,
}

#[derive(Debug)]
struct Log {
    max_messages: usize,
    kept: Mutex<Kept>,
    /// The offset that the next message gets.
    end: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The offset of the oldest message.
    first: u64,
    messages: VecDeque<Message>,
}

impl Log {
    fn new(max_messages: usize) -> Self {
        Self { max_messages, kept: Mutex::default(), end: watch::Sender::new(0) }
    }

    fn append(&self, message: Message) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.messages.len() == self.max_messages {
            kept.messages.pop_front();
            kept.first += 1;
        }
        kept.messages.push_back(message);
        self.end.send_modify(|end| *end += 1);
    }

    /// Waits until there is a message at this offset.
    async fn wait_for(&self, offset: u64) {
        // It cannot fail: the sender lives as long as `self`.
        let _ = self.end.subscribe().wait_for(|end| *end > offset).await;
    }

    fn read(&self, from: u64) -> Batch {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = kept.first.saturating_sub(from);
        let skip = usize::try_from(from.saturating_sub(kept.first)).unwrap_or(usize::MAX);
        let messages: Vec<_> = kept.messages.iter().skip(skip).take(MAX_BATCH).cloned().collect();
        Batch { next: from + lost + messages.len() as u64, messages, lost }
    }
}

// === the client ===

/// A client of the broker. It makes no spans of its own: those belong to who sends or processes a message.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    http: reqwest::Client,
    url: String,
}

impl Queue {
    pub(crate) fn new(book: &AddressBook) -> anyhow::Result<Self> {
        let broker = book.instances(Service::Broker).next().context("the shop has no broker")?;
        Ok(Self { http: plain_client()?, url: format!("http://{}/orders", broker.address) })
    }

    pub(crate) async fn publish(&self, message: &Message) -> reqwest::Result<()> {
        self.http.post(&self.url).json(message).send().await?.error_for_status().map(drop)
    }

    /// Reads the topic from its beginning.
    pub(crate) fn subscribe(self) -> Subscription {
        Subscription { queue: self, next: 0 }
    }
}

/// A consumer's place in the topic.
#[derive(Debug)]
pub(crate) struct Subscription {
    queue: Queue,
    next: u64,
}

impl Subscription {
    /// The next messages; none when nothing came for a while.
    pub(crate) async fn poll(&mut self) -> reqwest::Result<Vec<Message>> {
        let url = format!("{}?from={}", self.queue.url, self.next);
        let batch: Batch = self.queue.http.get(url).send().await?.error_for_status()?.json().await?;
        if batch.lost > 0 {
            tracing::warn!(batch.lost, "the broker dropped messages before they were read");
        }
        self.next = batch.next;
        Ok(batch.messages)
    }
}
