//! The demonstration: a consortium's month on a running network. Real nanomaterials, applications in every state, and certificates
//! that are valid, suspended, withdrawn and superseded, an appeal and a suspended accreditation, each step in the name of the person who takes it. Everything is dated as it
//! happens, and every document says that it is a demonstration.
//!
//! # What holds here
//! - Nothing is done twice. Ids and codes are drawn from the issuer key and the story's name, and each step is chosen by what the ledger says
//!   of the application: a second run, after an interruption anywhere, goes on where the ledger is (tests
//!   `the_month_is_played_once_however_often_it_is_asked_for`, `a_month_that_is_killed_goes_on_and_does_nothing_twice`).
//! - A document is made of the ledger and the issuer key alone: it is dated by the review that it rests on. So the document that an
//!   interrupted run has decided on is the one that the next run signs.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod application;
mod bodies;
mod certificates;
mod confidential;
mod document;
mod draw;
mod oversight;
mod stories;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use certificate::{Code, DateTime};
use commands::exit::Failure;
use durable::Access;
use peer_client::ConnectionProfile;
use serde::Serialize;
use tokio::task::JoinSet;

use bodies::Body;
pub use bodies::{IssuerKey, issuer_keys};
use stories::{FIRST, MONTH, Story};

/// The folder beside a network's keys that holds the issuer keys, and what is kept for people to look at.
pub const FOLDER: &str = "demonstration";
/// The first certificate, signed, as it was granted. It is written last.
pub const CERTIFICATE: &str = "certificate.json";

/// How much is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One application, from its submission to the certificate.
    One,
    /// That, and the month.
    Full,
}

/// How a story stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub title: String,
    /// The certification body, by its MSP id.
    pub body: String,
    pub application: Code,
    /// The application's state.
    pub state: String,
    /// The certificate that was granted.
    pub certificate: Option<Code>,
    /// What the contract says of it: `valid`, or why it is not.
    pub verdict: Option<String>,
}

/// What all stories share.
struct Stage {
    channel: String,
    genesis: String,
    folder: PathBuf,
    now: DateTime,
    bodies: Vec<Body>,
}

/// Plays what is not on the ledger yet, and says how every story stands. `folder` is made where it is missing; it is the owner's alone.
pub async fn play(
    profile: &ConnectionProfile,
    folder: &Path,
    extent: Extent,
    now: DateTime,
) -> Result<Vec<Outcome>, Failure> {
    durable::create_folder(folder, Access::Owner)
        .map_err(|error| Failure::during(folder.display(), error))?;
    let bodies = Body::all(profile, folder, extent).await?;
    bodies::prepare(&bodies, &profile.genesis, now).await?;
    let stage = Arc::new(Stage {
        channel: profile.channel.clone(),
        genesis: profile.genesis.clone(),
        folder: folder.to_owned(),
        now,
        bodies,
    });
    let stories: &[Story] = match extent {
        Extent::One => &[],
        Extent::Full => &MONTH,
    };
    let mut outcomes = told(&stage, stories).await?;
    outcomes.splice(0..0, stage.tell(&FIRST).await?);
    if extent == Extent::Full {
        oversight::play(&stage, &outcomes).await?;
    }
    if let Some(code) = outcomes.first().and_then(|first| first.certificate) {
        stage.keep_document(code).await?;
    }
    Ok(outcomes)
}

/// All stories at once: none of them waits for another's blocks.
async fn told(stage: &Arc<Stage>, stories: &'static [Story]) -> Result<Vec<Outcome>, Failure> {
    let mut telling = JoinSet::new();
    for (number, story) in stories.iter().enumerate() {
        let stage = Arc::clone(stage);
        telling.spawn(async move { (number, stage.tell(story).await) });
    }
    let mut told = telling.join_all().await;
    told.sort_by_key(|(number, _)| *number);
    let mut outcomes = Vec::new();
    for (_, outcome) in told {
        outcomes.extend(outcome?);
    }
    Ok(outcomes)
}

impl Stage {
    /// The body of a story. On a network that has the first alone, it plays them all.
    fn body(&self, story: &Story) -> Result<&Body, Failure> {
        let body = self.bodies.get(story.body).or_else(|| self.bodies.first());
        body.ok_or_else(|| Failure::usage("the network has no certification body"))
    }

    /// Plays a story after the one whose certificate it replaces: how each stands then.
    async fn tell(&self, story: &Story) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::new();
        let mut replaced = None;
        if let Some(older) = story.replaces {
            let older = self.apply(older, None).await?;
            replaced = older.certificate;
            outcomes.push(older);
        }
        let outcome = self.apply(story, replaced).await?;
        if let Some(code) = outcome.certificate {
            certificates::follow(self.body(story)?, &story.end, code, replaced).await?;
            if story.is_confidential {
                confidential::disclose(self, self.body(story)?, outcome.application, code).await?;
            }
        }
        outcomes.push(outcome);
        for outcome in &mut outcomes {
            if let Some(code) = outcome.certificate {
                outcome.verdict = Some(certificates::verdict(&self.body(story)?.decision_maker, code).await?);
            }
        }
        Ok(outcomes)
    }

    /// Writes the first certificate's document, as it is on the ledger.
    async fn keep_document(&self, code: Code) -> Result<(), Failure> {
        let document = self.body(&FIRST)?.decision_maker.certificate_document(code).evaluate().await?;
        self.write(CERTIFICATE, &document)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.folder.join(name);
        durable::write(&path, content, Access::Owner).map_err(|error| Failure::during(path.display(), error))
    }
}
