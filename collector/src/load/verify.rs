//! Reads sampled traces back over the native API and compares them with what was acknowledged.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{Request, StatusCode, Version};
use http_body_util::Full;
use laneway_proto::SpanId;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tokio::task::JoinSet;

use super::connection::{Connection, Target};
use super::report::Verification;
use super::samples::Sample;

#[cfg(test)]
mod tests;

/// How long a single trace may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads every sample back, over this many connections.
///
/// # Errors
/// When the API cannot be reached or answers anything but 200 and 404.
pub(super) async fn verify(
    http: &str,
    samples: Vec<Sample>,
    connections: usize,
) -> anyhow::Result<Verification> {
    let target = Target::parse(http)?;
    let samples = Arc::new(samples);
    let next = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..connections.min(samples.len()) {
        readers.spawn(read(target.clone(), Arc::clone(&samples), Arc::clone(&next)));
    }
    let mut total = Verification::default();
    while let Some(reader) = readers.join_next().await {
        total.merge(reader??);
    }
    Ok(total)
}

async fn read(
    target: Target,
    samples: Arc<Vec<Sample>>,
    next: Arc<AtomicUsize>,
) -> anyhow::Result<Verification> {
    let mut connection = Connection::open(&target, Version::HTTP_11, TIMEOUT).await?;
    let mut found = Verification::default();
    while let Some(sample) = samples.get(next.fetch_add(1, Ordering::Relaxed)) {
        let url = target.url(&format!("/api/v1/traces/{}", sample.trace_id));
        let request = Request::get(&url)
            .header(HOST, target.authority())
            .header(ACCEPT, "application/protobuf")
            .body(Full::<Bytes>::default())?;
        let response = connection.send(request).await?;
        let (status, body) = (response.status(), response.into_body().to_bytes());
        let stored = match status {
            StatusCode::OK => TracesData::decode(body)?,
            StatusCode::NOT_FOUND => TracesData::default(),
            status => anyhow::bail!("{url} answered {status}: {}", String::from_utf8_lossy(&body)),
        };
        found.merge(compare(sample, &stored));
    }
    Ok(found)
}

/// Compares one trace.
fn compare(sample: &Sample, stored: &TracesData) -> Verification {
    let mut times_found: HashMap<&[u8], usize> = HashMap::new();
    for resource_spans in &stored.resource_spans {
        for scope_spans in &resource_spans.scope_spans {
            for span in &scope_spans.spans {
                *times_found.entry(&span.span_id).or_default() += 1;
            }
        }
    }
    let is_stored = |id: &&SpanId| times_found.contains_key(&id.as_bytes()[..]);
    let acked = sample.acked.iter().filter(is_stored).count();
    Verification {
        traces_checked: 1,
        missing: u64::from(acked == 0),
        partial: u64::from(acked > 0 && acked < sample.acked.len()),
        duplicate: u64::from(times_found.values().any(|&times| times > 1)),
    }
}
