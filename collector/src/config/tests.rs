use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{ByteSize, Config, InvalidConfig, Layers, OptionValue, WalSync};

/// Loads a configuration from the text of a file, variables, and flags.
fn load(file: &str, env: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Config, InvalidConfig> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("laneway.toml");
    std::fs::write(&path, file).unwrap();
    let layers = Layers {
        file: Some(path),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
    };
    Config::load(layers).map_err(|mut error| {
        let dir = dir.path().to_str().unwrap();
        for problem in &mut error.problems {
            problem.origin = problem.origin.replace(dir, "DIR");
        }
        error
    })
}

#[test]
fn nothing_set_gives_the_defaults() {
    assert_eq!(Config::load(Layers::default()).unwrap(), Config::default());
    assert_eq!(load("", &[], &[]).unwrap(), Config::default());
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let file =
        "otlp_grpc = '127.0.0.1:1'\notlp_http = '127.0.0.1:2'\nhttp = '127.0.0.1:3'\n[wal]\nsync = 'never'";
    let env = [("LANEWAY_OTLP_HTTP", "127.0.0.1:20"), ("LANEWAY_HTTP", "127.0.0.1:30")];
    let config = load(file, &env, &[("http", "127.0.0.1:300")]).unwrap();
    assert_eq!(config.general.otlp_grpc.port(), 1);
    assert_eq!(config.general.otlp_http.port(), 20);
    assert_eq!(config.general.http.port(), 300);
    assert_eq!(config.wal.sync, WalSync::Never);
    assert_eq!(config.wal.interval, Config::default().wal.interval);
}

#[test]
fn every_option_can_be_set_by_its_variable() {
    for option in Config::options() {
        let text = option.default.trim_matches('"').trim_matches(['[', ']']).trim_matches('"').to_owned();
        let layers = Layers { env: BTreeMap::from([(option.env(), text)]), ..Layers::default() };
        assert_eq!(Config::load(layers), Ok(Config::default()), "{}", option.env());
        let layers = Layers {
            env: BTreeMap::from([(option.env(), "\u{0}:nonsense".to_owned())]),
            ..Layers::default()
        };
        let is_free_text =
            option.key() == "data_dir" || option.kind == "a text" && option.key() != "clickhouse.url";
        assert_eq!(Config::load(layers).is_err(), !is_free_text, "{}", option.env());
    }
}

#[test]
fn the_file_can_be_named_by_a_variable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.toml");
    std::fs::write(&path, "[segment]\nmax_spans = 5000").unwrap();
    let env = BTreeMap::from([("LANEWAY_CONFIG".to_owned(), path.to_str().unwrap().to_owned())]);
    let config = Config::load(Layers { env, ..Layers::default() }).unwrap();
    assert_eq!(config.segment.max_spans, 5000);
}

#[test]
fn every_problem_is_in_one_message() {
    let file = r#"
data_dri = "x"
otlp_grpc = "0.0.0.0:4317"
http = "127.0.0.1:4318"
wal = { sync = "sometimes", interval = "1h" }
segment = 3
limits.grpc_message_bytes = "5 GiB"
limits.http_body_bytes = "200 MiB"
walls.x = 1
cors.allowed_origins = ["shop.example.com"]
sync = "always"
"#;
    let error =
        load(file, &[("LANEWAY_SHUTDOWN_DRAIN_DEADLINE", "soon")], &[("otlp_http", "4318")]).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @r#"
    the configuration has 13 problems:
      - data_dri (DIR/laneway.toml): there is no such key; did you mean data_dir?
      - segment = 3 (DIR/laneway.toml): is a section: write [segment]
      - sync (DIR/laneway.toml): there is no such key; did you mean wal.sync?
      - walls (DIR/laneway.toml): there is no such key
      - otlp_http = "4318" (flag --otlp-http): expected an IP address or localhost, and a port, such as "127.0.0.1:4317"
      - wal.sync = "sometimes" (DIR/laneway.toml): expected "always", "interval" or "never"
      - wal.interval = "1h" (DIR/laneway.toml): must be from "1ms" to "1m"
      - limits.grpc_message_bytes = "5 GiB" (DIR/laneway.toml): must be from "4 KiB" to "1 GiB"
      - shutdown.drain_deadline = "soon" (environment variable LANEWAY_SHUTDOWN_DRAIN_DEADLINE): expected a duration with its unit, such as "250ms", "10s" or "1m 30s"
      - otlp_grpc = "0.0.0.0:4317" (DIR/laneway.toml): other machines can reach this address and nothing is authenticated yet; use a loopback address, or allow it with --insecure-public
      - http = "127.0.0.1:4318" (DIR/laneway.toml): 127.0.0.1:4318 is already the address of otlp_http
      - limits.ingest_memory_bytes (default): must be at least 600 MiB, three times the larger of limits.grpc_message_bytes and limits.http_body_bytes, or one large request could never be taken
      - cors.allowed_origins = ["shop.example.com"] (DIR/laneway.toml): "shop.example.com" is no origin; write a scheme and a host, such as https://shop.example.com, or loopback, or *
    "#);
}

#[test]
fn a_public_address_needs_consent() {
    let public = "http = '0.0.0.0:16686'";
    assert!(load(public, &[], &[]).is_err());
    assert!(load(public, &[("LANEWAY_INSECURE_PUBLIC", "true")], &[]).is_ok());
    assert!(load(public, &[], &[("insecure_public", "true")]).is_ok());
    assert!(load("http = '[::1]:16686'", &[], &[]).is_ok());
    assert!(load("http = '[::]:16686'", &[], &[]).is_err());
}

#[test]
fn free_ports_do_not_collide() {
    let file = "otlp_grpc = 'localhost:0'\notlp_http = 'localhost:0'\nhttp = 'localhost:0'";
    assert!(load(file, &[], &[]).is_ok());
}

#[test]
fn a_broken_file_does_not_hide_other_problems() {
    let error = load("[wal", &[("LANEWAY_WAL_SYNC", "maybe")], &[]).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert!(error.problems[0].why.starts_with("is not valid TOML"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let file = Path::new("/nowhere/laneway.toml").to_owned();
    let error = Config::load(Layers { file: Some(file), ..Layers::default() }).unwrap_err();
    assert!(error.to_string().contains("/nowhere/laneway.toml"), "{error}");
}

#[test]
fn what_is_printed_is_read_back() {
    let file = "insecure_public = true\ndata_dir = 'a \"quoted\" dir'\n[wal]\nsync = 'interval'\ninterval = '1s 500ms'\n\
                [limits]\ningest_memory_bytes = 100_000_001\n[query]\nthreads = 3\n[topology]\nmax_series = 101\n[cors]\nallowed_origins = ['*', 'https://a.example']";
    let config = load(file, &[], &[]).unwrap();
    assert_ne!(config, Config::default());
    assert_eq!(load(&config.to_toml(), &[], &[]).unwrap(), config);
}

#[test]
fn sizes_are_read_and_written() {
    let read = |text: &str| ByteSize::from_value(&text.into());
    assert_eq!(read("4 MiB"), Some(ByteSize::mebi(4)));
    assert_eq!(read("4mib"), Some(ByteSize::mebi(4)));
    assert_eq!(read("1_000"), Some(ByteSize(1000)));
    assert_eq!(read("7 B"), Some(ByteSize(7)));
    for wrong in ["", "MiB", "4 MB", "-1", "1.5 MiB", "99999999999 TiB"] {
        assert_eq!(read(wrong), None, "{wrong:?}");
    }
    assert_eq!(ByteSize::from_value(&5.into()), Some(ByteSize(5)));
    assert_eq!(ByteSize::from_value(&5_u64.into()), Some(ByteSize(5)));
    assert_eq!(ByteSize::from_value(&(-5).into()), None);
    assert_eq!(ByteSize::from_value(&5.5.into()), None);
    for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1536 B"), (5 << 40, "5 TiB")]
    {
        assert_eq!(ByteSize(bytes).to_string(), text);
    }
}

#[test]
fn durations_need_a_unit() {
    assert_eq!(Duration::from_value(&"1m 30s".into()), Some(Duration::from_secs(90)));
    for wrong in ["", "10", "-5s", "soon"] {
        assert_eq!(Duration::from_value(&wrong.into()), None, "{wrong:?}");
    }
    assert_eq!(Duration::from_value(&10.into()), None);
}

#[test]
fn every_option_is_documented() {
    for option in Config::options() {
        assert!(option.doc.trim().len() > 10, "{}", option.key());
    }
}

/// `docs/configuration.md` is what the declarations say. `LANEWAY_UPDATE_DOCS=1` writes it anew.
#[test]
fn configuration_docs_are_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let documentation = Config::documentation();
    if std::env::var_os("LANEWAY_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &documentation).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == documentation,
        "docs/configuration.md is stale: run this test with LANEWAY_UPDATE_DOCS=1"
    );
}
