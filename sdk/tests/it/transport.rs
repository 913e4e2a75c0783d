//! Exports over TLS and compressed, against a server that insists.

use std::path::PathBuf;

use laneway::Stats;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tokio::net::TcpListener;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::collector::{Bed, Collector};

/// A directory of this test's own, removed with it.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("laneway-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn both_ends_show_their_certificates() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem())
    };
    let ((server, server_key), (client, client_key)) = (issue("localhost"), issue("cart"));
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(server, server_key))
        .client_ca_root(Certificate::from_pem(authority.pem()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = Collector::serve_tls(listener, tls);
    let endpoint = format!("https://localhost:{}", collector.address.port());

    let files = Files::new("tls");
    let authority = files.write("authority.pem", &authority.pem());
    let (certificate, key) = (files.write("client.pem", &client), files.write("client.key", &client_key));
    let bed = Bed::against(collector, |builder| {
        builder.endpoint(endpoint).certificate(authority).client_certificate(certificate, key)
    });
    tracing::info_span!("secret").in_scope(|| {});
    let (spans, stats) = bed.finish_with_stats().await;
    spans.named("secret");
    assert!(matches!(stats, Stats { exported: 1, .. }), "{stats:?}");
}

#[cfg(feature = "gzip")]
#[tokio::test]
async fn compressed_requests_are_smaller_and_the_same() {
    let mut sizes = Vec::new();
    for compress in [false, true] {
        let bed = Bed::with(|builder| builder.compress(compress)).await;
        for _ in 0..500 {
            tracing::info_span!("repeated", key = "the same value every time").in_scope(|| {});
        }
        assert!(bed.guard.flush().await);
        let encoding =
            bed.collector.last_metadata().get("grpc-encoding").map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(encoding.as_deref(), compress.then_some("gzip"));
        sizes.push(bed.finish().await.0.len());
    }
    assert_eq!(sizes, [500, 500]);
}
