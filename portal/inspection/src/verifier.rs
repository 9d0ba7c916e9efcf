//! Asks the verifier, as anybody may: by its JSON API.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use certificate::Code;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::{Answer, Asked};

/// Questions that are open at once, of all people of the portal: the verifier gives an address 64 connections.
const AT_ONCE: usize = 16;
/// Of one list: others are answered meanwhile.
const AT_ONCE_OF_ONE: usize = 8;
/// For one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// For a list: less than the portal's own time for a request.
const LIST: Duration = Duration::from_secs(20);
/// Bytes of an answer: fifty certificates of a product.
const BYTES: usize = 4 << 20;

const SILENT: &str = "The verifier does not answer.";

/// The portal was started without one.
struct NoVerifier;

/// The verifier that the connection profile names. Without one, nothing can be told.
#[derive(Debug)]
pub struct Verifier {
    base: Option<String>,
    genesis: String,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    places: Semaphore,
}

impl Verifier {
    /// `genesis` is the fingerprint of the ledger that it has to answer for.
    pub fn new(base: Option<&str>, genesis: &str) -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let mut client = Client::builder(TokioExecutor::new());
        client
            .pool_max_idle_per_host(AT_ONCE)
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_timer(TokioTimer::new());
        Self {
            base: base.map(|base| base.trim_end_matches('/').to_owned()),
            genesis: genesis.to_owned(),
            client: client.build(connector),
            places: Semaphore::new(AT_ONCE),
        }
    }

    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    pub fn genesis(&self) -> &str {
        &self.genesis
    }

    /// Whether a link leads to this verifier, as far as host and port say it.
    pub fn is_at(&self, host: &str) -> bool {
        let own = self.base().and_then(|base| base.split_once("://")).map(|(_, rest)| rest);
        own.and_then(|rest| rest.split('/').next()).is_some_and(|own| own.eq_ignore_ascii_case(host))
    }

    pub async fn ask(&self, asked: &Asked) -> Answer {
        self.ask_until(asked, Instant::now() + ANSWER).await
    }

    /// What it says of a certificate, as it came: a disclosed field is held against it. Null where it says nothing.
    pub async fn word_on(&self, code: Code) -> Value {
        let answer = self.fetch(&Asked::of_code(code), Instant::now() + ANSWER).await;
        answer.ok().flatten().and_then(|(_, body)| serde_json::from_slice(&body).ok()).unwrap_or_default()
    }

    /// One answer for each, in their order. What was asked twice is asked once.
    pub async fn ask_all(self: &std::sync::Arc<Self>, asked: &[Asked]) -> Vec<Answer> {
        let until = Instant::now() + LIST;
        let mut waiting: VecDeque<Asked> = VecDeque::new();
        let mut answers: BTreeMap<String, Option<Answer>> = BTreeMap::new();
        for one in asked {
            if answers.insert(one.path().to_owned(), None).is_none() {
                waiting.push_back(one.clone());
            }
        }
        let mut open = JoinSet::new();
        loop {
            while open.len() < AT_ONCE_OF_ONE
                && let Some(next) = waiting.pop_front()
            {
                let verifier = self.clone();
                open.spawn(async move {
                    let answer = verifier.ask_until(&next, until).await;
                    (next.path().to_owned(), answer)
                });
            }
            let Some(ended) = open.join_next().await else { break };
            let Ok((path, answer)) = ended else { continue };
            answers.insert(path, Some(answer));
        }
        let answer_of = |one: &Asked| answers.get(one.path()).cloned().flatten();
        asked.iter().map(|one| answer_of(one).unwrap_or_else(|| Answer::cannot_tell(SILENT))).collect()
    }

    async fn ask_until(&self, asked: &Asked, until: Instant) -> Answer {
        match self.fetch(asked, until).await {
            Ok(Some((status, body))) => Answer::read(asked, &self.genesis, status, &body),
            Ok(None) => Answer::cannot_tell(SILENT),
            Err(NoVerifier) => Answer::cannot_tell("This portal was started without a verifier."),
        }
    }

    async fn fetch(&self, asked: &Asked, until: Instant) -> Result<Option<(u16, Bytes)>, NoVerifier> {
        let base = self.base().ok_or(NoVerifier)?;
        let answer = timeout_at(until, async {
            let _place = self.places.acquire().await.ok()?;
            timeout(ANSWER, self.get(&format!("{base}{}", asked.path()))).await.ok()?
        });
        Ok(answer.await.ok().flatten())
    }

    async fn get(&self, address: &str) -> Option<(u16, Bytes)> {
        let request =
            Request::get(address).header(header::ACCEPT, "application/json").body(Empty::new()).ok()?;
        let response = self.client.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BYTES).collect().await.ok()?;
        Some((status, body.to_bytes()))
    }
}
