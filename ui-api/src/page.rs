//! The page: files that `web/` was built into, and that are part of the binary.
//!
//! The page draws what strangers sent. Its policy lets it run its own scripts and ask its own server, nothing else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

#[cfg(test)]
mod tests;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// First segments of the paths that the page itself has views for (`web/src/App.svelte`).
const VIEWS: [&str; 7] = ["compare", "lanes", "map", "search", "services", "status", "trace"];

/// An answer depends on whether the client takes HTML, and gzip.
pub(crate) const VARY: HeaderValue = HeaderValue::from_static("accept, accept-encoding");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types svelte-trusted-html laneway-worker";

/// A file, ready to be sent.
struct Asset {
    media_type: &'static str,
    /// Of its contents, so a browser asks only whether they are still the same.
    etag: String,
    plain: Bytes,
    gzip: Bytes,
    /// Its name holds a hash of its contents: it never changes.
    immutable: bool,
}

static ASSETS: LazyLock<HashMap<Cow<'static, str>, Asset>> = LazyLock::new(|| {
    Files::iter().filter_map(|path| Some((path.clone(), Asset::of(&path, Files::get(&path)?)))).collect()
});

impl Asset {
    fn of(path: &str, file: rust_embed::EmbeddedFile) -> Self {
        let hash = file.metadata.sha256_hash();
        let etag = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let plain = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Self {
            media_type: media_type(path),
            etag: format!("\"{etag}\""),
            gzip: compressed(&plain),
            plain,
            immutable: path.starts_with("assets/"),
        }
    }

    fn response(&self, headers: &HeaderMap) -> Response {
        let caching = if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let is_known = known
            .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.etag));
        let common = [
            (header::CACHE_CONTROL, caching),
            (header::ETAG, self.etag.as_str()),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        let vary = [(header::VARY, VARY)];
        if is_known {
            return (StatusCode::NOT_MODIFIED, common, vary).into_response();
        }
        let content_type = [(header::CONTENT_TYPE, self.media_type)];
        if takes_gzip(headers) {
            return (common, vary, content_type, [(header::CONTENT_ENCODING, "gzip")], self.gzip.clone())
                .into_response();
        }
        (common, vary, content_type, self.plain.clone()).into_response()
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn compressed(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && weight.trim().trim_start_matches("q=").parse() != Ok(0.0)
    })
}

/// Whether the client is a browser that opens a page: it names HTML, and does not merely take anything.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        range.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/html"))
    })
}

/// The page itself, which finds out from the address what to show.
pub(crate) fn document(headers: &HeaderMap) -> Response {
    match ASSETS.get("index.html") {
        Some(asset) => asset.response(headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What a path has that no route has: a file of the page, or one of its views. Nothing for the paths of the API.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    let path = path.strip_prefix('/')?;
    let first = path.split('/').next().unwrap_or_default();
    if first == "api" {
        return None;
    }
    if path != "index.html"
        && let Some(asset) = ASSETS.get(path)
    {
        return Some(asset.response(headers));
    }
    if VIEWS.contains(&first) {
        return Some(document(headers));
    }
    // Whoever mistyped an address gets the page as well, which says so; a missing file of the page is no page.
    (first != "assets" && is_wanted(headers))
        .then(|| (StatusCode::NOT_FOUND, document(&HeaderMap::new())).into_response())
}
