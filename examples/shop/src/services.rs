//! The services, one module each: `run` serves one instance until its parent is gone.

use std::fmt;

use clap::ValueEnum;

pub(crate) mod broker;
pub(crate) mod cart;
pub(crate) mod catalog;
pub(crate) mod gateway;
pub(crate) mod order;
pub(crate) mod payment;
pub(crate) mod recommendation;
pub(crate) mod shipping;

/// What an instance is an instance of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Service {
    /// The only way in: HTTP for the users.
    Gateway,
    /// The products, in SQLite.
    Catalog,
    /// What each user means to buy.
    Cart,
    /// What goes well with a product.
    Recommendation,
    /// Turns a cart into a paid order, and announces it.
    Order,
    /// Charges cards, over gRPC.
    Payment,
    /// Consumes the announced orders and books a carrier.
    Shipping,
    /// The message queue; infrastructure, so it sends no spans.
    Broker,
    /// The users: they send requests to the gateway.
    Traffic,
}

impl Service {
    /// The name: `service.name` of its spans, and the argument of `demo-service --name`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Catalog => "catalog",
            Self::Cart => "cart",
            Self::Recommendation => "recommendation",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Shipping => "shipping",
            Self::Broker => "broker",
            Self::Traffic => "traffic",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
