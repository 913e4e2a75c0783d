//! Why the SDK cannot be set up.

use std::io;
use std::path::PathBuf;

use laneway_proto::InvalidLane;

/// Why the SDK cannot be set up. No message repeats the value of a header: it may be a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The endpoint is not a URL of a host.
    #[error("the endpoint {endpoint:?} is not of the form http://host:port or https://host:port")]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// The endpoint wants TLS, which this build does not speak.
    #[error(
        "the endpoint {endpoint:?} wants TLS: enable the feature \"tls\" of the crate laneway, or use http://"
    )]
    Tls {
        /// What was given.
        endpoint: String,
    },
    /// A file with a certificate or a key cannot be read.
    #[error("cannot read the certificate or key {}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// Of the client's certificate and its key, one is missing.
    #[error("a client certificate needs its key, and a key its certificate")]
    ClientCertificate,
    /// TLS cannot be set up so.
    #[error("cannot set up TLS for {endpoint:?}: {reason}")]
    TlsConfig {
        /// Where to.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// A protocol other than OTLP/gRPC was asked for.
    #[error("{variable}={protocol:?} is not supported: spans are sent over \"grpc\"")]
    Protocol {
        /// The variable that says so.
        variable: &'static str,
        /// What it says.
        protocol: String,
    },
    /// The headers cannot be sent.
    #[error("the export header {name:?} has a name or a value that is not legal in HTTP")]
    Header {
        /// Name of the header.
        name: String,
    },
    /// The list of headers in the environment cannot be read.
    #[error("{variable} is not a list of name=value")]
    HeaderList {
        /// The variable.
        variable: &'static str,
    },
    /// `LANEWAY_LANE` is not a lane name.
    #[error("LANEWAY_LANE={name:?}: {source}")]
    Lane {
        /// What was given.
        name: String,
        /// The rule that it breaks.
        source: InvalidLane,
    },
    /// The filter cannot be read.
    #[error("the filter {filter:?} is not a list of target=level: {reason}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The exporter's thread or its runtime could not be started.
    #[error("cannot start the exporter: {0}")]
    Thread(#[source] io::Error),
    /// A global `tracing` subscriber is installed already.
    #[error("a global tracing subscriber is installed already: stack the layer of `builder().build()` on it")]
    SubscriberInstalled,
}
