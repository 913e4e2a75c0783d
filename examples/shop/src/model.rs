//! What the services tell each other, as JSON.

use serde::{Deserialize, Serialize};

/// How many products the catalog has; their ids begin at 1.
pub(crate) const PRODUCTS: u32 = 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) price_cents: u32,
    pub(crate) weight_grams: u32,
    pub(crate) stock: u32,
}

/// A wish to put one product into a cart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddItem {
    pub(crate) product: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CartView {
    pub(crate) user: u32,
    pub(crate) items: Vec<Item>,
    /// Products that go well with the last item.
    pub(crate) suggestions: Vec<Product>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) product: u32,
    pub(crate) price_cents: u32,
}

/// A wish to buy what is in a user's cart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PlaceOrder {
    pub(crate) user: u32,
}

/// A paid order; also the body of the message that announces it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) user: u32,
    pub(crate) payment_id: String,
    pub(crate) items: Vec<Item>,
}
