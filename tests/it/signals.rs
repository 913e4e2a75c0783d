//! Signals that are not traces: refused in a way that no exporter retries.

use laneway_e2e::{Laneway, python};
use reqwest::StatusCode;
use tempfile::TempDir;

#[tokio::test]
async fn metrics_and_logs_are_refused_for_good() {
    let dir = TempDir::new().unwrap();
    let server = Laneway::start(dir.path(), &[]).await;
    for signal in ["metrics", "logs"] {
        let code = python::run("signals.py", &[signal, &server.otlp_grpc.to_string()]);
        assert_eq!(code.trim(), "UNIMPLEMENTED", "{signal} over gRPC");
        let (status, _) = server.post(&format!("/v1/{signal}"), "application/x-protobuf", Vec::new()).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{signal} over HTTP");
    }
}
