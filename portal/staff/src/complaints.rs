//! The complaints that stand beside what they are about.

use accounts::people::Account;
use dossiers::complaints::{About, Watch};
use site::Site;
use views::complaints::ShownComplaint;

/// Those about an application or a certificate, and where one is filed.
pub(crate) async fn about(
    site: &Site,
    account: &Account,
    body: &str,
    about: &About,
    now: i64,
) -> Result<(Vec<ShownComplaint>, String), sqlx::Error> {
    let scope = site.scope(account).await?;
    let found = Watch::of(account, &scope).about(&site.database, body, about).await?;
    let (name, code) = about.named();
    let shown = found.iter().map(|it| ShownComplaint::of(it, now)).collect();
    Ok((shown, format!("/complaints/new?body={body}&{name}={code}")))
}
