//! A running server that a benchmark measures from outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// A running server, which ends and whose data goes when this is dropped.
pub(crate) struct Server {
    process: Child,
    data_dir: PathBuf,
    http: String,
    otlp_grpc: String,
    otlp_http: String,
}

impl Server {
    /// Starts it and waits until it accepts spans.
    pub(crate) fn start(binary: &Path, data_dir: &Path, environment: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data-dir").arg(data_dir);
        for port in ["--otlp-grpc", "--otlp-http", "--http"] {
            command.args([port, "127.0.0.1:0"]);
        }
        for variable in environment {
            let (name, value) =
                variable.split_once('=').with_context(|| format!("{variable} is not NAME=VALUE"))?;
            command.env(name, value);
        }
        let process = command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let mut server = Self {
            process,
            data_dir: data_dir.to_owned(),
            http: String::new(),
            otlp_grpc: String::new(),
            otlp_http: String::new(),
        };
        let output = server.process.stdout.take().context("no output of the server")?;
        let mut ready = String::new();
        BufReader::new(output).read_line(&mut ready)?;
        let address = |name: &str| {
            let found = ready.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned).with_context(|| format!("the ready line has no {name}: {ready:?}"))
        };
        (server.http, server.otlp_grpc, server.otlp_http) =
            (address("http")?, address("otlp_grpc")?, address("otlp_http")?);
        Ok(server)
    }

    /// Loads it with these flags of `laneway load`; returns the report.
    pub(crate) fn load(
        &self,
        binary: &Path,
        protocol: &str,
        flags: &[String],
    ) -> anyhow::Result<serde_json::Value> {
        let endpoint = if protocol == "grpc" { &self.otlp_grpc } else { &self.otlp_http };
        let mut command = Command::new(binary);
        command.arg("load").args(["--protocol", protocol, "--endpoint", &format!("http://{endpoint}")]);
        command.args(flags);
        let output = command.stderr(Stdio::inherit()).output().context("cannot start the load")?;
        let report = String::from_utf8(output.stdout)?;
        serde_json::from_str(report.trim()).with_context(|| format!("the load's report: {report:?}"))
    }

    /// CPU time of the process so far, user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.process.id())
    }

    /// Waits until what follows the last request is done: sealing, merging. Returns the CPU time by then.
    pub(crate) fn wait_until_idle(&self) -> anyhow::Result<Duration> {
        const SECOND: Duration = Duration::from_secs(1);
        let mut before = self.cpu()?;
        loop {
            std::thread::sleep(SECOND);
            let now = self.cpu()?;
            if now - before < SECOND / 50 {
                return Ok(now);
            }
            before = now;
        }
    }

    /// The most memory that it ever had.
    pub(crate) fn peak_rss_mb(&self) -> anyhow::Result<f64> {
        self.status_mb("VmHWM:")
    }

    /// The memory that it has when it was idle for some time.
    pub(crate) fn rss_mb_after(&self, idle: Duration) -> anyhow::Result<f64> {
        self.wait_until_idle()?;
        std::thread::sleep(idle);
        self.status_mb("VmRSS:")
    }

    /// Bytes of the parts, by span.
    pub(crate) fn disk_bytes_per_span(&self) -> anyhow::Result<f64> {
        Ok(self.metric("laneway_store_part_bytes")? / self.metric("laneway_store_part_spans")?.max(1.0))
    }

    fn status_mb(&self, name: &str) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).context("no such memory figure")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        proc(self.process.id(), file)
    }

    /// A figure of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let (_, text) = self.client()?.get("/metrics")?;
        let text = String::from_utf8(text)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("/metrics has no {name}"))?.trim().parse()?)
    }

    /// A connection to its query API.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::connect(&self.http)
    }

    /// Ends it with SIGTERM and starts it again over the same data; returns how long it took to be ready.
    pub(crate) fn restart(&mut self, binary: &Path, environment: &[String]) -> anyhow::Result<Duration> {
        let pid = self.process.id().to_string();
        ensure!(Command::new("kill").arg(&pid).status()?.success(), "cannot end the server");
        self.process.wait()?;
        let began = Instant::now();
        let mut started = Self::start(binary, &self.data_dir, environment)?;
        let took = began.elapsed();
        std::mem::swap(self, &mut started);
        // What ended holds the directory that the other one uses now.
        started.data_dir = PathBuf::new();
        Ok(took)
    }
}

/// CPU time of a process so far, user and system.
pub(crate) fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    // Linux counts in ticks, of which user space sees 100 a second whatever the kernel uses (man 5 proc_pid_stat).
    const TICK: Duration = Duration::from_millis(10);
    let stat = proc(pid, "stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let ticks: Vec<u32> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(TICK * ticks.iter().sum())
}

fn proc(pid: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}

/// A connection that is kept alive from request to request.
pub(crate) struct Client {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(host: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { host: host.to_owned(), stream: BufReader::new(stream) })
    }

    /// The status and the body of a `GET`.
    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.send(request.as_bytes())
    }

    /// The status and the body of a `POST`.
    pub(crate) fn post(&mut self, path: &str, body: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", self.host, body.len());
        self.send(format!("{head}{body}").as_bytes())
    }

    fn send(&mut self, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            ensure!(self.stream.read_until(b'\n', &mut head)? > 0, "the server closed the connection");
        }
        let head = String::from_utf8(head)?.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let mut body = vec![0; length.context("no content-length")?.trim().parse()?];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is wanted any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.data_dir);
    }
}
