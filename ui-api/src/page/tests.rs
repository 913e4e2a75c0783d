use axum::body::Body;
use axum::http::{Method, Request};
use flate2::read::GzDecoder;
use laneway_storage::testing::span;
use std::io::Read;

use super::{ASSETS, POLICY};
use crate::testing::{Answer, Client, client};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn page() -> Client {
    client([span("x")])
}

fn is_page(answer: &Answer) -> bool {
    answer.header("content-type") == "text/html; charset=utf-8" && answer.text().contains("<div id=\"app\">")
}

async fn asked(path: &str, name: &str, value: &str) -> Answer {
    page().send(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await
}

/// The script that the page loads first.
fn script() -> String {
    let names = ASSETS.keys().filter(|name| name.starts_with("assets/index-") && name.ends_with(".js"));
    format!("/{}", names.max().unwrap())
}

#[tokio::test]
async fn browsers_get_the_page_and_programs_the_index() {
    assert!(is_page(&page().get_accepting("/", BROWSER).await));
    for accept in ["application/json", "*/*"] {
        assert_eq!(page().get_accepting("/", accept).await.json()["name"], "laneway");
    }
    assert_eq!(page().get("/").await.header("vary"), "accept, accept-encoding");
}

#[tokio::test]
async fn every_view_has_an_address_and_none_is_within_the_api() {
    for path in [
        "/search?service=a",
        "/trace/0af7651916cd43dd8448eb211c80319c",
        "/services/a%2Fb",
        "/map",
        "/lanes/x",
        "/compare",
        "/status",
    ] {
        let answer = page().get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(is_page(&answer), "{path}");
    }
    let mistyped = page().get_accepting("/nothing/here", BROWSER).await;
    assert_eq!(mistyped.status, 404);
    assert!(is_page(&mistyped));
    for path in ["/api/nothing", "/api/v1/nothing", "/api", "/api/v1/search", "/assets/nothing.js"] {
        let answer = page().get_accepting(path, BROWSER).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (404, "application/json"),
            "{path}"
        );
    }
    assert_eq!(page().call(Method::POST, "/search").await.status, 404);
    assert_eq!(page().call(Method::HEAD, "/search").await.status, 200);
}

#[tokio::test]
async fn the_page_may_run_its_own_scripts_and_nothing_else() {
    for path in ["/search", &script(), "/favicon.svg"] {
        let answer = page().get(path).await;
        assert_eq!(answer.header("content-security-policy"), POLICY, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.headers.get("set-cookie").is_none(), "{path}");
    }
    assert!(!POLICY.contains("unsafe") && !POLICY.contains("http"), "{POLICY}");
    // What the policy forbids is not there to begin with.
    let document = page().get("/search").await;
    assert!(!document.text().contains("style="), "{}", document.text());
    assert!(!document.text().contains("<script>"), "{}", document.text());
}

#[tokio::test]
async fn hashed_files_are_kept_and_the_page_is_asked_for_anew() {
    let file = page().get(&script()).await;
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
    let document = page().get("/search").await;
    assert_eq!(document.header("cache-control"), "no-cache");
    let etag = document.header("etag").to_owned();
    let again = asked("/trace/1", "if-none-match", &format!("\"other\", W/{etag}")).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), etag);
    assert_eq!(asked("/search", "if-none-match", "\"other\"").await.status, 200);
}

#[tokio::test]
async fn files_are_compressed_for_whoever_takes_it() {
    let plain = page().get(&script()).await;
    let packed = asked(&script(), "accept-encoding", "br, gzip;q=0.5").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    for refusal in ["br", "gzip;q=0", "gzip;q=0.0"] {
        assert_eq!(
            asked(&script(), "accept-encoding", refusal).await.header("content-encoding"),
            "",
            "{refusal}"
        );
    }
}

#[test]
fn the_first_load_is_small() {
    let document = String::from_utf8(ASSETS["index.html"].plain.to_vec()).unwrap();
    let needed = ASSETS.iter().filter(|(name, _)| *name == "index.html" || document.contains(name.as_ref()));
    let bytes: usize = needed.map(|(_, asset)| asset.gzip.len()).sum();
    assert!(bytes < 400 * 1024, "{bytes} bytes");
}
