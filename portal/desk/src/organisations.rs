//! The organisations that the portal's operator is, and a connection for each.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use msp::{MspError, SigningIdentity};
use peer_client::{
    ConnectionProfile, Endpoint, Gateway, Timeouts,
    certificate::{CallError, Contract},
    profile::ProfileError,
};
use serde::Deserialize;
use tokio::{sync::Mutex, time::timeout};

use crate::{Event, read::Away};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Of this, for what each body answers to whether it is of this ledger.
const ASKED: Duration = Duration::from_secs(2);
/// After a connection could not be made in time, further requests are told so for this long without another try.
const PAUSE: Duration = Duration::from_secs(2);
/// After this long, a body that had not begun, or gave no answer, is asked again.
const BEGINNING: Duration = Duration::from_secs(30);
/// Below the time in which the portal answers a request.
const TIMEOUTS: Timeouts = Timeouts {
    evaluate: Duration::from_secs(5),
    endorse: Duration::from_secs(15),
    submit: Duration::from_secs(10),
    commit_status: Duration::from_secs(20),
};

/// An organisation and the identity in whose name the portal asks and submits, as the command line names them:
/// `CertBody=User4`, or `CertBody=FOLDER` with a folder in the layout of an MSP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// By name, MSP id or domain.
    pub organisation: String,
    /// A user of the profile's folder of keys, or the path of an MSP folder.
    pub user: String,
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((organisation, user)) if !organisation.is_empty() && !user.is_empty() => {
                Ok(Self { organisation: organisation.to_owned(), user: user.to_owned() })
            }
            _ => Err("expected ORGANISATION=USER or ORGANISATION=FOLDER, such as CertBody=User4".to_owned()),
        }
    }
}

/// Why the portal's organisations cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("{0} is named twice")]
    Twice(String),
    #[error("cannot use the identity in {path}: {source}")]
    Identity { path: PathBuf, source: MspError },
    #[error("companies apply in the name of {0}, of which no identity is given")]
    Applicants(String),
}

/// Every organisation that the portal's operator is. None: the portal has no ledger, and its pages say so.
#[derive(Debug, Default)]
pub struct Organisations {
    members: Vec<Arc<Organisation>>,
    /// The MSP id of the one in whose name companies apply.
    applicants: Option<String>,
    genesis: String,
    channel: String,
    verifier: Option<String>,
}

impl Organisations {
    /// `chaincodes` are those of the certification bodies; empty means the profile's alone. `applicants` is the
    /// organisation in whose name companies apply.
    pub fn new(
        profile: &ConnectionProfile,
        chaincodes: &[String],
        identities: &[Identity],
        applicants: Option<&str>,
    ) -> Result<Self, SetupError> {
        let own = [profile.chaincode.clone()];
        let chaincodes = if chaincodes.is_empty() { &own[..] } else { chaincodes };
        let ledger = Arc::new(Ledger {
            channel: profile.channel.clone(),
            genesis: profile.genesis.clone(),
            chaincodes: chaincodes.to_vec(),
        });
        let mut members: Vec<Arc<Organisation>> = Vec::new();
        for identity in identities {
            let member = Organisation::new(profile, ledger.clone(), identity)?;
            if members.iter().any(|known| known.msp_id == member.msp_id) {
                return Err(SetupError::Twice(member.msp_id));
            }
            members.push(Arc::new(member));
        }
        let applicants = applicants.map(|name| profile.organisation(name)).transpose()?;
        let applicants = applicants.map(|it| it.msp_id.clone());
        if let Some(msp_id) = &applicants
            && !members.iter().any(|member| member.msp_id == *msp_id)
        {
            return Err(SetupError::Applicants(msp_id.clone()));
        }
        Ok(Self {
            members,
            applicants,
            genesis: profile.genesis.clone(),
            channel: profile.channel.clone(),
            verifier: profile.verifier.clone(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Organisation>> {
        self.members.iter()
    }

    pub fn get(&self, msp_id: &str) -> Option<&Arc<Organisation>> {
        self.members.iter().find(|member| member.msp_id == msp_id)
    }

    /// Through whom is read what counts of a body: through the body itself where this portal has an identity of it.
    pub fn reader_of(&self, body: &str) -> Option<&Arc<Organisation>> {
        self.get(body).or_else(|| self.applicants()).or_else(|| self.members.first())
    }

    /// The organisation in whose name companies apply.
    pub fn applicants(&self) -> Option<&Arc<Organisation>> {
        self.get(self.applicants.as_deref()?)
    }

    /// The fingerprint of the ledger that the profile names.
    pub fn genesis(&self) -> &str {
        &self.genesis
    }

    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The public address of the verifier, where the profile names it.
    pub fn verifier(&self) -> Option<&str> {
        self.verifier.as_deref()
    }
}

/// Which ledger it is, and the chaincodes of the certification bodies.
#[derive(Debug)]
struct Ledger {
    channel: String,
    genesis: String,
    chaincodes: Vec<String>,
}

/// One organisation, in the name of its service.
#[derive(Debug)]
pub struct Organisation {
    /// As people say it.
    pub name: String,
    pub msp_id: String,
    endpoint: Endpoint,
    pub(crate) identity: Arc<SigningIdentity>,
    ledger: Arc<Ledger>,
    connection: Mutex<Connection>,
}

#[derive(Debug, Default)]
struct Connection {
    open: Option<Open>,
    /// Where a body has not begun, or gave no answer: when it was asked.
    incomplete: Option<Instant>,
    failed: Option<(Instant, String)>,
}

/// With the body of each chaincode that was found to be of the right ledger.
#[derive(Clone, Debug)]
struct Open {
    gateway: Gateway,
    bodies: Arc<[Body]>,
    /// Whether a chaincode gave no answer, so that there may be another body.
    is_in_doubt: bool,
}

/// A certification body and its chaincode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub msp_id: String,
    pub chaincode: String,
    /// Who bound the chaincode: the organisation that accredits, as the contract takes it from nobody else.
    pub accredited_by: Option<String>,
}

/// What `ledger:get` answers.
#[derive(Deserialize)]
struct Bound {
    body: String,
    genesis: String,
    bound: Option<Event>,
}

impl Organisation {
    fn new(profile: &ConnectionProfile, ledger: Arc<Ledger>, named: &Identity) -> Result<Self, SetupError> {
        let organisation = profile.organisation(&named.organisation)?;
        let folder = Path::new(&named.user);
        let identity = if folder.components().count() > 1 || folder.is_dir() {
            let read = SigningIdentity::from_msp_dir(folder, &organisation.msp_id);
            Arc::new(read.map_err(|source| SetupError::Identity { path: folder.into(), source })?)
        } else {
            profile.identity(organisation, &named.user)?
        };
        Ok(Self {
            name: organisation.name.clone(),
            msp_id: organisation.msp_id.clone(),
            endpoint: organisation.gateway.endpoint()?,
            identity,
            ledger,
            connection: Mutex::default(),
        })
    }

    /// The connection to the organisation's gateway, in the name of its service. It reconnects by itself.
    pub async fn gateway(&self) -> Result<Gateway, Away> {
        Ok(self.connected().await?.gateway)
    }

    pub(crate) fn channel(&self) -> &str {
        &self.ledger.channel
    }

    /// The certification bodies of the ledger, each with its chaincode.
    pub async fn bodies(&self) -> Result<Arc<[Body]>, Away> {
        Ok(self.connected().await?.bodies)
    }

    /// The contract in a body's chaincode; none where the ledger has no such body.
    pub async fn contract(&self, body: &str) -> Result<Option<Contract>, Away> {
        let Open { gateway, bodies, is_in_doubt } = self.connected().await?;
        match bodies.iter().find(|known| known.msp_id == body) {
            Some(body) => Ok(Some(Contract::new(gateway, &self.ledger.channel, &body.chaincode))),
            None if is_in_doubt => Err(Away::Unreachable(format!(
                "the chaincode of {body}, or of another body, gives no answer"
            ))),
            None => Ok(None),
        }
    }

    /// The name of a body's chaincode.
    pub async fn chaincode(&self, body: &str) -> Result<String, Away> {
        let bodies = self.bodies().await?;
        let body_of = bodies.iter().find(|known| known.msp_id == body);
        body_of.map(|known| known.chaincode.clone()).ok_or_else(|| Away::NoBody(body.to_owned()))
    }

    /// The contract in the first body's chaincode, for what the registry has: schemes, accreditations, laboratories.
    pub(crate) async fn registry(&self) -> Result<Contract, Away> {
        let Open { gateway, bodies, .. } = self.connected().await?;
        let chaincode = bodies.first().map(|body| body.chaincode.clone()).unwrap_or_default();
        Ok(Contract::new(gateway, &self.ledger.channel, chaincode))
    }

    async fn connected(&self) -> Result<Open, Away> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = &connection.open
            && connection.incomplete.is_none_or(|asked| asked.elapsed() < BEGINNING)
        {
            return Ok(open.clone());
        }
        if let Some((when, why)) = &connection.failed
            && when.elapsed() < PAUSE
        {
            return Err(Away::Unreachable(why.clone()));
        }
        match timeout(CONNECT, self.connect()).await.unwrap_or(Err(Away::TimedOut)) {
            Ok(open) => {
                let incomplete = (open.bodies.len() < self.ledger.chaincodes.len()).then(Instant::now);
                *connection = Connection { open: Some(open.clone()), incomplete, failed: None };
                Ok(open)
            }
            // What is known of the others goes on.
            Err(_) if connection.open.is_some() => {
                connection.incomplete = Some(Instant::now());
                connection.open.clone().ok_or(Away::TimedOut)
            }
            Err(why) => {
                // What fails at once is tried again at once: a ledger that has just come is found.
                let is_slow = matches!(why, Away::TimedOut);
                connection.failed = is_slow.then(|| (Instant::now(), why.to_string()));
                Err(why)
            }
        }
    }

    /// Connects, and asks each chaincode for its body and ledger. One that answers otherwise than the others, or not at all, is left
    /// out: they have nothing to do with it.
    async fn connect(&self) -> Result<Open, Away> {
        let connected = Gateway::connect(&self.endpoint, self.identity.clone()).await;
        let gateway = connected.map_err(CallError::Failed)?.with_timeouts(TIMEOUTS);
        let asked = self.ledger.chaincodes.iter().map(|chaincode| self.body_of(&gateway, chaincode));
        let (mut bodies, mut trouble) = (Vec::new(), None);
        for found in join_all(asked).await {
            match found {
                Ok(body) => bodies.extend(body),
                Err(why) => trouble = trouble.or(Some(why)),
            }
        }
        let is_in_doubt = trouble.is_some();
        match trouble {
            Some(why) if bodies.is_empty() => Err(why),
            None if bodies.is_empty() => Err(Away::NoBody(self.ledger.chaincodes.join(", "))),
            _ => Ok(Open { gateway, bodies: bodies.into(), is_in_doubt }),
        }
    }

    /// The body of a chaincode; none where it has not begun.
    async fn body_of(&self, gateway: &Gateway, chaincode: &str) -> Result<Option<Body>, Away> {
        let contract = Contract::new(gateway.clone(), &self.ledger.channel, chaincode);
        let answer = timeout(ASKED, contract.ledger_get().read()).await.map_err(|_| Away::TimedOut)?;
        match answer {
            Err(CallError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(Bound { genesis, .. }) if genesis != self.ledger.genesis => Err(Away::OtherLedger),
            Ok(Bound { body, bound, .. }) => Ok(Some(Body {
                msp_id: body,
                chaincode: chaincode.to_owned(),
                accredited_by: bound.map(|event| event.by),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_identity_is_an_organisation_and_a_user() {
        let identity = |text: &str| text.parse::<Identity>();
        let expected = Identity { organisation: "CertBody".into(), user: "User4".into() };
        assert_eq!(identity("CertBody=User4"), Ok(expected));
        for wrong in ["", "CertBody", "=User4", "CertBody="] {
            assert!(identity(wrong).is_err(), "{wrong}");
        }
    }
}
