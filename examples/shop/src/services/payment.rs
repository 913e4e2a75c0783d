//! Charges cards, over gRPC.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use laneway::Lane;
use laneway::tonic::{ClientLayer, ClientService, ServerLayer};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tower::Layer;

use self::generated::payment_client::PaymentClient;
use self::generated::payment_server::{Payment, PaymentServer};
use self::generated::{ChargeRequest, ChargeResponse};
use crate::discovery::{AddressBook, Instance};
use crate::faults::Faults;
use crate::host::Host;
use crate::services::Service;

// From `proto/payment.proto`; a test keeps it fresh.
#[allow(unreachable_pub, missing_docs, clippy::all)]
mod generated {
    include!("payment/generated/shop.payment.v1.rs");
}

/// How long a charge may take.
const CHARGE_TIMEOUT: Duration = Duration::from_secs(2);

// === the server ===

#[derive(Debug)]
struct Till {
    faults: Faults,
}

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    Server::builder()
        .layer(ServerLayer::new())
        .add_service(PaymentServer::new(Till { faults: host.faults }))
        .serve_with_incoming_shutdown(TcpListenerStream::new(host.listener), host.parent.gone())
        .await?;
    Ok(())
}

#[tonic::async_trait]
impl Payment for Till {
    async fn charge(&self, request: Request<ChargeRequest>) -> Result<Response<ChargeResponse>, Status> {
        let charge = request.into_inner();
        if charge.amount_cents == 0 {
            return Err(Status::invalid_argument("amount_cents must not be 0"));
        }
        // The bank.
        tokio::time::sleep(Duration::from_millis(10)).await;
        if self.faults.strike(2) {
            return Err(Status::failed_precondition("the card was declined"));
        }
        if self.faults.strike(1) {
            return Err(Status::unavailable("the card network did not answer"));
        }
        Ok(Response::new(ChargeResponse { payment_id: format!("pay-{:08x}", rand::random::<u32>()) }))
    }
}

// === the client ===

/// A client of the payment service, routed by lane.
#[derive(Debug, Clone)]
pub(crate) struct Payments {
    book: Arc<AddressBook>,
    clients: HashMap<Lane, PaymentClient<ClientService<Channel>>>,
}

impl Payments {
    /// A client of every instance; each connects when it is first used.
    pub(crate) fn new(book: Arc<AddressBook>) -> anyhow::Result<Self> {
        let mut clients = HashMap::new();
        for Instance { lane, address, .. } in book.instances(Service::Payment) {
            let channel = Endpoint::from_shared(format!("http://{address}"))?.timeout(CHARGE_TIMEOUT);
            // The layer makes the CLIENT span and writes `traceparent` and `baggage` into the metadata.
            let layer = ClientLayer::new().server_address(address.ip().to_string(), address.port());
            clients.insert(lane.clone(), PaymentClient::new(layer.layer(channel.connect_lazy())));
        }
        Ok(Self { book, clients })
    }

    /// Charges a user's card; returns the id of the payment.
    pub(crate) async fn charge(&self, user: u32, amount_cents: u64) -> Result<String, Status> {
        let mut client = self.client(&laneway::current_lane())?;
        let response = client.charge(ChargeRequest { user: user.to_string(), amount_cents }).await?;
        Ok(response.into_inner().payment_id)
    }

    fn client(&self, lane: &Lane) -> Result<PaymentClient<ClientService<Channel>>, Status> {
        let routed = self.book.route(Service::Payment, lane);
        let instance = routed.map_err(|error| Status::unavailable(error.to_string()))?;
        let client = self.clients.get(&instance.lane).cloned();
        client.ok_or_else(|| Status::unavailable("no client of this instance"))
    }
}
