//! A running server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message;
use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::binary;
use crate::otlp::{Spans, TracesData};

/// How long a start, and an end that was asked for, may take. Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `laneway` process that accepts spans. It is killed when this is dropped.
#[derive(Debug)]
pub struct Laneway {
    /// Address of the query API.
    pub http: SocketAddr,
    /// Address of OTLP/gRPC.
    pub otlp_grpc: SocketAddr,
    /// Address of OTLP/HTTP.
    pub otlp_http: SocketAddr,
    child: Child,
    stdout: JoinHandle<String>,
    stderr: Arc<Mutex<String>>,
    command: &'static str,
    data_dir: PathBuf,
    extra: Vec<String>,
    client: reqwest::Client,
}

impl Laneway {
    /// Starts `laneway serve` over this data directory, on free ports, and waits until it accepts spans.
    pub async fn start(data_dir: &Path, extra: &[&str]) -> Self {
        Self::start_command("serve", data_dir, extra).await
    }

    /// Starts another command that serves, such as `demo`.
    pub async fn start_command(command: &'static str, data_dir: &Path, extra: &[&str]) -> Self {
        let mut child = spawn(command, data_dir, extra);

        let stderr = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&stderr);
        let collected = collect(child.stderr.take().unwrap(), move |line| {
            log.lock().unwrap().push_str(line);
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        let waited = timeout(PATIENCE, stdout.read_line(&mut ready)).await;
        let Some([http, otlp_grpc, otlp_http]) = addresses(&ready) else {
            if waited.is_ok() {
                collected.await.unwrap();
            }
            panic!(
                "no ready line but {ready:?}\nflags: {extra:?}\nstandard error:\n{}",
                stderr.lock().unwrap()
            );
        };
        let rest = Arc::new(Mutex::new(String::new()));
        let stdout = tokio::spawn(async move {
            let copy = Arc::clone(&rest);
            collect(stdout, move |line| copy.lock().unwrap().push_str(line)).await.unwrap();
            std::mem::take(&mut *rest.lock().unwrap())
        });
        let (data_dir, client) = (data_dir.to_owned(), reqwest::Client::new());
        let extra = extra.iter().map(|arg| (*arg).to_owned()).collect();
        Self { http, otlp_grpc, otlp_http, child, stdout, stderr, command, data_dir, extra, client }
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// The id of the process.
    pub fn pid(&self) -> i32 {
        self.child.id().expect("it has not been waited for").try_into().unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Waits for its end; returns the exit status and what it wrote to standard output after the ready line.
    pub async fn wait(mut self) -> (ExitStatus, String) {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status =
            status.unwrap_or_else(|_| panic!("it does not end; standard error:\n{}", self.log())).unwrap();
        let stdout = std::mem::replace(&mut self.stdout, tokio::spawn(async { String::new() }));
        (status, stdout.await.unwrap())
    }

    /// Ends it with SIGTERM.
    pub async fn terminate(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait().await.0
    }

    /// Ends it with SIGKILL, in the middle of whatever it does.
    pub async fn kill9(mut self) -> Stopped {
        self.child.kill().await.unwrap();
        Stopped { command: self.command, data_dir: self.data_dir.clone(), extra: self.extra.clone() }
    }

    /// Ends it with SIGTERM and starts it again over the same data.
    pub async fn restart(self) -> Self {
        let stopped =
            Stopped { command: self.command, data_dir: self.data_dir.clone(), extra: self.extra.clone() };
        let status = self.terminate().await;
        assert!(status.success(), "{status}");
        stopped.start().await
    }

    /// The URL of a path of the query API.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// `GET` of the query API; the body is `null` when it is not JSON.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = reqwest::Url::parse_with_params(&self.url(path), query).unwrap();
        let response = self.client.get(url).send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// A request to the query API with another method.
    pub async fn call(&self, method: Method, path: &str) -> (StatusCode, Value) {
        let response = self.client.request(method, self.url(path)).send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.client.get(self.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {name} in {text}"))
    }

    /// The body of a `GET` that must answer 200.
    pub async fn get_ok(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let (status, body) = self.get(path, query).await;
        assert_eq!(status, StatusCode::OK, "{path} {query:?}: {body:#}\n{}", self.log());
        body
    }

    /// The spans of a trace over the native API.
    pub async fn spans(&self, trace_id: &str) -> Spans {
        let request = self.client.get(self.url(&format!("/api/v1/traces/{trace_id}")));
        let response = request.header("accept", "application/protobuf").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "trace {trace_id}");
        Spans::of(TracesData::decode(response.bytes().await.unwrap()).unwrap())
    }

    /// Posts to OTLP/HTTP.
    pub async fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let url = format!("http://{}{path}", self.otlp_http);
        let request = self.client.request(Method::POST, url).header("content-type", content_type).body(body);
        let response = request.send().await.unwrap();
        (response.status(), response.bytes().await.unwrap().to_vec())
    }

    /// Posts a trace request that must be accepted.
    pub async fn export(&self, content_type: &str, body: Vec<u8>) {
        let (status, answer) = self.post("/v1/traces", content_type, body).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer));
    }
}

/// A server that was ended, and can be started again over the same data.
#[derive(Debug)]
pub struct Stopped {
    command: &'static str,
    data_dir: PathBuf,
    extra: Vec<String>,
}

impl Stopped {
    /// Starts it as it was started before, on other ports.
    pub async fn start(self) -> Laneway {
        let extra: Vec<&str> = self.extra.iter().map(String::as_str).collect();
        Laneway::start_command(self.command, &self.data_dir, &extra).await
    }

    /// Starts it, and ends it with SIGKILL so long afterwards, whether it was ready by then or not.
    pub async fn kill9_while_starting(&self, after: Duration) {
        let extra: Vec<&str> = self.extra.iter().map(String::as_str).collect();
        let mut child = spawn(self.command, &self.data_dir, &extra);
        tokio::time::sleep(after).await;
        child.kill().await.unwrap();
    }
}

/// Starts the process, on free ports.
fn spawn(command: &str, data_dir: &Path, extra: &[&str]) -> Child {
    let mut args = vec![command, "--data-dir", data_dir.to_str().unwrap()];
    for listener in ["--otlp-grpc", "--otlp-http", "--http"] {
        args.extend([listener, "127.0.0.1:0"]);
    }
    args.extend(extra);
    let mut command = Command::from(binary::command(&args));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("the binary can be started")
}

/// The addresses of `laneway ready http=ADDR otlp_grpc=ADDR otlp_http=ADDR`.
fn addresses(line: &str) -> Option<[SocketAddr; 3]> {
    let mut words = line.strip_suffix('\n')?.strip_prefix("laneway ready ")?.split(' ');
    let mut address = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    let all = [address("http")?, address("otlp_grpc")?, address("otlp_http")?];
    words.next().is_none().then_some(all)
}

fn collect(
    stream: impl AsyncRead + Unpin + Send + 'static,
    keep: impl Fn(&str) + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (mut stream, mut line) = (BufReader::new(stream), Vec::new());
        while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            keep(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
