use super::*;
use crate::services::Service;

#[tokio::test]
async fn the_parent_is_gone_when_the_pipe_closes() {
    let (pipe, mut parent_end) = std::io::pipe().unwrap();
    let (book_sender, book) = oneshot::channel();
    let (alive, parent) = watch::channel(());
    let parent = Parent(parent);
    let reader =
        std::thread::spawn(move || listen_to_parent(std::io::BufReader::new(pipe), book_sender, alive));

    parent_end.write_all(b"order base 127.0.0.1:7\n\n").unwrap();
    let book = book.await.unwrap().unwrap();
    assert_eq!(book.route(Service::Order, &Lane::base()).unwrap().address.port(), 7);
    assert!(tokio::time::timeout(Duration::from_millis(20), parent.clone().gone()).await.is_err());

    drop(parent_end);
    parent.gone().await;
    reader.join().unwrap();
}

#[test]
fn a_pipe_that_closes_early_is_no_address_book() {
    assert!(read_book(&mut b"order base 127.0.0.1:7\n".as_slice()).is_err());
    assert!(read_book(&mut b"nonsense\n\n".as_slice()).is_err());
}
