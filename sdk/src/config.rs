//! What the SDK can be told, in code and by environment variables.

mod client;
mod env;
mod error;
mod resource;
mod settings;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use laneway_proto::Lane;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::exporter::{Queue, Receiver, Worker};
use crate::guard::Guard;
use crate::layer::Layer;
use crate::log::WithContext;
use crate::propagation::{Format, Propagation};
use crate::record::Core;
use crate::sampler::Sampler;
use env::Env;
use settings::Settings;

pub use error::InitError;

/// Sets the SDK up; made by [`builder`].
///
/// Whatever is not set here is taken from its environment variable, and where that is not set either, from the
/// default. A number or sampler in the environment that cannot be read is ignored with a warning, as OpenTelemetry wants it;
/// what would send spans to the wrong place or lane is an error.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is set up before `build` or `install`"]
pub struct Builder {
    options: Options,
}

/// What was set in code.
#[derive(Debug, Clone, Default)]
struct Options {
    service_name: Option<String>,
    lane: Option<Lane>,
    resource_attributes: Vec<(String, String)>,
    endpoint: Option<String>,
    receiver: Option<Receiver>,
    propagators: Option<Vec<Format>>,
    headers: Vec<(String, String)>,
    compress: Option<bool>,
    certificate: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    sampler: Option<Sampler>,
    filter: Option<String>,
    export_attempt_timeout: Option<Duration>,
    export_timeout: Option<Duration>,
    shutdown_timeout: Option<Duration>,
    schedule_delay: Option<Duration>,
    max_queue_spans: Option<usize>,
    max_queue_bytes: Option<usize>,
    max_batch_spans: Option<usize>,
    error_events_fail_spans: Option<bool>,
}

/// Sets the SDK up in code, where [`init`] is not enough.
///
/// ```no_run
/// # fn main() -> Result<(), laneway::InitError> {
/// use laneway::Sampler;
///
/// let _guard = laneway::builder()
///     .service_name("cart")
///     .sampler(Sampler::trace_id_ratio(0.1).parent_based())
///     .install()?;
/// # Ok(())
/// # }
/// ```
pub fn builder() -> Builder {
    Builder::default()
}

/// Sets the SDK up as the environment says: the same as `builder().install()`.
///
/// # Errors
/// See [`InitError`].
pub fn init() -> Result<Guard, InitError> {
    builder().install()
}

impl Builder {
    /// Default of [`schedule_delay`](Self::schedule_delay): a second. OpenTelemetry's is five; spans that are seen at once
    /// are worth the smaller batches.
    pub const DEFAULT_SCHEDULE_DELAY: Duration = Duration::from_secs(1);
    /// Default of [`max_queue_spans`](Self::max_queue_spans). OpenTelemetry's is 2,048, which a busy service fills in
    /// milliseconds.
    pub const DEFAULT_MAX_QUEUE_SPANS: usize = 32_768;
    /// Default of [`max_queue_bytes`](Self::max_queue_bytes): 16 MiB.
    pub const DEFAULT_MAX_QUEUE_BYTES: usize = 16 * 1024 * 1024;
    /// Default of [`max_batch_spans`](Self::max_batch_spans). OpenTelemetry's is 512.
    pub const DEFAULT_MAX_BATCH_SPANS: usize = 2_048;
    /// Default of [`export_attempt_timeout`](Self::export_attempt_timeout).
    pub const DEFAULT_EXPORT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
    /// Default of [`export_timeout`](Self::export_timeout): five minutes. OpenTelemetry's 30 seconds would lose spans
    /// over a collector's restart while there is still room to keep them.
    pub const DEFAULT_EXPORT_TIMEOUT: Duration = Duration::from_secs(300);
    /// Default of [`shutdown_timeout`](Self::shutdown_timeout).
    pub const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

    /// `service.name`. Environment: `OTEL_SERVICE_NAME`, or `service.name` in `OTEL_RESOURCE_ATTRIBUTES`. Default:
    /// `unknown_service:` and the name of the executable.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.options.service_name = Some(name.into());
        self
    }

    /// The lane that this instance serves: resource attribute `service.lane`. Environment: `LANEWAY_LANE`. Default: the
    /// baseline.
    ///
    /// It is not the lane of any request: that travels with the request.
    pub fn lane(mut self, lane: Lane) -> Self {
        self.options.lane = Some(lane);
        self
    }

    /// A resource attribute; it wins over one of the same name in `OTEL_RESOURCE_ATTRIBUTES`, and over the detected ones.
    pub fn resource_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.resource_attributes.push((key.into(), value.into()));
        self
    }

    /// Where to send spans, over OTLP/gRPC: `http://host:port`, or `host:port`; with the feature `tls` also `https://host:port`.
    /// Environment:
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, then `OTEL_EXPORTER_OTLP_ENDPOINT`. Default: `http://localhost:4317`.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.options.endpoint = Some(endpoint.into());
        self
    }

    /// Hands export requests to a function instead of sending them: for tests, for files, for another transport. Each is an
    /// encoded `ExportTraceServiceRequest`, as OTLP/HTTP has it for a body. The function is called on the exporter's thread,
    /// and what it is given counts as exported.
    ///
    /// ```
    /// # fn main() -> Result<(), laneway::InitError> {
    /// let (requests, received) = std::sync::mpsc::channel();
    /// let (_, guard) = laneway::builder()
    ///     .deliver(move |request| requests.send(request).unwrap_or_default())
    ///     .build_subscriber()?;
    /// {
    ///     let _scope = guard.default_scope();
    ///     laneway::span!("work").end();
    /// }
    /// drop(guard);
    /// assert_eq!(received.iter().count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn deliver(mut self, receive: impl Fn(bytes::Bytes) + Send + Sync + 'static) -> Self {
        self.options.receiver = Some(Receiver(Arc::new(receive)));
        self
    }

    /// Writes export requests to standard output instead of sending them, each as a line of OTLP/JSON: to try things out.
    /// Environment: `OTEL_TRACES_EXPORTER=console`.
    #[cfg(feature = "console")]
    pub fn print(mut self) -> Self {
        self.options.receiver = Some(crate::exporter::console());
        self
    }

    /// A header of every export request, such as `authorization`; it wins over one of the same name in the environment:
    /// `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, else `OTEL_EXPORTER_OTLP_HEADERS`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.headers.push((name.into(), value.into()));
        self
    }

    /// Which traces are recorded. Environment: `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`. Default: all, unless the
    /// caller decided otherwise.
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.options.sampler = Some(sampler);
        self
    }

    /// Whether exports are compressed with gzip: a fifth of the bytes, for some microseconds of the exporter's thread for each span.
    /// Environment: `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION`, then `OTEL_EXPORTER_OTLP_COMPRESSION`: `gzip` or `none`. Default:
    /// no. Needs the feature `gzip`.
    pub fn compress(mut self, compress: bool) -> Self {
        self.options.compress = Some(compress);
        self
    }

    /// File with the certificates, in PEM, of those who may vouch for the collector, in place of the system's. Environment:
    /// `OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE`, then `OTEL_EXPORTER_OTLP_CERTIFICATE`. Needs the feature `tls`.
    pub fn certificate(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.certificate = Some(path.into());
        self
    }

    /// Files with the certificate and the key, in PEM, by which this service shows who it is. Environment:
    /// `OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE` and `..._CLIENT_KEY`, then the same without `TRACES_`. Needs the feature
    /// `tls`.
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.options.client_certificate = Some(certificate.into());
        self.options.client_key = Some(key.into());
        self
    }

    /// Which headers are read and written. Environment: `OTEL_PROPAGATORS`, a list of `tracecontext`, `baggage`, `b3`, `b3multi`,
    /// `jaeger`, `sw8`, or `none`. Default: [`Format::DEFAULT`].
    ///
    /// It is of the process, not of this SDK alone: the first one that is set up decides.
    pub fn propagators(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        self.options.propagators = Some(formats.into_iter().collect());
        self
    }

    /// Which `tracing` spans and events are recorded: a level, or directives such as `info,my_crate=debug,h2=off`.
    /// Environment: `LANEWAY_FILTER`. Default: `info`.
    ///
    /// It is apart from `RUST_LOG`, which is about what is printed.
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.options.filter = Some(directives.into());
        self
    }

    /// How long one attempt to send a batch may take. Environment: `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, then
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`, in milliseconds.
    pub fn export_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.options.export_attempt_timeout = Some(timeout);
        self
    }

    /// How long a batch is retried before it is given up, and counted as [failed](crate::Stats::failed). Environment:
    /// `OTEL_BSP_EXPORT_TIMEOUT`, in milliseconds.
    pub fn export_timeout(mut self, timeout: Duration) -> Self {
        self.options.export_timeout = Some(timeout);
        self
    }

    /// How long the guard tries to send what is left when it is dropped or shut down.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.options.shutdown_timeout = Some(timeout);
        self
    }

    /// How long a finished span waits at most for others to leave with. Environment: `OTEL_BSP_SCHEDULE_DELAY`, in
    /// milliseconds. Shorter shows spans earlier, longer makes fewer requests.
    pub fn schedule_delay(mut self, delay: Duration) -> Self {
        self.options.schedule_delay = Some(delay);
        self
    }

    /// How many finished spans may wait. When it is full, new spans are dropped and [counted](crate::Stats::dropped).
    /// Environment: `OTEL_BSP_MAX_QUEUE_SIZE`.
    pub fn max_queue_spans(mut self, spans: usize) -> Self {
        self.options.max_queue_spans = Some(spans);
        self
    }

    /// How many bytes of finished spans may wait, encoded. The other bound of the queue.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.options.max_queue_bytes = Some(bytes);
        self
    }

    /// How many spans one request carries at most. A request also stays below 1 MiB, and a single span that is larger is
    /// dropped. Environment: `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
    pub fn max_batch_spans(mut self, spans: usize) -> Self {
        self.options.max_batch_spans = Some(spans);
        self
    }

    /// Whether an event of level `ERROR` marks its span as failed, with the event's message, unless the span's status
    /// was stated by `otel.status_code`. Default: yes, as in `tracing-opentelemetry`.
    pub fn error_events_fail_spans(mut self, fail: bool) -> Self {
        self.options.error_events_fail_spans = Some(fail);
        self
    }

    /// Starts the exporter and gives the layer to stack on a `tracing_subscriber::registry()`.
    ///
    /// Stack it last. Layers see an event in the order in which they are stacked, and the first one that formats a value
    /// whose `Debug` traces in turn spoils the filters of those after it (a limit of `tracing-subscriber`, which then panics).
    ///
    /// ```no_run
    /// use tracing_subscriber::prelude::*;
    ///
    /// # fn main() -> Result<(), laneway::InitError> {
    /// let (layer, guard) = laneway::builder().service_name("cart").build()?;
    /// tracing_subscriber::registry().with(tracing_subscriber::fmt::layer()).with(layer).init();
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`InitError`].
    pub fn build<S>(self) -> Result<(Layer<S>, Guard), InitError>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        Ok(match self.start()? {
            Some((core, filter, guard)) => (Layer::new(core, filter), guard),
            None => (Layer::disabled(), Guard::disabled()),
        })
    }

    /// Starts the exporter and gives a `tracing` subscriber that records spans and does nothing else; `None` when the SDK is
    /// disabled. It costs a good deal less than a layer on a registry.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (subscriber, guard) = laneway::builder().service_name("cart").build_subscriber()?;
    /// if let Some(subscriber) = subscriber {
    ///     tracing::subscriber::set_global_default(subscriber)?;
    /// }
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`InitError`].
    pub fn build_subscriber(self) -> Result<(Option<crate::Subscriber>, Guard), InitError> {
        Ok(match self.start()? {
            Some((core, filter, guard)) => (Some(crate::Subscriber::new(core, filter)), guard),
            None => (None, Guard::disabled()),
        })
    }

    /// Starts the exporter; `None` when the SDK is disabled.
    fn start(self) -> Result<Option<(Arc<Core>, Targets, Guard)>, InitError> {
        let variables = |name: &str| std::env::var(name).ok();
        // Contexts travel also when nothing is recorded.
        let propagation: Propagation = settings::propagation(&self.options, &variables);
        propagation.make_default();
        let Some(settings) = Settings::resolve(self.options, &variables)? else { return Ok(None) };
        let queue = Queue::new(settings.queue);
        let core = Arc::new(Core::new(
            settings.identity,
            settings.sampler,
            settings.limits,
            settings.error_events_fail_spans,
            queue,
        ));
        let worker = Worker::spawn(settings.worker, core.clone()).map_err(InitError::Thread)?;
        let guard = Guard::new(worker, core.clone(), settings.shutdown_timeout);
        Ok(Some((core, settings.filter, guard)))
    }

    /// Starts the exporter and installs a global `tracing` subscriber: this layer, and one that prints to standard error
    /// what `RUST_LOG` says (`warn` where that is not set), with [trace and lane](crate::log). [`span!`](crate::span!) records here too.
    /// What the SDK says of itself, under the target `laneway`, is printed as `OTEL_LOG_LEVEL` says, where that is set.
    ///
    /// # Errors
    /// See [`InitError`]; also when a global subscriber is installed already.
    pub fn install(self) -> Result<Guard, InitError> {
        let (layer, guard) = self.build()?;
        let mut printed = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        if let Some(level) = settings::log_level(&mut Env::new(&|name| std::env::var(name).ok()))
            && let Ok(directive) = format!("laneway={level}").parse()
        {
            printed = printed.add_directive(directive);
        }
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let print = tracing_subscriber::fmt::layer()
            .event_format(WithContext::text(tracing_subscriber::fmt::format()))
            .with_writer(std::io::stderr)
            .with_ansi(is_terminal);
        tracing_subscriber::registry()
            .with(tracing_subscriber::Layer::with_filter(print, printed))
            .with(layer)
            .try_init()
            .map_err(|_| InitError::SubscriberInstalled)?;
        guard.make_default();
        Ok(guard)
    }
}
