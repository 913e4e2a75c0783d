//! Metrics of queries, which the query API counts.

use std::fmt;

use laneway_ui_api::{QueryOutcome, QueryStats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{encoded, write};

/// In Prometheus's text format, version 0.0.4.
pub(crate) fn render(stats: &QueryStats) -> String {
    let mut registry = Registry::with_prefix("laneway");
    registry.register_collector(Box::new(Queries(stats.clone())));
    encoded(&registry)
}

#[derive(Debug)]
struct Queries(QueryStats);

impl Collector for Queries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self(stats) = self;
        let help = "Queries, by what became of them";
        let mut queries = encoder.encode_descriptor("queries", help, None, MetricType::Counter)?;
        for outcome in QueryOutcome::ALL {
            let count = ConstCounter::new(stats.ended(outcome));
            count.encode(queries.encode_family(&[("outcome", outcome.as_str())])?)?;
        }
        for (name, help, value) in [
            ("queries_running", "Queries that are being answered", stats.running),
            ("queries_waiting", "Queries that wait until fewer are being answered", stats.waiting),
            ("queries_limit", "Queries that may be answered at the same time", stats.limit),
        ] {
            let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            write(&mut encoder, name, help, None, &value)?;
        }
        Ok(())
    }
}
