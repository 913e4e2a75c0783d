use super::*;

#[tokio::test]
async fn a_broken_statement_is_the_servers_own_fault() {
    let database =
        Database::in_memory("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1), (2);").unwrap();
    const GOOD: Statement =
        Statement { operation: "SELECT", collection: "t", text: "SELECT id FROM t WHERE id > ?" };
    let ids: Vec<u32> = database.rows(&GOOD, (1,), |row| row.get(0)).await.unwrap();
    assert_eq!(ids, [2]);

    const BROKEN: Statement = Statement { operation: "SELECT", collection: "t", text: "SELECT name FROM t" };
    let failure = database.rows(&BROKEN, (), |row| row.get::<_, u32>(0)).await.unwrap_err();
    assert_eq!(failure.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(failure.message.contains("no such column: name"), "{failure}");
}
