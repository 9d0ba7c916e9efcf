//! Issuer keys that wait for their approval: accreditors of the accreditation body are told of each, for as long as it waits.

use accounts::Database;
use certificate::DateTime;
use desk::{IssuerKey, Organisation};
use letters::line;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    index::IndexError,
    notices::{self, News},
};

/// Keys of a body that are told of at once: the registry has all.
const AT_ONCE: usize = 50;

/// The page of a body's key.
pub fn page_of(body: &str, public_key: &str) -> String {
    format!("/registry/entry?organisation={}&key={}", plain(body), plain(public_key))
}

fn plain(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Whether nobody has approved or ended it.
pub fn waits(key: &IssuerKey) -> bool {
    key.approved.is_none() && key.revoked.is_none() && key.compromised.is_empty()
}

/// Reads the keys of all bodies, and tells of them. What a body's chaincode does not answer stays as it was.
pub(crate) async fn look(database: &Database, reader: &Organisation) -> Result<(), IndexError> {
    for (body, keys) in reader.keys_of_bodies().await? {
        match keys {
            Ok(keys) => keep(database, &body.msp_id, &keys, accounts::now()).await?,
            Err(why) => {
                tracing::debug!(%why, body = body.msp_id, "the issuer keys of a body are not known now")
            }
        }
    }
    Ok(())
}

/// Tells of the keys of a body that wait, and of the others no more.
pub async fn keep(database: &Database, body: &str, keys: &[IssuerKey], now: i64) -> Result<(), IndexError> {
    // Each chaincode is its body's own: of another body's keys it says nothing.
    let (waiting, others): (Vec<&IssuerKey>, Vec<&IssuerKey>) =
        keys.iter().filter(|key| key.body == body).partition(|key| waits(key));
    let mut over = Vec::new();
    for page in others.into_iter().map(|key| page_of(body, &key.public_key)) {
        let select = sqlx::query("SELECT 1 FROM notices WHERE link = $1 AND is_task = 1 LIMIT 1").bind(&page);
        if select.fetch_optional(database.pool()).await?.is_some() {
            over.push(page);
        }
    }
    if waiting.is_empty() && over.is_empty() {
        return Ok(());
    }
    let mut change = database.change().await?;
    for page in over {
        notices::is_done(&mut change, &page).await?;
    }
    for key in waiting.into_iter().take(AT_ONCE) {
        notices::ask_accreditors(&mut change, &news(key), now).await?;
    }
    Ok(change.commit().await?)
}

fn news(key: &IssuerKey) -> News {
    let at = DateTime::parse(&key.proposed.effective_at).map(|it| it.seconds()).unwrap_or_default();
    let (body, name) = (line(&key.body), line(&key.issuer_name));
    News {
        key: format!("issuer key {body} {} {}", line(&key.public_key), line(&key.proposed.transaction_id)),
        at,
        subject: format!("Waits for your approval: an issuer key of {body}"),
        body: format!(
            "{body} proposed a key with which it wants to sign documents as {name}. It signs nothing until somebody of the \
             accreditation body has approved it. Ask {body}, by another way than the portal and this mail, whether this is its \
             key, and compare before you approve."
        ),
        link: page_of(&key.body, &key.public_key),
    }
}
