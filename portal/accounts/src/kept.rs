//! Forms that arrived after their session had ended: what was typed is not lost. Kept for who typed it, a few and not for long,
//! and never where a password or something confidential is in it.

use crate::{database::Database, limits, secret, store::StoreError};

/// Fields that prove who somebody is. A form with one of them is not kept.
const SECRETS: [&str; 6] = ["password", "old", "new", "credential", "token", "signature"];

/// The field in which companies type what is confidential. A form with it is shown again to the browser that sent it, and written
/// nowhere.
const CONFIDENTIAL: &str = "confidential";

/// A form as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptForm {
    pub path: String,
    pub fields: Vec<(String, String)>,
}

impl KeptForm {
    /// Whether it says something, and nothing that proves who somebody is.
    pub fn may_be_shown(&self) -> bool {
        let is_secret = self.fields.iter().any(|(name, _)| SECRETS.contains(&name.as_str()));
        !is_secret && !self.fields.is_empty()
    }

    fn may_be_kept(&self) -> bool {
        self.may_be_shown() && self.fields.iter().all(|(name, _)| name != CONFIDENTIAL)
    }
}

/// Keeps a form of this account, in place of its oldest where there are too many. Returns its id; none where it is not one to
/// keep.
pub async fn keep(
    database: &Database,
    account: &str,
    form: &KeptForm,
    now: i64,
) -> Result<Option<String>, StoreError> {
    let Ok(fields) = serde_json::to_string(&form.fields) else { return Ok(None) };
    if !form.may_be_kept() || fields.len() > limits::KEPT_BYTES {
        return Ok(None);
    }
    let id = secret::random_id()?;
    sqlx::query("INSERT INTO kept_forms (id, account, path, fields, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&id)
        .bind(account)
        .bind(&form.path)
        .bind(fields)
        .bind(now.saturating_add(limits::KEPT_SECONDS))
        .execute(database.pool())
        .await?;
    sqlx::query(
        "DELETE FROM kept_forms WHERE account = $1 AND id <> $2 AND id NOT IN \
         (SELECT id FROM kept_forms WHERE account = $1 AND id <> $2 ORDER BY expires_at DESC, id LIMIT $3)",
    )
    .bind(account)
    .bind(&id)
    .bind(limits::KEPT_FORMS.saturating_sub(1))
    .execute(database.pool())
    .await?;
    Ok(Some(id))
}

/// A form that is kept for this account.
pub async fn find(
    database: &Database,
    account: &str,
    id: &str,
    now: i64,
) -> Result<Option<KeptForm>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT path, fields FROM kept_forms WHERE account = $1 AND id = $2 AND expires_at > $3",
    );
    let found: Option<(String, String)> =
        select.bind(account).bind(id).bind(now).fetch_optional(database.pool()).await?;
    Ok(found.and_then(|(path, fields)| Some(KeptForm { path, fields: serde_json::from_str(&fields).ok()? })))
}
