//! The fields of this crate's forms.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    pub email: String,
    pub name: String,
    pub company: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Joining {
    pub token: String,
    pub name: String,
    pub password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    pub email: String,
    pub password: String,
    #[serde(default)]
    pub next: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recovery {
    pub email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    pub token: String,
    pub password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    pub token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEmail {
    pub email: String,
    pub password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    pub old: String,
    pub new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndedSession {
    pub session: String,
}

/// The fields of a form whose names its handler knows.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct AnyFields(pub Vec<(String, String)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Imported {
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromCertificate {
    pub certificate: String,
    /// `yes` where the new certificate is to replace that one.
    #[serde(default)]
    pub replaces: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadUntil {
    pub until: i64,
}

/// A complaint or an appeal of a company.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Complaining {
    pub kind: String,
    /// What it is about: one of the two.
    #[serde(default)]
    pub application: String,
    #[serde(default)]
    pub certificate: String,
    pub words: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandedIn {
    /// Why it is changed, of what the body has already.
    pub reason: Option<String>,
}

/// A field of an application's confidential part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confided {
    pub name: String,
    pub confidential: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfHash {
    pub hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepOf {
    pub step: String,
    #[serde(default)]
    pub role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invitation {
    pub email: String,
    pub role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdrawn {
    pub email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotated {
    /// For how long the old key works on.
    pub hours: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPasskey {
    pub name: String,
    /// What the browser made, as JSON.
    pub credential: String,
    #[serde(default)]
    pub next: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyLogin {
    /// What the browser signed, as JSON.
    pub credential: String,
    #[serde(default)]
    pub next: String,
}

/// Which wallet is to sign.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalletAsked {
    /// By its CAIP-2 name.
    pub chain: String,
    pub address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalletLogin {
    pub nonce: String,
    /// As the wallet gave it.
    pub signature: String,
    #[serde(default)]
    pub next: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWallet {
    pub name: String,
    pub nonce: String,
    pub signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalletRegistration {
    /// By which the portal knows that this browser showed the wallet.
    pub shown: String,
    pub email: String,
    pub name: String,
    pub company: String,
}

/// What a program has its user's wallet sign, as it was signed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verifying {
    pub message: String,
    pub signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refreshing {
    pub refresh_token: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShipmentList {
    pub list: String,
    /// Of a CSV file, the one with the codes.
    pub column: Option<usize>,
    /// `yes` where its first line has the columns' names.
    #[serde(default)]
    pub names: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewName {
    pub name: String,
}

/// What a link in a mail carries in its query.
#[derive(Deserialize)]
pub(crate) struct Token {
    #[serde(default)]
    pub token: String,
}

#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    pub next: String,
}

#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    pub search: String,
    pub before: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    pub reason: String,
}

/// How a file of stability data is read and evaluated. Columns are meant by their numbers, from 1; 0 is none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StudyForm {
    pub file: String,
    pub batch: usize,
    pub time: usize,
    pub result: usize,
    /// `comma` or `point`.
    pub decimal: String,
    pub lower: String,
    pub upper: String,
    pub unit: String,
    /// Empty for the usual one.
    pub cap: String,
    /// `yes` where the cap is claimed.
    pub claim: String,
    pub where1: usize,
    pub text1: String,
    pub where2: usize,
    pub text2: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attached {
    pub application: String,
}
