//! HTTP calls to the other services: traced, in the lane of the request, and routed by it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use reqwest::Response;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::discovery::{AddressBook, NoInstance};
use crate::failure::Failure;
use crate::services::Service;

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// A client of the other services.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    book: Arc<AddressBook>,
    http: ClientWithMiddleware,
}

impl Peers {
    pub(crate) fn new(book: Arc<AddressBook>) -> anyhow::Result<Self> {
        // The middleware makes the CLIENT span and writes `traceparent` and `baggage` into every request.
        let http = ClientBuilder::new(plain_client()?).with(laneway::reqwest::Middleware::new()).build();
        Ok(Self { book, http })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, service: Service, path: &str) -> Result<T, Failure> {
        let request = self.http.get(self.url(service, path)?);
        Ok(send(service, request).await?.json().await?)
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        service: Service,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.http.post(self.url(service, path)?).json(body);
        Ok(send(service, request).await?.json().await?)
    }

    pub(crate) async fn delete(&self, service: Service, path: &str) -> Result<(), Failure> {
        let request = self.http.delete(self.url(service, path)?);
        send(service, request).await.map(drop)
    }

    /// Where this service answers requests of the current lane.
    pub(crate) fn url(&self, service: Service, path: &str) -> Result<String, NoInstance> {
        let instance = self.book.route(service, &laneway::current_lane())?;
        Ok(format!("http://{}{path}", instance.address))
    }
}

async fn send(service: Service, request: RequestBuilder) -> Result<Response, Failure> {
    let response = request.send().await?;
    let status = match response.status() {
        status if status.is_success() => return Ok(response),
        // What is broken is behind us; every other refusal passes through to the caller.
        StatusCode::INTERNAL_SERVER_ERROR => StatusCode::BAD_GATEWAY,
        status => status,
    };
    Err(Failure::new(status, format!("{service}: {}", response.text().await?)))
}

/// An HTTP client that knows nothing of traces.
pub(crate) fn plain_client() -> anyhow::Result<reqwest::Client> {
    // Everything is on loopback: a proxy named in the environment must not see it.
    Ok(reqwest::Client::builder().no_proxy().timeout(CALL_TIMEOUT).build()?)
}
