//! Options and environment, resolved.

use std::time::Duration;

use laneway_proto::Lane;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::client::client;
use super::env::{Env, key_values};
use super::resource::Resource;
use super::{Builder, InitError, Options};
use crate::exporter::{Destination, QueueLimits, WorkerSettings};
use crate::propagation::{Format, Identity, Propagation};
use crate::record::Limits;
use crate::sampler::Sampler;

/// An export request stays below this, well within the 4 MiB that a gRPC server takes by default.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
const DEFAULT_FILTER: &str = "info";

/// What is done, once everything is decided.
pub(super) struct Settings {
    pub(super) identity: Identity,
    pub(super) sampler: Sampler,
    pub(super) limits: Limits,
    pub(super) error_events_fail_spans: bool,
    pub(super) filter: Targets,
    pub(super) queue: QueueLimits,
    pub(super) worker: WorkerSettings,
    pub(super) shutdown_timeout: Duration,
}

impl Settings {
    /// `None` when the SDK is disabled.
    pub(super) fn resolve(
        options: Options,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, InitError> {
        let env = &mut Env::new(variables);
        let exporter = exporter(env);
        if env.boolean("OTEL_SDK_DISABLED") || exporter == Exporter::None {
            return Ok(None);
        }
        let resource = resource(&options, env)?;
        let queue = queue(&options, env);
        let schedule_delay = options.schedule_delay.or_else(|| env.milliseconds("OTEL_BSP_SCHEDULE_DELAY"));
        let export_timeout = options.export_timeout.or_else(|| env.milliseconds("OTEL_BSP_EXPORT_TIMEOUT"));
        let sampler = options.sampler.clone().or_else(|| sampler(env)).unwrap_or_default();
        let limits = limits(env);
        // For their warnings.
        formats(env);
        log_level(env);
        let filter = filter(options.filter.clone().or_else(|| env.text("LANEWAY_FILTER")))?;
        let destination = match (&options.receiver, exporter) {
            (Some(receiver), _) => Destination::Function(receiver.clone()),
            #[cfg(feature = "console")]
            (None, Exporter::Console) => Destination::Function(crate::exporter::console()),
            (None, _) => Destination::Collector(Box::new(client(&options, env)?)),
        };
        Ok(Some(Self {
            identity: resource.identity(),
            sampler,
            limits,
            error_events_fail_spans: options.error_events_fail_spans.unwrap_or(true),
            filter,
            queue,
            worker: WorkerSettings {
                destination,
                resource: resource.encode(),
                schedule_delay: schedule_delay.unwrap_or(Builder::DEFAULT_SCHEDULE_DELAY),
                export_timeout: export_timeout.unwrap_or(Builder::DEFAULT_EXPORT_TIMEOUT),
                warnings: std::mem::take(&mut env.warnings),
            },
            shutdown_timeout: options.shutdown_timeout.unwrap_or(Builder::DEFAULT_SHUTDOWN_TIMEOUT),
        }))
    }
}

/// What is read from and written into headers. What cannot be understood here is told of by [`Settings::resolve`].
pub(super) fn propagation(options: &Options, variables: &dyn Fn(&str) -> Option<String>) -> Propagation {
    let env = &mut Env::new(variables);
    let identity = resource(options, env).map(|resource| resource.identity()).unwrap_or_default();
    let formats = options.propagators.clone().or_else(|| formats(env));
    Propagation { formats: formats.unwrap_or_else(|| Format::DEFAULT.to_vec()), identity }
}

fn formats(env: &mut Env<'_>) -> Option<Vec<Format>> {
    let list = env.text("OTEL_PROPAGATORS")?;
    let mut formats = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none") {
        match Format::from_name(name) {
            Some(format) if formats.contains(&format) => {}
            Some(format) => formats.push(format),
            None => env.warn(format_args!("{name:?} in OTEL_PROPAGATORS is not known, and is ignored")),
        }
    }
    Some(formats)
}

/// Where spans go, unless a function takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exporter {
    Otlp,
    #[cfg(feature = "console")]
    Console,
    None,
}

fn exporter(env: &mut Env<'_>) -> Exporter {
    match env.text("OTEL_TRACES_EXPORTER").as_deref() {
        Some("none") => Exporter::None,
        #[cfg(feature = "console")]
        Some("console") => Exporter::Console,
        None | Some("otlp") => Exporter::Otlp,
        Some(other) => {
            env.warn(format_args!(
                "OTEL_TRACES_EXPORTER={other:?} is not known, and is ignored: spans go out as otlp"
            ));
            Exporter::Otlp
        }
    }
}

/// How much the SDK says about itself, where that is stated.
pub(super) fn log_level(env: &mut Env<'_>) -> Option<LevelFilter> {
    let name = env.text("OTEL_LOG_LEVEL")?.to_ascii_lowercase();
    let level = match name.as_str() {
        "none" | "off" => LevelFilter::OFF,
        "fatal" | "error" => LevelFilter::ERROR,
        "warn" | "warning" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" | "verbose" | "all" => LevelFilter::TRACE,
        _ => {
            env.warn(format_args!("OTEL_LOG_LEVEL={name:?} is not known, and is ignored"));
            return None;
        }
    };
    Some(level)
}

pub(super) fn resource(options: &Options, env: &mut Env<'_>) -> Result<Resource, InitError> {
    let mut resource = Resource::detected();
    if let Some(list) = env.text("OTEL_RESOURCE_ATTRIBUTES") {
        match key_values(&list) {
            Some(attributes) => attributes.into_iter().for_each(|(key, value)| resource.set(&key, value)),
            None => {
                env.warn(format_args!("OTEL_RESOURCE_ATTRIBUTES is not a list of key=value, and is ignored"))
            }
        }
    }
    if let Some(name) = env.text("OTEL_SERVICE_NAME") {
        resource.set("service.name", name);
    }
    if let Some(lane) = lane(options, env)? {
        resource.set_lane(&lane);
    }
    for (key, value) in &options.resource_attributes {
        resource.set(key, value.as_str());
    }
    if let Some(name) = &options.service_name {
        resource.set("service.name", name.as_str());
    }
    Ok(resource)
}

fn lane(options: &Options, env: &Env<'_>) -> Result<Option<Lane>, InitError> {
    let from_env = || match env.text("LANEWAY_LANE") {
        Some(name) => match Lane::new(&name) {
            Ok(lane) => Ok(Some(lane)),
            Err(source) => Err(InitError::Lane { name, source }),
        },
        None => Ok(None),
    };
    options.lane.clone().map_or_else(from_env, |lane| Ok(Some(lane)))
}

fn queue(options: &Options, env: &mut Env<'_>) -> QueueLimits {
    let max_spans = options.max_queue_spans.or_else(|| env.positive("OTEL_BSP_MAX_QUEUE_SIZE"));
    let max_spans = max_spans.unwrap_or(Builder::DEFAULT_MAX_QUEUE_SPANS);
    let chunk_spans = options.max_batch_spans.or_else(|| env.positive("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"));
    QueueLimits {
        max_spans,
        max_bytes: options.max_queue_bytes.unwrap_or(Builder::DEFAULT_MAX_QUEUE_BYTES),
        chunk_spans: chunk_spans.unwrap_or(Builder::DEFAULT_MAX_BATCH_SPANS).clamp(1, max_spans.max(1)),
        chunk_bytes: MAX_BATCH_BYTES,
    }
}

pub(super) fn sampler(env: &mut Env<'_>) -> Option<Sampler> {
    let name = env.text("OTEL_TRACES_SAMPLER")?;
    let (root, is_parent_based) = match name.strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (name.as_str(), false),
    };
    let sampler = match root {
        "always_on" => Sampler::always_on(),
        "always_off" => Sampler::always_off(),
        "traceidratio" => Sampler::trace_id_ratio(ratio(env)),
        _ => {
            env.warn(format_args!("OTEL_TRACES_SAMPLER={name:?} is not known, and is ignored"));
            return None;
        }
    };
    Some(if is_parent_based { sampler.parent_based() } else { sampler })
}

fn ratio(env: &mut Env<'_>) -> f64 {
    let ratio = env.number("OTEL_TRACES_SAMPLER_ARG").unwrap_or(1.0);
    if !(0.0..=1.0).contains(&ratio) {
        env.warn(format_args!("OTEL_TRACES_SAMPLER_ARG={ratio} is not between 0 and 1, and is ignored"));
        return 1.0;
    }
    ratio
}

pub(super) fn limits(env: &mut Env<'_>) -> Limits {
    let defaults = Limits::default();
    let attributes = env.number("OTEL_ATTRIBUTE_COUNT_LIMIT");
    let text_bytes = env
        .number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT")
        .or_else(|| env.number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"));
    Limits {
        attributes: env
            .number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT")
            .or(attributes)
            .unwrap_or(defaults.attributes),
        events: env.number("OTEL_SPAN_EVENT_COUNT_LIMIT").unwrap_or(defaults.events),
        links: env.number("OTEL_SPAN_LINK_COUNT_LIMIT").unwrap_or(defaults.links),
        event_attributes: env
            .number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT")
            .or(attributes)
            .unwrap_or(defaults.event_attributes),
        link_attributes: env
            .number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT")
            .or(attributes)
            .unwrap_or(defaults.link_attributes),
        text_bytes: text_bytes.unwrap_or(defaults.text_bytes),
    }
}

fn filter(directives: Option<String>) -> Result<Targets, InitError> {
    let filter = directives.unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    filter.parse().map_err(|reason| InitError::Filter { filter, reason: format!("{reason}") })
}
