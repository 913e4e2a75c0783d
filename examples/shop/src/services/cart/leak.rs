//! The second bug of the next release, and a DELIBERATE one: a client that loses the lane.
//!
//! Somebody wrote this HTTP call by hand and forwards `traceparent`, which everybody remembers, but neither `baggage`,
//! which carries the lane, nor `tracestate`, which says who calls. The trace stays in one piece, so nothing seems wrong; but behind this hop the request
//! belongs to the baseline, and `recommendation` asks the baseline's catalog instead of grey-v2's. Laneway names
//! the hop: verdict `lost`.
//!
//! Do not copy this file. [`Peers`](crate::peers::Peers) shows the call as it should be.

use std::sync::Arc;

use axum::http::HeaderMap;
use laneway::propagation::{self, TRACEPARENT};
use laneway::{Context, Lane};
use tracing::Instrument;

use crate::discovery::AddressBook;
use crate::failure::Failure;
use crate::model::Product;
use crate::peers::plain_client;
use crate::services::Service;

#[derive(Debug)]
pub(super) struct HandMadeClient {
    book: Arc<AddressBook>,
    http: reqwest::Client,
}

impl HandMadeClient {
    pub(super) fn new(book: &Arc<AddressBook>) -> anyhow::Result<Self> {
        Ok(Self { book: Arc::clone(book), http: plain_client()? })
    }

    pub(super) async fn recommendations(&self, product: u32) -> Result<Vec<Product>, Failure> {
        let address = self.book.route(Service::Recommendation, &Lane::base())?.address;
        let span = tracing::info_span!(
            "GET",
            otel.kind = "client",
            http.request.method = "GET",
            server.address = %address.ip(),
            server.port = address.port(),
        );
        async {
            let mut headers = HeaderMap::new();
            propagation::inject(&Context::current(), &mut headers);
            let mut request = self.http.get(format!("http://{address}/recommendations/{product}"));
            // The bug: one header of three.
            if let Some(traceparent) = headers.get(TRACEPARENT) {
                request = request.header(TRACEPARENT, traceparent);
            }
            Ok(request.send().await?.error_for_status()?.json().await?)
        }
        .instrument(span)
        .await
    }
}
