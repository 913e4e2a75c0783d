//! Tower layers for HTTP: a SERVER span for each request that comes in, a CLIENT span for each that goes out, and the
//! context in the headers.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app() -> axum::Router {
//! use axum::{Router, routing::get};
//! use laneway::http::ServerLayer;
//!
//! Router::new().route("/cart/{id}", get(|| async { "1 item" })).layer(ServerLayer::new())
//! # }
//! ```
//!
//! Attributes follow OpenTelemetry's stable HTTP conventions. The query string is left out on both sides: it is where
//! secrets and unbounded values are. A span ends when the response body ended or was dropped.

mod call;
mod client;
mod response;
mod server;
mod service;

pub use client::{ClientLayer, ClientService};
pub use response::{ResponseBody, ResponseFuture};
pub use server::{ServerLayer, ServerService};
pub use service::TracedService;

#[cfg(feature = "tonic")]
pub(crate) use call::Protocol;
#[cfg(feature = "tonic")]
pub(crate) use server::Caller;
#[cfg(feature = "tonic")]
pub(crate) use service::Open;
