//! The made-up fleet whose traces are sent: which service calls which, and how a trace of it looks.

use laneway_proto::Lane;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Calls;

#[cfg(test)]
mod tests;

/// Operations of every service: the method, and what follows `/<service>/{id}` in the route.
pub(super) const OPERATIONS: [(&str, &str); 15] = [
    ("GET", ""),
    ("POST", ""),
    ("PUT", ""),
    ("DELETE", ""),
    ("GET", "/items"),
    ("POST", "/items"),
    ("GET", "/summary"),
    ("GET", "/history"),
    ("POST", "/confirm"),
    ("POST", "/cancel"),
    ("GET", "/status"),
    ("PUT", "/status"),
    ("GET", "/price"),
    ("POST", "/refresh"),
    ("GET", "/audit"),
];

const SERVICE_NAMES: [&str; 30] = [
    "gateway",
    "account",
    "address",
    "advert",
    "basket",
    "billing",
    "catalog",
    "checkout",
    "coupon",
    "currency",
    "delivery",
    "email",
    "fraud",
    "giftcard",
    "image",
    "inventory",
    "invoice",
    "loyalty",
    "order",
    "payment",
    "pricing",
    "profile",
    "promotion",
    "rating",
    "refund",
    "review",
    "search",
    "shipping",
    "stock",
    "tax",
];

/// Instances of the baseline, per service. A lane has one instance in every third service.
const BASE_INSTANCES: usize = 2;
/// Share of the traces that travel in a lane other than the baseline.
const IN_LANE: f64 = 0.3;
/// Share of the spans that report an error.
const ERRORS: f64 = 0.02;
/// Traces of a group begin within this much of its start.
const TRACE_STARTS_NS: u64 = 1_000_000_000;
/// The longest trace.
const MAX_TRACE_NS: u64 = 800_000_000;
/// From the start of a group to the end of its last span, at most.
pub(super) const GROUP_NS: u64 = TRACE_STARTS_NS + MAX_TRACE_NS;

/// The services and lanes that traces are made of.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    services: usize,
    lanes: Vec<Lane>,
    min_trace_spans: usize,
    max_trace_spans: usize,
    calls: Calls,
}

/// What a span does, which decides its kind and attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Answers an HTTP request.
    Serve { operation: usize },
    /// Calls an operation of another service.
    Call { peer: usize, operation: usize },
    /// Asks the service's database.
    Query,
    /// Sends a message to the service's topic.
    Publish,
    /// Handles a message of another service's topic.
    Consume { publisher: usize },
    /// Computes.
    Compute,
}

/// A span of a group. Other spans are named by their place in the group.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// The trace, counted within the group.
    pub(super) trace: u32,
    pub(super) parent: Option<u32>,
    pub(super) link: Option<u32>,
    pub(super) service: usize,
    /// The instance of the service; see [`Fleet::instance_lane`].
    pub(super) instance: usize,
    /// The lane of the request.
    pub(super) lane: Lane,
    /// From the start of the group.
    pub(super) start_ns: u64,
    pub(super) duration_ns: u64,
    pub(super) error: bool,
    pub(super) work: Work,
    /// Spans with the same number name the same thing (order, message) in their attributes.
    pub(super) subject: u32,
}

impl Fleet {
    pub(super) fn new(
        services: usize,
        lanes: &[Lane],
        min_trace_spans: usize,
        max_trace_spans: usize,
    ) -> Self {
        let lanes = std::iter::once(Lane::base())
            .chain(lanes.iter().filter(|lane| !lane.is_base()).cloned())
            .collect();
        Self { services, lanes, min_trace_spans, max_trace_spans, calls: Calls::default() }
    }

    pub(super) fn with_calls(self, calls: Calls) -> Self {
        Self { calls, ..self }
    }

    pub(super) fn service_name(&self, service: usize) -> String {
        let name = SERVICE_NAMES[service % SERVICE_NAMES.len()];
        match service / SERVICE_NAMES.len() {
            0 => name.to_owned(),
            copy => format!("{name}-{}", copy + 1),
        }
    }

    /// The lane that an instance serves.
    pub(super) fn instance_lane(&self, instance: usize) -> &Lane {
        &self.lanes[(instance + 1).saturating_sub(BASE_INSTANCES)]
    }

    /// Traces with this many spans in all, ordered by service and instance as a collector before ours would.
    ///
    /// The last trace may be shorter than the shortest otherwise.
    pub(super) fn group(&self, seed: u64, spans: usize) -> Vec<Span> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut group = Vec::with_capacity(spans);
        for trace in 0.. {
            let room = spans - group.len();
            if room == 0 {
                break;
            }
            let wanted = rng.random_range(self.min_trace_spans..=self.max_trace_spans).min(room);
            TraceBuilder::new(self, &mut rng, &mut group, trace).build(wanted);
        }
        by_instance(group)
    }

    /// The instance that serves a request of this lane: the lane's own, or one of the baseline.
    fn instance(&self, rng: &mut StdRng, service: usize, lane: usize) -> usize {
        let has_own = lane > 0 && (service + lane).is_multiple_of(3);
        if has_own { BASE_INSTANCES - 1 + lane } else { rng.random_range(0..BASE_INSTANCES) }
    }

    /// A service calls four others, always the same ones.
    fn callee(&self, rng: &mut StdRng, caller: usize) -> usize {
        (caller * 3 + 1 + rng.random_range(0..4)) % self.services
    }

    /// Which of its operations is called for a request that was received with this work.
    fn callee_operation(&self, rng: &mut StdRng, callee: usize, received: Work) -> usize {
        match (self.calls, received) {
            (Calls::Fixed, Work::Serve { operation }) => (operation * 7 + callee * 4) % OPERATIONS.len(),
            (Calls::Fixed, _) => callee % OPERATIONS.len(),
            (Calls::Random, _) => rng.random_range(0..OPERATIONS.len()),
        }
    }
}

/// Orders the spans by service and instance, and renames their parents and links accordingly.
fn by_instance(group: Vec<Span>) -> Vec<Span> {
    let mut order: Vec<usize> = (0..group.len()).collect();
    order.sort_by_key(|&span| (group[span].service, group[span].instance));
    let mut place = vec![0; group.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new as u32;
    }
    let moved = |span: Option<u32>| span.map(|old| place[old as usize]);
    order
        .iter()
        .map(|&old| Span {
            parent: moved(group[old].parent),
            link: moved(group[old].link),
            ..group[old].clone()
        })
        .collect()
}

/// Appends one trace to a group.
struct TraceBuilder<'a> {
    fleet: &'a Fleet,
    rng: &'a mut StdRng,
    group: &'a mut Vec<Span>,
    first: usize,
    trace: u32,
    lane: usize,
    /// Spans that may have children.
    hosts: Vec<usize>,
}

impl<'a> TraceBuilder<'a> {
    fn new(fleet: &'a Fleet, rng: &'a mut StdRng, group: &'a mut Vec<Span>, trace: u32) -> Self {
        let in_lane = fleet.lanes.len() > 1 && rng.random_bool(IN_LANE);
        let lane = if in_lane { rng.random_range(1..fleet.lanes.len()) } else { 0 };
        let first = group.len();
        Self { fleet, rng, group, first, trace, lane, hosts: Vec::new() }
    }

    fn build(mut self, spans: usize) {
        self.root();
        loop {
            match spans - (self.group.len() - self.first) {
                0 => break,
                1 => self.leaf(),
                _ => match self.rng.random_range(0..10) {
                    0..6 => self.call(),
                    6 => self.message(),
                    _ => self.leaf(),
                },
            }
        }
    }

    fn root(&mut self) {
        let service = self.rng.random_range(0..self.fleet.services.min(3));
        let start_ns = self.rng.random_range(0..TRACE_STARTS_NS);
        // Most traces are short, a few are long: the square of a uniform variable.
        let share = self.rng.random::<f64>().powi(2);
        let duration_ns = 1_000_000 + (share * (MAX_TRACE_NS - 1_000_000) as f64) as u64;
        let instance = self.fleet.instance(self.rng, service, self.lane);
        let operation = self.rng.random_range(0..OPERATIONS.len());
        self.push(None, service, instance, (start_ns, duration_ns), Work::Serve { operation });
        self.hosts.push(self.first);
    }

    /// A call of another service: the CLIENT span and its SERVER span.
    fn call(&mut self) {
        let host = self.host();
        let (service, instance) = (self.group[host].service, self.group[host].instance);
        let peer = self.fleet.callee(self.rng, service);
        let operation = self.fleet.callee_operation(self.rng, peer, self.group[host].work);
        let peer_instance = self.fleet.instance(self.rng, peer, self.lane);
        let (start_ns, duration_ns) = self.within(host);
        let network_ns = duration_ns / 20;
        let client =
            self.push(Some(host), service, instance, (start_ns, duration_ns), Work::Call { peer, operation });
        let served = (start_ns + network_ns, duration_ns - 2 * network_ns);
        let server = self.push(Some(client), peer, peer_instance, served, Work::Serve { operation });
        self.group[server].subject = self.group[client].subject;
        self.group[server].error = self.group[client].error;
        self.hosts.push(server);
    }

    /// A message: the PRODUCER span and its CONSUMER span, which also links to it.
    fn message(&mut self) {
        let host = self.host();
        let (service, instance) = (self.group[host].service, self.group[host].instance);
        let consumer = self.fleet.callee(self.rng, service);
        let consumer_instance = self.fleet.instance(self.rng, consumer, self.lane);
        let (start_ns, duration_ns) = self.within(host);
        let producer = self.push(Some(host), service, instance, (start_ns, duration_ns / 4), Work::Publish);
        let handled = (start_ns + duration_ns / 2, duration_ns / 2);
        let consume = Work::Consume { publisher: service };
        let consumer = self.push(Some(producer), consumer, consumer_instance, handled, consume);
        self.group[consumer].link = Some(producer as u32);
        self.group[consumer].subject = self.group[producer].subject;
        self.hosts.push(consumer);
    }

    fn leaf(&mut self) {
        let host = self.host();
        let (service, instance) = (self.group[host].service, self.group[host].instance);
        let work = if self.rng.random_bool(0.8) { Work::Query } else { Work::Compute };
        let time = self.within(host);
        self.push(Some(host), service, instance, time, work);
    }

    /// One of the latest hosts: traces grow deeper rather than wider.
    fn host(&mut self) -> usize {
        let among = self.hosts.len().min(4);
        self.hosts[self.hosts.len() - 1 - self.rng.random_range(0..among)]
    }

    fn within(&mut self, host: usize) -> (u64, u64) {
        let (start_ns, duration_ns) = (self.group[host].start_ns, self.group[host].duration_ns);
        let wait = self.rng.random_range(0.02..0.6);
        let share = self.rng.random_range(0.1..0.38);
        (start_ns + (duration_ns as f64 * wait) as u64, (duration_ns as f64 * share) as u64)
    }

    fn push(
        &mut self,
        parent: Option<usize>,
        service: usize,
        instance: usize,
        time_ns: (u64, u64),
        work: Work,
    ) -> usize {
        let span = self.group.len();
        self.group.push(Span {
            trace: self.trace,
            parent: parent.map(|span| span as u32),
            link: None,
            service,
            instance,
            lane: self.fleet.lanes[self.lane].clone(),
            start_ns: time_ns.0,
            duration_ns: time_ns.1,
            error: self.rng.random_bool(ERRORS),
            work,
            subject: span as u32,
        });
        span
    }
}
