//! The users: visits to the shop, in all lanes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use laneway::Lane;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::Instrument;

use crate::demo::plan;
use crate::failure::Failure;
use crate::host::Host;
use crate::model::{AddItem, PRODUCTS};
use crate::peers::Peers;
use crate::services::Service;

#[cfg(test)]
mod tests;

/// How many users there are.
const USERS: u32 = 200;
/// How many requests every visit makes.
const REQUESTS_PER_VISIT: f64 = 2.0;
/// How many visits may be under way; past it, new users turn away, and are counted.
const MAX_VISITS: usize = 64;

pub(crate) async fn run(host: Host, requests_per_second: f64) -> anyhow::Result<()> {
    let users = Users { peers: Arc::new(host.peers()?), dice: StdRng::seed_from_u64(host.seed) };
    let pause = Duration::try_from_secs_f64(REQUESTS_PER_VISIT / requests_per_second)?;
    let gone = host.parent.clone().gone();
    let ((), served) = tokio::join!(users.come(pause, gone), host.serve(Router::new()));
    served
}

#[derive(Debug)]
struct Users {
    peers: Arc<Peers>,
    dice: StdRng,
}

impl Users {
    /// Begins a visit after every pause, until closing time; then the last visits end.
    async fn come(mut self, pause: Duration, closing_time: impl Future<Output = ()>) {
        // An interval of no length is not allowed.
        let mut door = tokio::time::interval(pause.max(Duration::from_millis(1)));
        door.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut visits = JoinSet::new();
        let mut turned_away = 0;
        let mut closing_time = std::pin::pin!(closing_time);
        loop {
            tokio::select! {
                _ = door.tick() => {}
                Some(_) = visits.join_next() => continue,
                () = &mut closing_time => break,
            }
            let visit = Visit::draw(&mut self.dice);
            if visits.len() >= MAX_VISITS {
                turned_away += 1_u64;
                // Seldom enough for a terminal. The target is not the crate's: the shop's own log is off in a demo.
                if turned_away.is_power_of_two() {
                    tracing::warn!(target: "shop", turned_away, "the shop is too slow for its users");
                }
                continue;
            }
            let peers = Arc::clone(&self.peers);
            // Here requests get their lanes; in a real fleet a gateway or a rule does it. Every span and every call
            // inside carries it from here on.
            visits.spawn(laneway::with_lane(visit.lane.clone(), async move { visit.make(&peers).await }));
        }
        visits.join_all().await;
    }
}

/// What one user does.
#[derive(Debug, Clone, PartialEq)]
struct Visit {
    lane: Lane,
    user: u32,
    product: u32,
    wish: Wish,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Wish {
    Browse,
    FillCart,
    Buy,
}

impl Visit {
    fn draw(dice: &mut StdRng) -> Self {
        let user = dice.random_range(0..USERS);
        let lane = lane_of(user);
        let wish = match dice.random_range(0..10) {
            // A load test aims at the checkout.
            _ if lane.as_str() == plan::LOADTEST => Wish::Buy,
            0..5 => Wish::Browse,
            5..7 => Wish::FillCart,
            _ => Wish::Buy,
        };
        Self { lane, user, product: dice.random_range(1..=PRODUCTS), wish }
    }

    async fn make(self, peers: &Peers) {
        let name = match self.wish {
            Wish::Browse => "browse",
            Wish::FillCart => "fill cart",
            Wish::Buy => "buy",
        };
        let span = tracing::info_span!("visit", otel.name = name, shop.user.id = self.user);
        async {
            if let Err(failure) = self.send_requests(peers).await {
                // Users of this shop give up at the first error; the trace has it.
                tracing::info!("the user gave up: {failure}");
            }
        }
        .instrument(span)
        .await;
    }

    async fn send_requests(&self, peers: &Peers) -> Result<(), Failure> {
        let Self { user, product, .. } = *self;
        let gateway = Service::Gateway;
        let (product_path, cart_path) = (format!("/products/{product}"), format!("/carts/{user}"));
        match self.wish {
            Wish::Browse => {
                ignore(peers.get(gateway, "/products").await?);
                ignore(peers.get(gateway, &product_path).await?);
            }
            Wish::FillCart => {
                ignore(peers.get(gateway, &product_path).await?);
                ignore(peers.post(gateway, &format!("{cart_path}/items"), &AddItem { product }).await?);
            }
            Wish::Buy => {
                ignore(peers.post(gateway, &format!("{cart_path}/items"), &AddItem { product }).await?);
                ignore(peers.post(gateway, &format!("{cart_path}/checkout"), &()).await?);
            }
        }
        Ok(())
    }
}

/// The users do not read what they get.
fn ignore(_: serde::de::IgnoredAny) {}

/// The lane of a user, always the same: of 20 users, 16 are in the baseline, 3 in grey-v2, 1 in loadtest.
fn lane_of(user: u32) -> Lane {
    let name = match user % 20 {
        0..16 => Lane::BASE,
        16..19 => plan::GREY_V2,
        _ => plan::LOADTEST,
    };
    Lane::new(name).unwrap_or_default()
}
