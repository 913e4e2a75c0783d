//! What options must fulfil together.

use std::net::SocketAddr;

use super::load::Reader;
use super::{ByteSize, Config};
use crate::store;

/// Reports combinations that cannot work.
pub(super) fn check(config: &Config, reader: &mut Reader) {
    let addresses = [
        ("otlp_grpc", config.general.otlp_grpc),
        ("otlp_http", config.general.otlp_http),
        ("http", config.general.http),
    ];
    public_addresses(&addresses, config.general.insecure_public, reader);
    shared_addresses(&addresses, reader);
    memory(config, reader);
    origins(config, reader);
    clickhouse(config, reader);
}

fn public_addresses(addresses: &[(&str, SocketAddr)], insecure_public: bool, reader: &mut Reader) {
    for (key, address) in addresses {
        if !address.ip().is_loopback() && !insecure_public {
            let why = "other machines can reach this address and nothing is authenticated yet; use a loopback address, \
                       or allow it with --insecure-public";
            reader.problem(key, why.to_owned());
        }
    }
}

fn shared_addresses(addresses: &[(&str, SocketAddr)], reader: &mut Reader) {
    for (index, (key, address)) in addresses.iter().enumerate() {
        let earlier = addresses[..index].iter().find(|(_, other)| address.port() != 0 && other == address);
        if let Some((other, _)) = earlier {
            reader.problem(key, format!("{address} is already the address of {other}"));
        }
    }
}

fn memory(config: &Config, reader: &mut Reader) {
    let limits = &config.limits;
    let needed = ByteSize(limits.grpc_message_bytes.max(limits.http_body_bytes).0.saturating_mul(3));
    if limits.ingest_memory_bytes < needed {
        let why = format!(
            "must be at least {needed}, three times the larger of limits.grpc_message_bytes and \
                           limits.http_body_bytes, or one large request could never be taken"
        );
        reader.problem("limits.ingest_memory_bytes", why);
    }
}

fn origins(config: &Config, reader: &mut Reader) {
    for origin in &config.cors.allowed_origins {
        let named = origin == "*" || origin == "loopback";
        let is_origin = origin.split_once("://").is_some_and(|(scheme, host)| {
            !scheme.is_empty() && !host.is_empty() && !host.contains('/') && origin.is_ascii()
        });
        if !named && !is_origin {
            let why = format!(
                "{origin:?} is no origin; write a scheme and a host, such as https://shop.example.com, or \
                               loopback, or *"
            );
            reader.problem("cors.allowed_origins", why);
        }
    }
}

fn clickhouse(config: &Config, reader: &mut Reader) {
    let section = &config.clickhouse;
    if section.url.is_empty() {
        return;
    }
    if !section.url.starts_with("http://") && !section.url.starts_with("https://") {
        reader.problem(
            "clickhouse.url",
            "must begin with http:// or https://: it is the HTTP interface".to_owned(),
        );
    }
    if section.database.is_empty() {
        reader.problem("clickhouse.database", "must name a database".to_owned());
    }
    if let Err(invalid) = store::schema(config).check() {
        reader.problem(&format!("clickhouse.{}", invalid.name), invalid.to_string());
    }
}
