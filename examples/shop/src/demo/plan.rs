//! Which instances the shop has, in which lanes.

use crate::services::Service;

/// The baseline: every service is there.
const BASE: &str = laneway::Lane::BASE;
/// A grey release: the next version of two services.
pub(crate) const GREY_V2: &str = "grey-v2";
/// A load test: whatever would cost real money has an instance of its own.
pub(crate) const LOADTEST: &str = "loadtest";

/// Every lane that has users.
pub(crate) const LANES: [&str; 3] = [BASE, GREY_V2, LOADTEST];

/// Services before their callers: they end in the reverse order.
const PLAN: &[(Service, &[&str])] = &[
    (Service::Broker, &[BASE]),
    (Service::Catalog, &[BASE, GREY_V2]),
    (Service::Recommendation, &[BASE]),
    (Service::Cart, &[BASE, GREY_V2]),
    (Service::Payment, &[BASE, LOADTEST]),
    (Service::Shipping, &[BASE, LOADTEST]),
    (Service::Order, &[BASE]),
    (Service::Gateway, &[BASE]),
    (Service::Traffic, &[BASE]),
];

/// Every instance: its service and its lane, in the order of starting.
pub(crate) fn instances() -> impl Iterator<Item = (Service, &'static str)> {
    PLAN.iter().flat_map(|(service, lanes)| lanes.iter().map(|lane| (*service, *lane)))
}
