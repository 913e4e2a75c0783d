//! What this process says of itself.

use laneway_proto::Lane;
use laneway_proto::otlp::{attribute, field};

use crate::propagation::Identity;

/// Resource attributes, the later of the same key winning.
#[derive(Debug, Default)]
pub(super) struct Resource {
    texts: Vec<(String, String)>,
}

impl Resource {
    /// What can be known without being told, at no cost.
    pub(super) fn detected() -> Self {
        let mut resource = Self::default();
        resource.set("service.name", unknown_service());
        resource.set("service.instance.id", random_uuid());
        resource.set("telemetry.sdk.name", env!("CARGO_PKG_NAME"));
        resource.set("telemetry.sdk.language", "rust");
        resource.set("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        if let Some(name) = host_name() {
            resource.set("host.name", name);
        }
        resource
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.texts.retain(|(existing, _)| existing != key);
        self.texts.push((key.to_owned(), value.into()));
    }

    pub(super) fn set_lane(&mut self, lane: &Lane) {
        self.set(Lane::RESOURCE_KEY, lane.as_str());
    }

    /// What those that are called are told.
    pub(super) fn identity(&self) -> Identity {
        let text = |key| self.get(key).unwrap_or_default().to_owned();
        let lane = self.get(Lane::RESOURCE_KEY).and_then(|name| Lane::new(name).ok());
        Identity {
            service: text("service.name"),
            instance: text("service.instance.id"),
            lane: lane.unwrap_or_default(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.texts.iter().find(|(existing, _)| existing == key).map(|(_, value)| value.as_str())
    }

    /// The `Resource` message.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut buf = Vec::new();
        for (key, value) in &self.texts {
            attribute::string(&mut buf, field::resource::ATTRIBUTES, key, value);
        }
        attribute::int(&mut buf, field::resource::ATTRIBUTES, "process.pid", i64::from(std::process::id()));
        buf
    }
}

/// The name that OpenTelemetry gives a service without one.
fn unknown_service() -> String {
    let executable = std::env::current_exe().ok();
    match executable.as_ref().and_then(|path| path.file_name()) {
        Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
        None => "unknown_service".to_owned(),
    }
}

fn host_name() -> Option<String> {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = from_kernel.or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A UUID of version 4, RFC 9562 section 5.4.
fn random_uuid() -> String {
    let random: u128 = rand::random();
    let uuid = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
