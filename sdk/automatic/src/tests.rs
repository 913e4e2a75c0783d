use laneway::automatic::install;
use laneway::{Lane, with_lane};
use tokio::task::JoinSet;

fn lane() -> String {
    laneway::current_lane().to_string()
}

#[test]
fn tasks_inherit_over_plain_spawns_and_leave_nothing_behind() {
    for workers in [1, 4] {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = install(builder.worker_threads(workers)).build().unwrap();
        runtime.block_on(async {
            with_lane(Lane::new("grey").unwrap(), async {
                let inner = tokio::spawn(async {
                    tokio::task::yield_now().await;
                    let innermost = tokio::spawn(async { lane() });
                    (lane(), innermost.await.unwrap())
                });
                assert_eq!(inner.await.unwrap(), ("grey".to_owned(), "grey".to_owned()));
                let mut set = JoinSet::new();
                set.spawn(async { lane() });
                assert_eq!(set.join_next().await.unwrap().unwrap(), "grey");
                tokio::spawn(async { panic!("on purpose") }).await.unwrap_err();
                let aborted = tokio::spawn(std::future::pending::<()>());
                aborted.abort();
                aborted.await.unwrap_err();
            })
            .await;
            for _ in 0..20 {
                assert_eq!(tokio::spawn(async { lane() }).await.unwrap(), "base");
            }
        });
    }
}
