//! `laneway snapshot`: a copy of a running server's data, consistent and complete up to when it was asked for.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, StatusCode, Version};
use http_body_util::Full;
use laneway_storage::embedded::copy_snapshot;
use serde::Deserialize;

use crate::load::connection::{Connection, Target};

/// How long the server may take: it seals what is open first.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Flags of `laneway snapshot`.
#[derive(Debug, Clone, clap::Args)]
pub struct SnapshotArgs {
    /// Where the copy goes: a directory that does not exist or is empty. `laneway serve --data-dir` starts on it
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Query API of the server, which runs on this machine
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686")]
    pub http: String,
}

/// What the server answers.
#[derive(Debug, Deserialize)]
struct Taken {
    name: String,
    path: PathBuf,
}

/// Has the server take a snapshot, copies it, and has the server forget it.
///
/// # Errors
/// When the server cannot be reached, does not allow it, or the copy cannot be written.
#[allow(clippy::print_stdout, reason = "where the copy is, is the output of this command")]
pub async fn run(args: SnapshotArgs) -> anyhow::Result<ExitCode> {
    let target = Target::parse(&args.http)?;
    let taken: Taken = serde_json::from_slice(&ask(&target, Method::POST, "/api/v1/snapshots").await?)
        .context("the server's answer is not that of a laneway server")?;
    let (from, to) = (taken.path.clone(), args.dir.clone());
    let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await?;
    // Also when the copy failed: a snapshot keeps retention from freeing space.
    let forgotten = ask(&target, Method::DELETE, &format!("/api/v1/snapshots/{}", taken.name)).await;
    copied?;
    forgotten.with_context(|| {
        format!("the copy is complete, but snapshot {} is still on the server", taken.name)
    })?;
    println!("{}", args.dir.display());
    Ok(ExitCode::SUCCESS)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        from.is_dir(),
        "the server's snapshot {} is not on this machine, or cannot be read by this user",
        from.display()
    );
    copy_snapshot(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

async fn ask(target: &Target, method: Method, path: &str) -> anyhow::Result<Bytes> {
    let mut connection = Connection::open(target, Version::HTTP_11, TIMEOUT).await?;
    let url = target.url(path);
    let request = Request::builder().method(method.clone()).uri(&url).header(HOST, target.authority());
    let response = connection.send(request.body(Full::<Bytes>::default())?).await?;
    let (status, body) = (response.status(), response.into_body().to_bytes());
    anyhow::ensure!(
        status == StatusCode::OK,
        "{method} {url} answered {status}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(body)
}
