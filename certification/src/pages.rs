//! Lists that the contract answers page by page.

use commands::exit::Failure;
use peer_client::certificate::Query;
use serde_json::Value;

/// All that is listed under `name`: asks for the first page, and then for each behind the bookmark of the one before.
pub async fn all(name: &str, ask: impl Fn(Option<&str>) -> Query) -> Result<Vec<Value>, Failure> {
    let (mut found, mut bookmark): (_, Option<String>) = (Vec::new(), None);
    loop {
        let page: Value = ask(bookmark.as_deref()).read().await?;
        found.extend(page.get(name).and_then(Value::as_array).cloned().unwrap_or_default());
        match page.get("bookmark").and_then(Value::as_str) {
            Some(next) => bookmark = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}
