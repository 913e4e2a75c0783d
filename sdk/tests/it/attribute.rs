//! `#[laneway::trace]`.

use laneway::trace;

use crate::collector::Bed;
use crate::tree::{int, is_error, status_message, text};

#[trace]
fn plain() -> u8 {
    inner(7, "alice").unwrap_or(1)
}

#[trace(name = "load cart", kind = Client, fields(user.name = user, rows), err)]
fn inner(rows: i64, user: &str) -> Result<u8, String> {
    if rows == 7 {
        return Err(format!("no cart of {user}"));
    }
    Ok(2)
}

struct Service(u8);

impl Service {
    #[trace(fields(id = self.0), err)]
    async fn handle(&self, number: &str) -> Result<u8, std::num::ParseIntError> {
        tokio::task::yield_now().await;
        let number: u8 = number.parse()?;
        Ok(self.0 + number)
    }
}

#[tokio::test]
async fn functions_run_in_spans_of_their_own() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    assert_eq!(plain(), 1);
    assert_eq!(Service(40).handle("2").await.unwrap(), 42);
    assert!(Service(1).handle("two").await.is_err());
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal plain
           client load cart !
         internal handle
         internal handle !",
    );
    let load = spans.named("load cart");
    assert_eq!(
        (text(&load.attributes, "user.name"), int(&load.attributes, "rows")),
        (Some("alice"), Some(7))
    );
    assert_eq!(status_message(load), "no cart of alice");
    assert!(is_error(&spans.0[3]) && status_message(&spans.0[3]).starts_with("invalid digit"));
}
