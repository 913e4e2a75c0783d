//! HTTP calls: axum to reqwest to axum, and tower services.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::get;
use axum::{Router, http};
use laneway::http::{ClientLayer, ServerLayer};
use laneway::reqwest::Middleware;
use laneway::{Context, Lane, with_lane};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tower::{Layer, Service, ServiceExt};
use tracing::{Instrument, info_span};

use crate::collector::Bed;
use crate::tree::{int, is_error, status_message, text};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

fn traced_client(middleware: Middleware) -> ClientWithMiddleware {
    ClientBuilder::new(reqwest::Client::new()).with(middleware).build()
}

fn request(path: &str) -> Request<Body> {
    Request::get(path)
        .header("host", "shop.example:8080")
        .header("user-agent", "test/1")
        .header("traceparent", PARENT)
        .header("baggage", "lane=grey,user=alice")
        .body(Body::empty())
        .unwrap()
}

async fn read(
    response: Response<impl axum::body::HttpBody<Data = bytes::Bytes, Error = axum::Error> + Send + 'static>,
) -> String {
    let body = axum::body::to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn trace_and_lane_go_through_axum_and_reqwest() {
    let bed = Bed::start().await;
    let items = get(|headers: HeaderMap| async move {
        assert_eq!(laneway::current_lane().as_str(), "grey");
        headers["baggage"].to_str().unwrap().to_owned()
    });
    let backend = serve(Router::new().route("/items", items).layer(ServerLayer::new())).await;
    let client = traced_client(Middleware::new());
    let cart = get(move |State(client): State<ClientWithMiddleware>| async move {
        let load = async {
            client
                .get(format!("http://{backend}/items?token=secret"))
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap()
        };
        load.instrument(info_span!("load")).await
    });
    let front = Router::new().route("/cart/{id}", cart).layer(ServerLayer::new()).with_state(client);

    let response = front.oneshot(request("/cart/7?coupon=secret")).await.unwrap();
    assert_eq!(read(response).await, "lane=grey,user=alice");

    let spans = bed.finish().await;
    spans.assert_tree(
        "
         server GET /cart/{id} [grey]
           internal load [grey]
             client GET [grey]
               server GET /items [grey]",
    );
    let server = spans.named("GET /cart/{id}");
    assert_eq!(server.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/cart/{id}"),
        ("network.protocol.version", "1.1"),
        ("server.address", "shop.example"),
        ("url.path", "/cart/7"),
        ("url.scheme", "http"),
        ("user_agent.original", "test/1"),
        ("lane", "grey"),
    ] {
        assert_eq!(text(&server.attributes, key), Some(value), "{key}");
    }
    assert_eq!(int(&server.attributes, "server.port"), Some(8080));
    assert_eq!(int(&server.attributes, "http.response.status_code"), Some(200));
    assert!(server.status.is_none());

    let client = &spans.named("GET").attributes;
    assert_eq!(text(client, "url.full"), Some(format!("http://{backend}/items").as_str()));
    assert_eq!(text(client, "server.address"), Some("127.0.0.1"));
    assert_eq!(int(client, "server.port"), Some(i64::from(backend.port())));
    assert_eq!(int(client, "http.response.status_code"), Some(200));
    assert!(!format!("{:?}", spans.0).contains("secret"), "no query string anywhere");
}

#[tokio::test]
async fn failures_are_marked_at_the_end_that_is_to_blame() {
    let bed = Bed::start().await;
    let app =
        Router::new().route("/broken", get(|| async { StatusCode::BAD_GATEWAY })).layer(ServerLayer::new());
    let backend = serve(app).await;
    let client = traced_client(Middleware::new());
    for path in ["broken", "missing"] {
        client.get(format!("http://{backend}/{path}")).send().await.unwrap();
    }
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         client GET !
           server GET /broken !
         client GET !
           server GET",
    );
    let types: Vec<_> = spans.0.iter().map(|span| text(&span.attributes, "error.type")).collect();
    assert_eq!(types, [Some("502"), Some("502"), Some("404"), None]);
}

#[tokio::test]
async fn a_call_without_an_answer_is_an_error_without_its_query() {
    let bed = Bed::start().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let result = traced_client(Middleware::new()).get(format!("http://{nobody}/?token=secret")).send().await;
    assert!(result.is_err());
    let spans = bed.finish().await;
    let span = spans.named("GET");
    assert!(is_error(span));
    assert_eq!(text(&span.attributes, "error.type"), Some("connect"));
    assert!(
        !status_message(span).is_empty() && !status_message(span).contains("secret"),
        "{}",
        status_message(span)
    );
}

#[tokio::test]
async fn a_panic_and_an_unknown_method_are_named() {
    let bed = Bed::start().await;
    let panics = || async {
        if laneway::current_trace_id().is_some() {
            panic!("on purpose");
        }
    };
    let app = Router::new().route("/panic", get(panics)).layer(ServerLayer::new());
    let task = tokio::spawn(app.clone().oneshot(request("/panic")));
    assert!(task.await.unwrap_err().is_panic());
    let odd = Request::builder().method("BREW").uri("/pot").body(Body::empty()).unwrap();
    app.oneshot(odd).await.unwrap();
    let spans = bed.finish().await;
    let panicked = spans.named("GET /panic");
    assert!(is_error(panicked));
    assert_eq!(text(&panicked.attributes, "error.type"), Some("panic"));
    let odd = spans.named("HTTP");
    assert_eq!(text(&odd.attributes, "http.request.method"), Some("_OTHER"));
    assert_eq!(text(&odd.attributes, "http.request.method_original"), Some("BREW"));
}

#[tokio::test]
async fn an_untrusted_caller_has_no_say_about_the_lane() {
    let bed = Bed::start().await;
    let app = Router::new()
        .route("/", get(|headers: HeaderMap| async move { headers.contains_key("baggage").to_string() }))
        .layer(ServerLayer::new().untrusted());
    let response = app.oneshot(request("/")).await.unwrap();
    assert_eq!(read(response).await, "false", "the header is gone too");
    let spans = bed.finish().await;
    spans.assert_tree("server GET /");
    assert_eq!(spans.named("GET /").parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
}

#[tokio::test]
async fn a_call_that_leaves_the_fleet_takes_the_trace_only() {
    let bed = Bed::start().await;
    let echo = get(|headers: HeaderMap| async move {
        format!("{} {}", headers.contains_key("traceparent"), headers.contains_key("baggage"))
    });
    let outside = serve(Router::new().route("/", echo)).await;
    let seen = with_lane(Lane::new("grey").unwrap(), async {
        let client = traced_client(Middleware::new().external());
        let request = client.get(format!("http://{outside}/")).header("baggage", "lane=copied");
        request.send().await.unwrap().text().await.unwrap()
    });
    assert_eq!(seen.await, "true false");
    bed.finish().await.assert_tree("client GET [grey] ");
}

#[tokio::test]
async fn a_span_lasts_as_long_as_the_body_and_not_longer() {
    let bed = Bed::start().await;
    let (chunks, receiver) = tokio::sync::mpsc::channel::<&'static str>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let stream = move || {
        let chunks = tokio_stream::wrappers::ReceiverStream::new(receiver.lock().unwrap().take().unwrap());
        // Outlives the request, holding on to its span.
        laneway::spawn(std::future::pending::<()>());
        let body = Body::from_stream(chunks.map(|chunk| {
            info_span!("chunk").in_scope(|| {});
            Ok::<_, Infallible>(chunk)
        }));
        async { body }
    };
    let app = Router::new().route("/", get(stream)).layer(ServerLayer::new());
    let response = app.oneshot(request("/")).await.unwrap();
    assert!(bed.guard.flush().await);
    assert_eq!(bed.collector.spans().0.len(), 0, "the body has not ended");
    let reading = tokio::spawn(read(response));
    chunks.send("one ").await.unwrap();
    chunks.send("two").await.unwrap();
    drop(chunks);
    assert_eq!(reading.await.unwrap(), "one two");
    bed.finish().await.assert_tree(
        "
         server GET / [grey]
           internal chunk [grey]
           internal chunk [grey]",
    );
}

#[tokio::test]
async fn an_abandoned_request_ends_its_spans() {
    let bed = Bed::start().await;
    let app = Router::new().route("/", get(std::future::pending::<()>)).layer(ServerLayer::new());
    let backend = serve(app).await;
    let call = async { traced_client(Middleware::new()).get(format!("http://{backend}/")).send().await };
    tokio::time::timeout(Duration::from_millis(200), call).await.unwrap_err();
    // The server learns of it by the connection that was closed.
    while bed.collector.spans().0.len() < 2 {
        bed.guard.flush().await;
        tokio::task::yield_now().await;
    }
    bed.finish().await.assert_tree(
        "
         client GET
           server GET /",
    );
}

#[tokio::test]
async fn any_tower_service_can_be_called_and_can_fail() {
    let bed = Bed::start().await;
    let echo = tower::service_fn(|request: Request<Body>| async move {
        match request.headers().get("traceparent") {
            Some(header) if request.uri().path() == "/echo" => {
                Ok(Response::new(Body::from(header.to_str().unwrap().to_owned())))
            }
            _ => Err("no route to host"),
        }
    });
    let mut client = ClientLayer::new().layer(echo);
    let get = |path: &str| {
        Request::get(format!("https://user:pass@shop.example{path}?q=1")).body(Body::empty()).unwrap()
    };
    let sent = read(client.ready().await.unwrap().call(get("/echo")).await.unwrap()).await;
    client.ready().await.unwrap().call(get("/lost")).await.unwrap_err();
    let spans = bed.finish().await;
    spans.assert_tree("\nclient GET\nclient GET !");
    let span_id = u64::from_be_bytes(spans.0[0].span_id.clone().try_into().unwrap());
    assert!(sent.contains(&format!("{span_id:016x}")), "the header names the client span");
    assert_eq!(text(&spans.0[0].attributes, "url.full"), Some("https://shop.example/echo"));
    assert_eq!(int(&spans.0[0].attributes, "server.port"), Some(443));
    assert_eq!(status_message(&spans.0[1]), "no route to host");
}

#[tokio::test]
async fn without_a_subscriber_the_context_is_passed_on_untouched() {
    let _none = tracing::dispatcher::set_default(&tracing::Dispatch::none());
    let echo = tower::service_fn(|request: Request<Body>| async move {
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        Ok::<_, Infallible>(http::Response::new(Body::from(format!(
            "{} {}",
            header("traceparent"),
            header("baggage")
        ))))
    });
    let proxy = tower::service_fn(move |_: Request<Body>| {
        assert!(Context::current().is_remote());
        ClientLayer::new().layer(echo).oneshot(Request::get("http://next/").body(Body::empty()).unwrap())
    });
    let response = ServerLayer::new().layer(proxy).oneshot(request("/")).await.unwrap();
    assert_eq!(read(response).await, format!("{PARENT} lane=grey,user=alice"));
}

#[tokio::test]
async fn hyper_s_client_carries_trace_and_lane_over_the_wire() {
    let bed = Bed::start().await;
    let lane = get(|| async { laneway::current_lane().to_string() });
    let backend = serve(Router::new().route("/lane", lane).layer(ServerLayer::new())).await;
    let hyper =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let client = ClientLayer::new().layer(hyper);
    let request = Request::get(format!("http://{backend}/lane")).body(Body::empty()).unwrap();
    let call = async {
        let response = client.oneshot(request).await.unwrap();
        axum::body::to_bytes(Body::new(response.into_body()), 1 << 10).await.unwrap()
    };
    assert_eq!(with_lane(Lane::new("grey").unwrap(), call).await, "grey");

    let spans = bed.finish().await;
    spans.assert_tree(
        "
         client GET [grey]
           server GET /lane [grey]",
    );
    assert_eq!(int(&spans.named("GET").attributes, "http.response.status_code"), Some(200));
}
