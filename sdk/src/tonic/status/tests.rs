use super::*;
use http::HeaderValue;

fn headers(status: &'static str, message: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, HeaderValue::from_static(status));
    headers.insert(MESSAGE_HEADER, HeaderValue::from_static(message));
    headers
}

#[test]
fn codes_are_named_and_messages_decoded() {
    let outcome = Outcome::of_headers(&headers("5", "no%20such%20cart"));
    assert_eq!(outcome, Outcome { code: "NOT_FOUND", message: Some("no such cart".to_owned()) });
    for odd in ["17", "-1", "x", ""] {
        assert_eq!(
            Outcome::of_headers(&headers(odd, "")),
            Outcome { code: "UNKNOWN", message: None },
            "{odd}"
        );
    }
    assert_eq!(Outcome::of_headers(&HeaderMap::new()).code, "UNKNOWN");
}

#[test]
fn the_callers_mistakes_are_errors_on_the_client_only() {
    let errors = |is_server| {
        let is_error = move |code: &&&'static str| Outcome { code, message: None }.is_error(is_server);
        NAMES.iter().filter(is_error).count()
    };
    assert_eq!(errors(false), 16);
    assert_eq!(errors(true), 6);
}
