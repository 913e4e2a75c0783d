use super::env::{Env, key_values};
use super::settings::{limits, resource, sampler};
use super::*;

/// Resolves options in an environment of these variables only.
fn resolve<const N: usize>(builder: Builder, env: [(&str, &str); N]) -> Result<Option<Settings>, InitError> {
    let find = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Settings::resolve(builder.options, &find)
}

fn settings<const N: usize>(env: [(&str, &str); N]) -> Settings {
    resolve(builder(), env).unwrap().unwrap()
}

fn client(settings: Settings) -> crate::exporter::ClientSettings {
    match settings.worker.destination {
        crate::exporter::Destination::Collector(client) => *client,
        crate::exporter::Destination::Function(_) => panic!("no function was given"),
    }
}

fn with_env<T>(env: &[(&str, &str)], f: impl FnOnce(&mut Env<'_>) -> T) -> (T, usize) {
    let find = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let mut env = Env::new(&find);
    let result = f(&mut env);
    (result, env.warnings.len())
}

#[test]
fn the_resource_names_the_service_its_lane_and_its_instance() {
    let options = builder().resource_attribute("team", "shop").service_name("cart").options;
    let env = [
        ("OTEL_SERVICE_NAME", "from-env"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=env, region=eu%20west ,service.name=lowest"),
        ("LANEWAY_LANE", "grey-v2"),
    ];
    let (resource, warnings) = with_env(&env, |env| resource(&options, env).unwrap());
    assert_eq!(warnings, 0);
    for (key, value) in [
        ("service.name", "cart"),
        ("team", "shop"),
        ("region", "eu west"),
        ("service.lane", "grey-v2"),
        ("telemetry.sdk.name", "laneway"),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(resource.get(key), Some(value), "{key}");
    }
    let id = resource.get("service.instance.id").unwrap();
    let shape: String = id.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    assert!(&id[14..15] == "4" && "89ab".contains(&id[19..20]), "{id} is of version 4");

    let (resource, _) = with_env(&[], |env| super::settings::resource(&Options::default(), env).unwrap());
    assert!(resource.get("service.name").unwrap().starts_with("unknown_service:"));
    assert_eq!(resource.get("service.lane"), None);
}

#[test]
fn samplers_are_named_as_opentelemetry_names_them() {
    for (name, arg, expected) in [
        ("always_on", "", Some(Sampler::always_on())),
        ("always_off", "", Some(Sampler::always_off())),
        ("parentbased_always_on", "", Some(Sampler::default())),
        ("parentbased_always_off", "", Some(Sampler::always_off().parent_based())),
        ("traceidratio", "0.25", Some(Sampler::trace_id_ratio(0.25))),
        ("parentbased_traceidratio", "0.25", Some(Sampler::trace_id_ratio(0.25).parent_based())),
        ("traceidratio", "", Some(Sampler::trace_id_ratio(1.0))),
    ] {
        let env = [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", arg)];
        assert_eq!(with_env(&env, sampler), (expected, 0), "{name} {arg}");
    }
    let odd = [("OTEL_TRACES_SAMPLER", "jaeger_remote")];
    assert_eq!(with_env(&odd, sampler), (None, 1));
    for arg in ["2", "-1", "NaN", "half"] {
        let env = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", arg)];
        assert_eq!(with_env(&env, sampler), (Some(Sampler::trace_id_ratio(1.0)), 1), "{arg}");
    }
}

#[test]
fn limits_come_from_the_environment() {
    let env = [
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "10"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "20"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "30"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "many"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "50"),
    ];
    let expected = crate::record::Limits {
        attributes: 20,
        events: 30,
        links: 128,
        event_attributes: 10,
        link_attributes: 10,
        text_bytes: 50,
    };
    assert_eq!(with_env(&env, limits), (expected, 1));
}

#[test]
fn the_batch_settings_of_the_environment_yield_to_code() {
    let env = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0x"),
    ];
    let from_env = settings(env);
    assert_eq!((from_env.queue.max_spans, from_env.queue.chunk_spans), (100, 100), "a batch fits the queue");
    assert_eq!(from_env.worker.schedule_delay, Duration::from_millis(50));
    assert_eq!(from_env.worker.export_timeout, Builder::DEFAULT_EXPORT_TIMEOUT);
    assert_eq!(from_env.worker.warnings.len(), 1);
    let from_code = resolve(builder().max_queue_spans(7), env).unwrap().unwrap();
    assert_eq!(from_code.queue.max_spans, 7);
}

#[test]
fn the_sdk_can_be_disabled() {
    for env in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert!(resolve(builder(), [env]).unwrap().is_none(), "{env:?}");
    }
    for env in [("OTEL_SDK_DISABLED", "1"), ("OTEL_SDK_DISABLED", ""), ("OTEL_TRACES_EXPORTER", "otlp")] {
        assert!(resolve(builder(), [env]).unwrap().is_some(), "{env:?}");
    }
}

#[test]
fn endpoints_are_checked() {
    let uri = |given: &str| {
        resolve(builder().endpoint(given), [])
            .map(|settings| client(settings.unwrap()).endpoint.uri().to_string())
    };
    assert_eq!(uri("http://localhost:4317").unwrap(), "http://localhost:4317/");
    assert_eq!(uri("collector:4317").unwrap(), "http://collector:4317/");
    for bad in ["http://", "ftp://x", "unix:///sock", "http://a b", "::"] {
        assert!(matches!(uri(bad), Err(InitError::Endpoint { .. })), "{bad}");
    }
    let is_refused = |result: Result<String, InitError>| matches!(result, Err(InitError::Tls { .. }));
    assert_eq!(is_refused(uri("https://localhost:4317")), cfg!(not(feature = "tls")));
    let secure =
        [("OTEL_EXPORTER_OTLP_INSECURE", "false"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")];
    let secure =
        resolve(builder(), secure).map(|settings| client(settings.unwrap()).endpoint.uri().to_string());
    match secure {
        Ok(uri) => assert_eq!(uri, "https://collector:4317/"),
        other => assert!(is_refused(other)),
    }
    let both = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:2"),
    ];
    assert_eq!(client(settings(both)).endpoint.uri().to_string(), "http://traces:2/");
}

#[test]
fn what_is_not_known_of_compression_and_propagators_is_told() {
    let compression = |name| client(settings([("OTEL_EXPORTER_OTLP_COMPRESSION", name)])).compression;
    assert_eq!(compression("none"), crate::exporter::Compression::None);
    #[cfg(feature = "gzip")]
    assert_eq!(compression("gzip"), crate::exporter::Compression::Gzip);
    let odd = settings([("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"), ("OTEL_PROPAGATORS", "b3,xray,none")]);
    assert_eq!(odd.worker.warnings.len(), 2);
    let variable = |name: &str| (name == "OTEL_PROPAGATORS").then(|| "b3, tracecontext,b3".to_owned());
    let propagation = settings::propagation(&builder().service_name("cart").options, &variable);
    assert_eq!(propagation.formats, [Format::B3, Format::TraceContext]);
    assert_eq!(propagation.identity.service, "cart");
}

#[cfg(feature = "tls")]
#[test]
fn certificates_are_read_when_they_are_wanted() {
    let tls = |builder: Builder| resolve(builder.endpoint("https://collector:4317"), []).map(|_| ());
    assert!(matches!(tls(builder().certificate("no/such/file")), Err(InitError::Certificate { .. })));
    let key_alone =
        [("OTEL_EXPORTER_OTLP_CLIENT_KEY", "Cargo.toml"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:1")];
    assert!(matches!(resolve(builder(), key_alone), Err(InitError::ClientCertificate)));
    assert!(matches!(tls(builder().certificate("Cargo.toml")), Err(InitError::TlsConfig { .. })));
}

#[test]
fn headers_are_sent_and_never_shown() {
    let env = [("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%3Db,Tenant=t")];
    let headers = client(resolve(builder().header("tenant", "code"), env).unwrap().unwrap()).headers;
    assert_eq!(headers.get("api-key").unwrap(), "a=b");
    assert_eq!(headers.get("tenant").unwrap(), "code");

    let error = resolve(builder().header("x", "secret\n"), []).err().unwrap();
    assert!(matches!(error, InitError::Header { .. }));
    let broken_list = resolve(builder(), [("OTEL_EXPORTER_OTLP_HEADERS", "secret")]).err().unwrap();
    assert!(matches!(broken_list, InitError::HeaderList { .. }));
    for text in [error.to_string(), format!("{error:?}"), broken_list.to_string()] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn what_would_go_wrong_silently_is_an_error() {
    assert!(matches!(resolve(builder(), [("LANEWAY_LANE", "Grey")]), Err(InitError::Lane { .. })));
    let protocol = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    assert!(matches!(resolve(builder(), [protocol]), Err(InitError::Protocol { .. })));
    assert!(resolve(builder(), [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_ok());
    assert!(matches!(resolve(builder().filter("a=loud"), []), Err(InitError::Filter { .. })));
}

#[test]
fn lists_are_read_whole_or_not_at_all() {
    let pairs = |pairs: &[(&str, &str)]| {
        Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
    };
    assert_eq!(key_values("a=1, b = x%2Cy ,c=,"), pairs(&[("a", "1"), ("b", "x,y"), ("c", "")]));
    assert_eq!(key_values("a=1=2"), pairs(&[("a", "1=2")]));
    for bad in ["a", "=1", "a=1,b", "a=%ff"] {
        assert_eq!(key_values(bad), None, "{bad}");
    }
}

#[test]
fn the_log_level_is_by_name_of_either_case() {
    use super::settings::log_level;
    use tracing_subscriber::filter::LevelFilter;

    for (name, level) in
        [("DEBUG", LevelFilter::DEBUG), ("none", LevelFilter::OFF), ("Warning", LevelFilter::WARN)]
    {
        assert_eq!(with_env(&[("OTEL_LOG_LEVEL", name)], log_level), (Some(level), 0));
    }
    assert_eq!(with_env(&[("OTEL_LOG_LEVEL", "loud")], log_level), (None, 1));
    assert_eq!(with_env(&[], log_level), (None, 0));
}

#[cfg(feature = "console")]
#[test]
fn the_console_takes_the_place_of_the_collector() {
    let settings = settings([("OTEL_TRACES_EXPORTER", "console")]);
    assert!(matches!(settings.worker.destination, crate::exporter::Destination::Function(_)));
    assert!(settings.worker.warnings.is_empty());
}
