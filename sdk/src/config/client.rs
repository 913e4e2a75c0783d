//! How spans are sent: options and environment, resolved.

use std::time::Duration;

use http::Uri;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::Endpoint;

use super::env::{Env, key_values};
use super::{Builder, InitError, Options};
use crate::exporter::{ClientSettings, Compression};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_ENDPOINT: &str = "http://localhost:4317";

pub(super) fn client(options: &Options, env: &mut Env<'_>) -> Result<ClientSettings, InitError> {
    check_protocol(env)?;
    let timeout = options
        .export_attempt_timeout
        .or_else(|| env.milliseconds("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"))
        .or_else(|| env.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT"))
        .unwrap_or(Builder::DEFAULT_EXPORT_ATTEMPT_TIMEOUT);
    let from_env = || env.first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
    let given = options.endpoint.clone().or_else(|| Some(from_env()?.1));
    let given = with_scheme(given.unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned()), env);
    let endpoint = endpoint(given, timeout)?;
    let is_tls = endpoint.uri().scheme_str() == Some("https");
    Ok(ClientSettings {
        endpoint: if is_tls { with_tls(endpoint, options, env)? } else { endpoint },
        headers: headers(options, env)?,
        compression: compression(options, env),
        timeout,
    })
}

/// An endpoint without a scheme is plain, unless `OTEL_EXPORTER_OTLP_INSECURE=false` says otherwise.
fn with_scheme(endpoint: String, env: &Env<'_>) -> String {
    if endpoint.contains("://") {
        return endpoint;
    }
    let insecure = env.first(["OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"]);
    let is_tls = insecure.is_some_and(|(_, insecure)| insecure.eq_ignore_ascii_case("false"));
    format!("{}://{endpoint}", if is_tls { "https" } else { "http" })
}

fn compression(options: &Options, env: &mut Env<'_>) -> Compression {
    let from_env = env.first(["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"]);
    let wanted = options.compress.or_else(|| match &from_env {
        Some((_, name)) if name == "gzip" => Some(true),
        Some((_, name)) if name == "none" => Some(false),
        Some((variable, name)) => {
            env.warn(format_args!("{variable}={name:?} is not known: spans are sent uncompressed"));
            None
        }
        None => None,
    });
    match wanted {
        #[cfg(feature = "gzip")]
        Some(true) => Compression::Gzip,
        #[cfg(not(feature = "gzip"))]
        Some(true) => {
            env.warn(format_args!("spans are sent uncompressed: the feature \"gzip\" is not enabled"));
            Compression::None
        }
        _ => Compression::None,
    }
}

#[cfg(not(feature = "tls"))]
fn with_tls(endpoint: Endpoint, _: &Options, _: &Env<'_>) -> Result<Endpoint, InitError> {
    Err(InitError::Tls { endpoint: endpoint.uri().to_string() })
}

#[cfg(feature = "tls")]
fn with_tls(endpoint: Endpoint, options: &Options, env: &Env<'_>) -> Result<Endpoint, InitError> {
    use std::path::PathBuf;

    use tonic::transport::{Certificate, ClientTlsConfig, Identity};

    let file = |given: &Option<PathBuf>, variables| {
        let path = given.clone().or_else(|| Some(env.first(variables)?.1.into()));
        let read = |path: PathBuf| {
            std::fs::read(&path).map_err(|source| InitError::Certificate { path: path.clone(), source })
        };
        path.map(read).transpose()
    };
    let mut tls = ClientTlsConfig::new();
    tls = match file(
        &options.certificate,
        ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
    )? {
        // Without one, nobody could be trusted, and every export would fail with a riddle.
        Some(pem) if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") => {
            let reason = "the file of certificates holds none, in PEM".to_owned();
            return Err(InitError::TlsConfig { endpoint: endpoint.uri().to_string(), reason });
        }
        Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
        None => tls.with_enabled_roots(),
    };
    let certificate = file(
        &options.client_certificate,
        ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"],
    )?;
    let key =
        file(&options.client_key, ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"])?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => tls = tls.identity(Identity::from_pem(certificate, key)),
        (None, None) => {}
        _ => return Err(InitError::ClientCertificate),
    }
    let text = endpoint.uri().to_string();
    endpoint.tls_config(tls).map_err(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        InitError::TlsConfig { endpoint: text, reason }
    })
}

fn check_protocol(env: &Env<'_>) -> Result<(), InitError> {
    match env.first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
        Some((variable, protocol)) if protocol != "grpc" => Err(InitError::Protocol { variable, protocol }),
        _ => Ok(()),
    }
}

fn endpoint(given: String, timeout: Duration) -> Result<Endpoint, InitError> {
    let invalid = || InitError::Endpoint { endpoint: given.clone() };
    let uri: Uri = given.parse().map_err(|_| invalid())?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => {}
        _ => return Err(invalid()),
    }
    let user_agent = concat!("laneway-rust/", env!("CARGO_PKG_VERSION"));
    let endpoint = Endpoint::from(uri).connect_timeout(timeout.min(CONNECT_TIMEOUT)).tcp_nodelay(true);
    endpoint.user_agent(user_agent).map_err(|_| invalid())
}

fn headers(options: &Options, env: &Env<'_>) -> Result<MetadataMap, InitError> {
    let mut headers = match env.first(["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]) {
        Some((variable, list)) => key_values(&list).ok_or(InitError::HeaderList { variable })?,
        None => Vec::new(),
    };
    headers.extend(options.headers.iter().cloned());
    let mut metadata = MetadataMap::new();
    for (name, value) in headers {
        let key = AsciiMetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes());
        match (key, AsciiMetadataValue::try_from(value)) {
            (Ok(key), Ok(value)) => metadata.insert(key, value),
            _ => return Err(InitError::Header { name }),
        };
    }
    Ok(metadata)
}
