//! A small shop that runs a lane.

use laneway_storage::model::SpanKind;
use laneway_storage::testing::{SpanBuilder, span};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MS;

/// One request for a cart: `web` asks `cart`, which asks a database; `web` asks `pay`; `web` sends a message that `mail` takes.
///
/// Only `cart` has an instance of `grey-v2`. The message to `mail` carries no lane.
pub(crate) fn request(trace: u128, lane: Option<&str>) -> Vec<SpanBuilder> {
    let id = |number: u64| trace as u64 * 100 + number;
    let start = trace as u64 * 20 * SECOND;
    let of = |name: &str, service: &str, kind, number, after_ms, duration_ms| {
        let span = span(name).trace(trace).id(id(number)).service(service).instance(&format!("{service}-1"));
        let span = span.kind(kind).after(start + after_ms * MS).duration(duration_ms * MS);
        match lane {
            Some(lane) if service != "mail" => span.lane(lane),
            _ => span,
        }
    };
    let entry = of("GET /cart", "web", SpanKind::Server, 1, 0, 50);
    let ask_cart = of("call cart", "web", SpanKind::Client, 2, 1, 20).child_of(&entry);
    let cart = of("GET /items", "cart", SpanKind::Server, 3, 3, 15).child_of(&ask_cart);
    let cart = cart.attribute("http.request.method", "GET");
    let cart = match lane {
        Some(lane) => cart.instance("cart-grey").resource_attribute("service.lane", lane),
        None => cart,
    };
    let query = of("SELECT items", "cart", SpanKind::Client, 4, 4, 5).child_of(&cart);
    let query = query.attribute("db.system.name", "postgresql").attribute("db.namespace", "items");
    let query = match lane {
        Some(lane) => query.instance("cart-grey").resource_attribute("service.lane", lane),
        None => query,
    };
    let ask_pay = of("call pay", "web", SpanKind::Client, 5, 22, 10).child_of(&entry);
    let pay = of("POST /pay", "pay", SpanKind::Server, 6, 23, 8).child_of(&ask_pay).error("card declined");
    let send = of("send mail", "web", SpanKind::Producer, 7, 40, 1).child_of(&entry);
    let send = send.attribute("messaging.system", "kafka").attribute("messaging.destination.name", "mail");
    let take = of("mail", "mail", SpanKind::Consumer, 8, 90, 30).child_of(&send).lane("base");
    vec![entry, ask_cart, cart, query, ask_pay, pay, send, take]
}

/// Three requests of the baseline, then two of `grey-v2`, 20 s apart.
pub(crate) fn fleet() -> Vec<SpanBuilder> {
    [(1, None), (2, None), (3, None), (4, Some("grey-v2")), (5, Some("grey-v2"))]
        .into_iter()
        .flat_map(|(trace, lane)| request(trace, lane))
        .collect()
}
