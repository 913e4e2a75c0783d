use super::*;

#[test]
fn a_request_is_a_line() {
    let (requests, received) = std::sync::mpsc::channel();
    let deliver = move |request| requests.send(request).unwrap();
    let (_, guard) = crate::builder().service_name("cart").deliver(deliver).build_subscriber().unwrap();
    {
        let _scope = guard.default_scope();
        crate::span!("work", rows = 3).end();
    }
    drop(guard);
    let mut out = Vec::new();
    received.iter().for_each(|request| write_line(&request, &mut out));
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out.lines().count(), 1);
    let request: serde_json::Value = serde_json::from_str(&out).unwrap();
    let span = &request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["name"], "work");
    assert_eq!(span["attributes"][1], serde_json::json!({"key": "rows", "value": {"intValue": "3"}}));
}
