//! Which spans of which traces were acknowledged: what a verification compares the store with.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use laneway_proto::{SpanId, TraceId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::plan::Export;

#[cfg(test)]
mod tests;

/// A trace and the spans of it that were acknowledged. Others may be stored too: those of exports that got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) trace_id: TraceId,
    pub(super) acked: Vec<SpanId>,
}

/// Collects samples while the run goes on.
#[derive(Debug)]
pub(super) struct Sampler {
    per_group: u64,
    acked: Mutex<BTreeMap<(u64, u32), Sample>>,
}

impl Sampler {
    /// Samples about this many traces, evenly over all groups.
    pub(super) fn new(traces: u64, groups: u64) -> Self {
        Self { per_group: traces.div_ceil(groups.max(1)), acked: Mutex::default() }
    }

    /// Notes that an export was acknowledged.
    pub(super) fn acknowledged(&self, export: &Export<'_>) {
        if self.per_group == 0 {
            return;
        }
        let mut samples = self.acked.lock();
        for (place, &trace) in export.places.clone().zip(export.traces) {
            // Every group samples others, since groups that share a template have the same traces.
            let turn = (u64::from(trace) + export.group * self.per_group) % u64::from(export.group_traces);
            if turn < self.per_group {
                let new = || Sample { trace_id: export.ids.trace_id(trace), acked: Vec::new() };
                let sample = samples.entry((export.group, trace)).or_insert_with(new);
                sample.acked.push(export.ids.span_id(place as u32));
            }
        }
    }

    /// The samples, in the order in which the traces were made.
    pub(super) fn finish(self) -> Vec<Sample> {
        self.acked.into_inner().into_values().collect()
    }
}

/// A line of a samples file: JSON, ids as hexadecimal digits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    trace_id: String,
    spans: usize,
    span_ids: Vec<String>,
}

/// Writes one line per sample.
pub(super) fn write(path: &Path, samples: &[Sample]) -> anyhow::Result<()> {
    let write = || {
        let mut file = BufWriter::new(std::fs::File::create(path)?);
        for sample in samples {
            let span_ids: Vec<String> = sample.acked.iter().map(SpanId::to_string).collect();
            let line = Line { trace_id: sample.trace_id.to_string(), spans: span_ids.len(), span_ids };
            serde_json::to_writer(&mut file, &line)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().with_context(|| format!("cannot write the samples to {}", path.display()))
}

/// Reads what [`write`] wrote.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Sample>> {
    let context = || format!("cannot read the samples from {}", path.display());
    let file = std::fs::File::open(path).with_context(context)?;
    BufReader::new(file)
        .lines()
        .map(|line| {
            let line: Line = serde_json::from_str(&line?)?;
            let acked = line.span_ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
            Ok(Sample { trace_id: line.trace_id.parse()?, acked })
        })
        .collect::<anyhow::Result<_>>()
        .with_context(context)
}
