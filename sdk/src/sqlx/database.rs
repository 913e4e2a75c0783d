//! Which database a query goes to, as spans say it.

use sqlx_core::connection::{ConnectOptions, Connection};
use sqlx_core::database::Database;
use sqlx_core::pool::Pool;

use super::sql::Dialect;
use crate::span::Span;

/// What is known of a database besides its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// OpenTelemetry's name of the system, where the driver's is not enough to tell.
    pub(super) system: Option<&'static str>,
    pub(super) namespace: Option<String>,
    /// A host, or the path of a Unix socket.
    pub(super) address: Option<String>,
    pub(super) port: Option<u16>,
}

/// OpenTelemetry's name of a system, by the scheme of its URLs or the name of its driver.
fn system(name: &str) -> Option<&'static str> {
    Some(match name {
        "PostgreSQL" | "postgres" | "postgresql" => "postgresql",
        "MySQL" | "mysql" => "mysql",
        "mariadb" => "mariadb",
        "SQLite" | "sqlite" => "sqlite",
        _ => return None,
    })
}

impl Target {
    /// By the options that a pool connects with. A connection may have been told to use another database since.
    pub(super) fn of_pool<DB: Database>(pool: &Pool<DB>) -> Self {
        if system(DB::NAME).is_none() && DB::NAME != "Any" {
            // Another driver need not know how to tell, and may panic when it is asked to.
            return Self::default();
        }
        let options: std::sync::Arc<<DB::Connection as Connection>::Options> = pool.connect_options();
        let url = options.to_url_lossy();
        let system = system(url.scheme());
        let text = |part: &str| {
            let text = percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
            Some(text).filter(|text| !text.is_empty())
        };
        let (address, path) = match system {
            Some("sqlite") => (None, url.path()),
            _ => (url.host_str().and_then(text), url.path().trim_start_matches('/')),
        };
        // A database that is not named is that of the user (libpq, "Connection Parameters").
        let namespace = text(path).or_else(|| text(url.username()).filter(|_| system == Some("postgresql")));
        let is_socket = address.as_ref().is_some_and(|address| address.starts_with('/'));
        Self { system, namespace, address, port: url.port().filter(|_| !is_socket) }
    }

    fn system<DB: Database>(&self) -> &'static str {
        self.system.or_else(|| system(DB::NAME)).unwrap_or("other_sql")
    }

    pub(super) fn dialect<DB: Database>(&self) -> Dialect {
        match self.system::<DB>() {
            "mysql" | "mariadb" => Dialect::MySql,
            _ => Dialect::Standard,
        }
    }

    pub(super) fn describe<DB: Database>(&self, span: &mut Span) {
        span.set("db.system.name", self.system::<DB>());
        if let Some(namespace) = &self.namespace {
            span.set("db.namespace", namespace.as_str());
        }
        if let Some(address) = &self.address {
            span.set("server.address", address.as_str());
        }
        if let Some(port) = self.port {
            span.set("server.port", port);
        }
    }
}
