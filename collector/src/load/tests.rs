use std::collections::HashSet;
use std::net::SocketAddr;

use clap::Parser;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use sink::{Reply, Sink};

mod sink;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    load: LoadArgs,
}

fn args(sink: SocketAddr, flags: &str) -> LoadArgs {
    let endpoint = format!("--endpoint=http://{sink} --http=http://{sink} --timeout=2");
    Cli::try_parse_from(std::iter::once("load").chain(endpoint.split(' ')).chain(flags.split(' ')))
        .unwrap()
        .load
}

fn is_success(code: ExitCode) -> bool {
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

#[tokio::test]
async fn every_span_arrives_once_over_either_protocol_compressed_or_not() {
    for flags in ["--protocol=grpc", "--protocol=grpc --gzip", "--protocol=http", "--protocol=http --gzip"] {
        let sink = Sink::start([]).await;
        let args = args(sink.addr, &format!("--spans=2345 --batch=100 --verify {flags}"));
        let (totals, wall, samples) = send(&args, 1).await.unwrap();
        let report = totals.report(1, wall);
        assert_eq!((report.spans_sent, report.spans_acked), (2345, 2345), "{flags}: {totals:?}");
        assert!(report.export_ms.p50 <= report.export_ms.p99 && report.export_ms.p99 <= report.export_ms.max);
        let ids: Vec<_> = sink.spans().into_iter().map(|span| span.span_id).collect();
        assert_eq!(ids.len(), 2345);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 2345);
        assert_eq!(samples.iter().map(|sample| sample.acked.len()).sum::<usize>(), 2345);
        let found = verify::verify(&args.http, samples, 4).await.unwrap();
        assert_eq!((found.missing, found.partial, found.duplicate), (0, 0, 0));
        assert!(found.traces_checked > 100);
    }
}

#[tokio::test]
async fn an_export_that_is_asked_to_come_back_does_and_counts_once() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start([Reply::TryAgain, Reply::TryAgain, Reply::Store]).await;
        let args = args(sink.addr, &format!("--spans=50 --connections=1 --protocol={protocol}"));
        let (totals, ..) = send(&args, 1).await.unwrap();
        assert_eq!((totals.spans_sent, totals.spans_acked, totals.retries), (50, 50, 2), "{totals:?}");
        assert_eq!(sink.spans().len(), 50);
    }
}

#[tokio::test]
async fn refusals_are_counted_and_their_spans_are_not_looked_for() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start([Reply::Store, Reply::Refuse]).await;
        let args = args(
            sink.addr,
            &format!("--spans=100 --batch=50 --connections=1 --verify --protocol={protocol}"),
        );
        let (totals, _, samples) = send(&args, 1).await.unwrap();
        assert_eq!(
            (totals.spans_sent, totals.spans_acked, totals.spans_refused),
            (100, 50, 50),
            "{totals:?}"
        );
        assert!(verify::verify(&args.http, samples, 4).await.unwrap().is_complete());
    }
}

#[tokio::test]
async fn a_server_that_forgets_or_repeats_what_it_acknowledged_is_found_out() {
    let sink = Sink::start([Reply::Store, Reply::Forget, Reply::StoreTwice]).await;
    let flags = args(sink.addr, "--spans=3000 --batch=1000 --split=1 --connections=1 --verify");
    let (.., samples) = send(&flags, 1).await.unwrap();
    let found = verify::verify(&flags.http, samples.clone(), 4).await.unwrap();
    assert_eq!(found.traces_checked, samples.len() as u64);
    assert!(found.missing > 0 && found.duplicate > 0 && found.partial == 0, "{found:?}");

    let sink = Sink::start([Reply::Store, Reply::Forget]).await;
    let flags = args(sink.addr, "--spans=2000 --batch=1000 --connections=1 --verify");
    let (.., samples) = send(&flags, 1).await.unwrap();
    let found = verify::verify(&flags.http, samples, 4).await.unwrap();
    assert!(found.partial > 0, "a trace that is split over exports loses a part: {found:?}");
}

#[tokio::test]
async fn the_exit_code_tells_whether_everything_acknowledged_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("samples");
    for (replies, complete) in [([Reply::Store], true), ([Reply::Forget], false)] {
        let sink = Sink::start(replies).await;
        let samples = format!("--samples={}", file.display());
        let sent = run(args(sink.addr, &format!("--spans=100 --connections=1 {samples}"))).await.unwrap();
        assert!(is_success(sent));
        // The check can come later, from the file alone.
        let checked = run(args(sink.addr, &format!("--spans=0 --verify {samples}"))).await.unwrap();
        assert_eq!(is_success(checked), complete);
        let both = args(sink.addr, "--spans=100 --connections=1 --verify");
        assert!(is_success(run(both).await.unwrap()));
    }
    let nothing = run(args(([127, 0, 0, 1], 9).into(), "--spans=0")).await.unwrap_err();
    assert!(nothing.to_string().contains("--samples"));
}

/// Cuts the first connection in the middle of an export, and hands later ones on.
async fn cut_first(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        first.read_exact(&mut [0; 4000]).await.unwrap();
        drop(first);
        while let Ok((mut inner, _)) = listener.accept().await {
            let mut outer = TcpStream::connect(to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut inner, &mut outer).await });
        }
    });
    addr
}

#[tokio::test]
async fn an_export_without_an_answer_is_neither_acknowledged_nor_sent_again() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start([]).await;
        let flags = format!("--spans=200 --batch=50 --connections=1 --protocol={protocol} --verify");
        let (totals, _, samples) = send(&args(cut_first(sink.addr).await, &flags), 1).await.unwrap();
        assert_eq!(
            (totals.spans_sent, totals.spans_acked, totals.spans_unanswered),
            (200, 150, 50),
            "{totals:?}"
        );
        assert_eq!((totals.reconnects, sink.spans().len()), (1, 150));
        assert_eq!(samples.iter().map(|sample| sample.acked.len()).sum::<usize>(), 150);

        let stop = format!("{flags} --stop-on-disconnect");
        let (totals, ..) = send(&args(cut_first(sink.addr).await, &stop), 1).await.unwrap();
        assert_eq!((totals.spans_sent, totals.spans_unanswered), (50, 50), "{totals:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_was_there_is_an_error_and_one_that_stays_away_ends_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let error = {
        drop(listener);
        send(&args(addr, "--spans=10"), 1).await.unwrap_err()
    };
    assert!(error.to_string().contains("cannot connect"), "{error:#}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        first.read_exact(&mut [0; 4000]).await.unwrap();
    });
    let mut args = args(addr, "--spans=1000 --batch=50 --connections=1");
    args.timeout = 0.2;
    let (totals, ..) = send(&args, 1).await.unwrap();
    assert_eq!((totals.spans_sent, totals.spans_unanswered), (50, 50));
    assert!(totals.gave_up.unwrap().contains("cannot connect"));
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    for flags in [
        "--spans=1 --rate=0",
        "--spans=1 --batch=0",
        "--spans=1 --spans-per-trace=9-3",
        "--spans=1 --lanes=UP",
        "--rate=5",
    ] {
        let parsed = Cli::try_parse_from(std::iter::once("load").chain(flags.split(' ')));
        assert!(parsed.is_err(), "{flags}");
    }
}
