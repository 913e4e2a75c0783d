//! Which instance answers a request: the one of the request's lane, else the baseline's.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use clap::ValueEnum;
use laneway::Lane;

use crate::services::Service;

#[cfg(test)]
mod tests;

/// One running instance: what it is, the lane that it serves, and where it listens.
///
/// Written and read as `cart grey-v2 127.0.0.1:40003`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// What it is an instance of.
    pub service: Service,
    /// The lane that it serves.
    pub lane: Lane,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Every instance of the shop. A real fleet asks a registry; the shop never changes while it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressBook(Vec<Instance>);

/// Neither the lane nor the baseline has an instance of this service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no instance of {service} serves lane {lane}")]
pub(crate) struct NoInstance {
    service: Service,
    lane: Lane,
}

impl AddressBook {
    /// The book of these instances.
    pub(crate) fn new(instances: Vec<Instance>) -> Self {
        Self(instances)
    }

    /// The instance that answers a request of this lane: the lane's own, else the baseline's (the `permissive`
    /// mode). A request of the baseline never reaches the instance of a lane.
    ///
    /// # Errors
    /// When there is neither.
    pub(crate) fn route(&self, service: Service, lane: &Lane) -> Result<&Instance, NoInstance> {
        self.find(service, lane)
            .or_else(|| self.find(service, &Lane::base()))
            .ok_or_else(|| NoInstance { service, lane: lane.clone() })
    }

    /// Every instance of one service.
    pub(crate) fn instances(&self, service: Service) -> impl Iterator<Item = &Instance> {
        self.0.iter().filter(move |instance| instance.service == service)
    }

    /// One instance a line, and an empty line at the end.
    pub(crate) fn to_lines(&self) -> String {
        self.0.iter().map(|instance| format!("{instance}\n")).chain(["\n".to_owned()]).collect()
    }

    fn find(&self, service: Service, lane: &Lane) -> Option<&Instance> {
        self.instances(service).find(|instance| instance.lane == *lane)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service, self.lane, self.address)
    }
}

impl FromStr for Instance {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let mut words = line.split(' ');
        let (Some(service), Some(lane), Some(address), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            anyhow::bail!("expected `service lane address`, found {line:?}");
        };
        Ok(Self {
            service: Service::from_str(service, false).map_err(anyhow::Error::msg)?,
            lane: lane.parse()?,
            address: address.parse()?,
        })
    }
}
