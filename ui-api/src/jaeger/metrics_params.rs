//! Parameters of Jaeger's metrics.

use laneway_storage::model::SpanKind;
use laneway_storage::query::TimeRange;
use utoipa::IntoParams;

use super::answer::JaegerError;
use super::params::{bool_of, end_ns, millis_ns, unable_to_parse};
use crate::params::Given;

const MINUTE_NS: u64 = 60 * 1_000_000_000;
/// As Jaeger's.
const LOOKBACK_NS: u64 = 60 * MINUTE_NS;
const STEP_NS: u64 = 5 * 1_000_000_000;
const RATE_PER_NS: u64 = 10 * MINUTE_NS;

/// The most points of a metric; Jaeger's page asks for 60.
const MAX_POINTS: u64 = 2000;
/// The most buckets of time that are read.
const MAX_BUCKETS: u64 = 3000;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `MetricsQuery` reads")]
pub(crate) struct MetricsParams {
    /// Name of the service, repeatable.
    service: Vec<String>,
    /// Whether operations are kept apart.
    #[param(default = false)]
    group_by_operation: Option<bool>,
    /// The time of the last point, in milliseconds since the Unix epoch; by default now.
    end_ts: Option<u64>,
    /// How long before that the first point lies, in milliseconds.
    #[param(default = 3_600_000)]
    lookback: Option<u64>,
    /// The time between two points, in milliseconds.
    #[param(default = 5000)]
    step: Option<u64>,
    /// What a point is computed over: so many milliseconds before it.
    #[param(default = 600_000)]
    rate_per: Option<u64>,
    /// Only spans of this kind, repeatable: `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`.
    #[param(default = "server")]
    span_kind: Option<Vec<String>>,
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `quantile` reads")]
pub(crate) struct QuantileParams {
    /// Above 0, at most 1.
    #[param(example = 0.95)]
    quantile: f64,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct MetricsQuery {
    pub(super) services: Vec<String>,
    pub(super) group_by_operation: bool,
    pub(super) kinds: Vec<SpanKind>,
    end_ns: u64,
    lookback_ns: u64,
    step_ns: u64,
    pub(super) rate_per_ns: u64,
}

impl MetricsQuery {
    pub(super) fn of(given: &Given) -> Result<Self, JaegerError> {
        let services: Vec<String> = given.all("service").map(str::to_owned).collect();
        if services.is_empty() {
            return Err(unable_to_parse("service", "please provide at least one service name"));
        }
        let group_by_operation = bool_of(given, "groupByOperation")?;
        let mut kinds = Vec::new();
        for name in given.all("spanKind") {
            let kind = SpanKind::from_name(name);
            kinds.push(
                kind.ok_or_else(|| unable_to_parse("spanKind", format!("unsupported span kind: '{name}'")))?,
            );
        }
        if kinds.is_empty() {
            kinds.push(SpanKind::Server);
        }
        let or = |name, usual| millis_ns(given, name).map(|value| value.unwrap_or(usual));
        let query = Self {
            services,
            group_by_operation,
            kinds,
            end_ns: end_ns(given)?,
            lookback_ns: or("lookback", LOOKBACK_NS)?,
            step_ns: or("step", STEP_NS)?.max(1_000_000),
            rate_per_ns: or("ratePer", RATE_PER_NS)?.max(1_000_000_000),
        };
        match query.lookback_ns / query.step_ns {
            points if points > MAX_POINTS => Err(JaegerError::bad_request(format!(
                "'lookback' holds {points} times 'step': at most {MAX_POINTS}"
            ))),
            _ => Ok(query),
        }
    }

    /// When the points lie.
    pub(super) fn times_ns(&self) -> impl Iterator<Item = u64> + use<> {
        let (end_ns, step_ns) = (self.end_ns, self.step_ns);
        let first_ns = end_ns.saturating_sub(self.lookback_ns);
        (0..=(end_ns - first_ns) / step_ns).map(move |place| first_ns + place * step_ns)
    }

    /// What the points are computed over.
    pub(super) fn range(&self) -> TimeRange {
        let length_ns = self.lookback_ns.saturating_add(self.rate_per_ns);
        TimeRange { start_unix_ns: self.end_ns.saturating_sub(length_ns), end_unix_ns: self.end_ns }
    }

    /// The finest buckets of time of which not too many lie within.
    pub(super) fn bucket_s(&self) -> u32 {
        let range = self.range();
        let length_s = (range.end_unix_ns - range.start_unix_ns) / 1_000_000_000;
        let resolutions = laneway_storage::topology::Resolution::ALL.map(|resolution| resolution.seconds());
        let fits = resolutions.into_iter().find(|width_s| length_s / u64::from(*width_s) <= MAX_BUCKETS);
        fits.unwrap_or(3600)
    }
}

pub(super) fn quantile(given: &Given) -> Result<f64, JaegerError> {
    let text = given.first("quantile").unwrap_or_default();
    let value: f64 = text.parse().map_err(|_| {
        unable_to_parse("quantile", format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
    })?;
    let is_quantile = value > 0.0 && value <= 1.0;
    is_quantile.then_some(value).ok_or_else(|| {
        unable_to_parse("quantile", format!("please provide a quantile between (0, 1], not {text}"))
    })
}
