//! What one instance gets from the process that started it: the address book, and the news that it is over.
//!
//! The conversation is three lines long. The instance writes its own address to standard output; the parent
//! writes the [`AddressBook`], one instance a line and an empty line, to the instance's standard input; then the
//! pipe stays open for as long as the parent lives. However the parent ends, the pipe closes, and the instance with it.

use std::io::{BufRead, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use laneway::Lane;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::discovery::{AddressBook, Instance};
use crate::faults::Faults;
use crate::peers::Peers;

#[cfg(test)]
mod tests;

/// How long requests may go on after the parent is gone.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// One instance, ready to serve.
#[derive(Debug)]
pub(crate) struct Host {
    /// The lane that this instance serves.
    pub(crate) lane: Lane,
    pub(crate) book: Arc<AddressBook>,
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
    pub(crate) listener: TcpListener,
    pub(crate) parent: Parent,
}

impl Host {
    /// Binds a port, tells the parent, and waits for the address book.
    pub(crate) async fn start(args: &crate::ServiceArgs) -> anyhow::Result<Self> {
        let lane: Lane = args.lane.parse()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port on loopback")?;
        let me = Instance { service: args.name, lane: lane.clone(), address: listener.local_addr()? };
        writeln!(std::io::stdout(), "{me}")?;

        let (book_sender, book) = oneshot::channel();
        let (alive, parent) = watch::channel(());
        // A thread, and not tokio's standard input: a read that never returns must not hold up the runtime.
        std::thread::spawn(move || listen_to_parent(std::io::stdin().lock(), book_sender, alive));
        let book = book.await.context("the parent went away before it sent the addresses")??;
        Ok(Self {
            lane,
            book: Arc::new(book),
            faults: if args.no_faults { Faults::none() } else { Faults::seeded(args.seed) },
            seed: args.seed,
            listener,
            parent: Parent(parent),
        })
    }

    /// A client of the other services.
    pub(crate) fn peers(&self) -> anyhow::Result<Peers> {
        Peers::new(Arc::clone(&self.book))
    }

    /// Serves HTTP until the parent is gone.
    pub(crate) async fn serve(self, app: Router) -> anyhow::Result<()> {
        // Added after the application's layers, so that a liveness probe makes no trace.
        let app = app.route("/healthz", get(|| async { "ok\n" }));
        axum::serve(self.listener, app).with_graceful_shutdown(self.parent.gone()).await?;
        Ok(())
    }
}

/// The process that started this one.
#[derive(Debug, Clone)]
pub(crate) struct Parent(watch::Receiver<()>);

impl Parent {
    /// Completes when the parent has closed the pipe, by will or by death.
    pub(crate) async fn gone(mut self) {
        // Nothing is ever sent: the channel ends when the reading thread does.
        while self.0.changed().await.is_ok() {}
    }

    /// Runs a service, and gives up on it when it still runs [`DRAIN_TIMEOUT`] after the parent is gone.
    pub(crate) async fn outlived_by(
        self,
        service: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        tokio::select! {
            ended = service => ended,
            () = async { self.gone().await; tokio::time::sleep(DRAIN_TIMEOUT).await } => Ok(()),
        }
    }
}

/// Reads the address book, then blocks until the pipe closes; `alive` is dropped on return.
fn listen_to_parent(
    mut pipe: impl BufRead,
    book: oneshot::Sender<anyhow::Result<AddressBook>>,
    alive: watch::Sender<()>,
) {
    // Both may fail only because this instance is already ending.
    let _ = book.send(read_book(&mut pipe));
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    drop(alive);
}

fn read_book(pipe: &mut impl BufRead) -> anyhow::Result<AddressBook> {
    let mut instances = Vec::new();
    for line in pipe.lines() {
        let line = line?;
        if line.is_empty() {
            return Ok(AddressBook::new(instances));
        }
        instances.push(line.parse()?);
    }
    anyhow::bail!("the parent went away before it sent the addresses")
}
