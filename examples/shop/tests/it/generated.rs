//! The committed gRPC code is what `payment.proto` generates.

use std::path::Path;

/// To regenerate after an edit of the `.proto`: `UPDATE_GENERATED=1 cargo test -p laneway-shop generated`.
#[test]
fn committed_code_is_fresh() -> anyhow::Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = package.join("src/services/payment/generated");
    let fresh = tempfile::tempdir()?;
    let files = protox::compile(["payment.proto"], [package.join("proto")])?;
    tonic_prost_build::configure().out_dir(fresh.path()).compile_fds(files)?;

    let name = "shop.payment.v1.rs";
    let expected = std::fs::read_to_string(fresh.path().join(name))?;
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::create_dir_all(&committed)?;
        std::fs::write(committed.join(name), &expected)?;
    }
    let found = std::fs::read_to_string(committed.join(name))?;
    assert!(found == expected, "{name} is stale: run this test with UPDATE_GENERATED=1");
    Ok(())
}
