//! The traced connection of the crate `redis`, against a server that speaks its protocol.

use laneway::redis::Traced;
use laneway::span;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::collector::Bed;
use crate::tree::{int, status_message, text};

/// Answers GET with a text, LPUSH with an error, and anything else with OK.
async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut words = Vec::new();
        let mut line = String::new();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let count: usize = line.trim_start_matches('*').trim().parse().unwrap();
        for _ in 0..count {
            line.clear();
            lines.read_line(&mut line).await?;
            let mut word = vec![0; line.trim_start_matches('$').trim().parse::<usize>().unwrap() + 2];
            lines.read_exact(&mut word).await?;
            words.push(String::from_utf8_lossy(&word).trim().to_owned());
        }
        let answer: &[u8] = match words[0].to_ascii_uppercase().as_str() {
            "GET" => b"$5\r\n1 cup\r\n",
            "LPUSH" => b"-WRONGTYPE not a list\r\n",
            _ => b"+OK\r\n",
        };
        write.write_all(answer).await?;
    }
}

#[tokio::test]
async fn commands_are_client_spans() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/3", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut connection = Traced::new(connection).server_address("cache", 6379);

    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let work = async {
        let item: String = redis::cmd("get").arg("secret key").query_async(&mut connection).await.unwrap();
        assert_eq!(item, "1 cup");
        let failed: redis::RedisResult<()> =
            redis::cmd("LPUSH").arg("k").arg(1).query_async(&mut connection).await;
        failed.unwrap_err();
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg("a").arg(1).ignore().cmd("SET").arg("b").arg(2).ignore();
        let () = pipeline.query_async(&mut connection).await.unwrap();
    };
    span!("request").instrument(work).await;
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal request
           client GET
           client LPUSH !
           client PIPELINE",
    );
    let get = &spans.named("GET").attributes;
    for (key, expected) in [
        ("db.system.name", "redis"),
        ("db.operation.name", "GET"),
        ("db.namespace", "3"),
        ("server.address", "cache"),
    ] {
        assert_eq!(text(get, key), Some(expected), "{key}");
    }
    assert_eq!(int(get, "server.port"), Some(6379));
    assert!(!format!("{spans:?}", spans = spans.0).contains("secret"));
    let failed = spans.named("LPUSH");
    assert_eq!(text(&failed.attributes, "db.response.status_code"), Some("WRONGTYPE"));
    assert!(status_message(failed).contains("not a list"), "{}", status_message(failed));
    assert_eq!(int(&spans.named("PIPELINE").attributes, "db.operation.batch.size"), Some(2));
}
