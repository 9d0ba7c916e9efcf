//! The certification bodies and the people who act: each with a connection of its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    slice,
};

use certificate::{DateTime, demo, document::Issuer, multikey};
use commands::{contract, exit::Failure, files};
use durable::Access;
use ed25519_dalek::SigningKey;
use futures::future::try_join_all;
use peer_client::{
    ConnectionProfile,
    certificate::{Contract, Update, once},
};
use serde_json::json;

use crate::Extent;

/// A certification body, as the demonstration knows it before it is connected.
struct Description {
    /// The organisation's name in the connection profile.
    organisation: &'static str,
    /// Its chaincode; the connection profile's where there is none.
    chaincode: Option<&'static str>,
    accreditation: &'static str,
    issuer: &'static str,
    issuer_name: &'static str,
    status_lists: &'static str,
    key_file: &'static str,
}

const BODIES: [Description; 2] = [
    Description {
        organisation: "CertBody",
        chaincode: None,
        accreditation: demo::ACCREDITATION_NUMBER,
        issuer: "did:web:certbody.nanotrace.example",
        issuer_name: "CertBody (demonstration)",
        status_lists: "https://certbody.nanotrace.example/status",
        key_file: "issuer-key.txt",
    },
    Description {
        organisation: "SecondBody",
        chaincode: Some("nanotrace-second"),
        accreditation: "DEMO-0002",
        issuer: "did:web:secondbody.nanotrace.example",
        issuer_name: "SecondBody (demonstration)",
        status_lists: "https://secondbody.nanotrace.example/status",
        key_file: "second-issuer-key.txt",
    },
];

/// The issuer key of one body, where it is made at the first run.
pub struct IssuerKey {
    /// The body's name in the connection profile.
    pub organisation: &'static str,
    /// Its chaincode; the connection profile's where there is none.
    pub chaincode: Option<&'static str>,
    pub path: PathBuf,
}

/// The issuer keys in the demonstration's folder.
pub fn issuer_keys(folder: &Path) -> impl Iterator<Item = IssuerKey> {
    BODIES.iter().map(|body| IssuerKey {
        organisation: body.organisation,
        chaincode: body.chaincode,
        path: folder.join(body.key_file),
    })
}

/// The laboratory that anchors all reports.
const LABORATORY: &str = "Lab";
/// For how long it was accredited before the demonstration, and will be after it.
const LABORATORY_YEARS: i32 = 5;
/// The methods of the materials' figures.
pub const METHODS: [&str; 2] = ["TEM", "BET"];

/// A certification body, its people and those who deal with it, all at its chaincode.
pub struct Body {
    pub msp_id: String,
    pub accreditation: &'static str,
    pub issuer: Issuer,
    pub status_lists: &'static str,
    pub key: SigningKey,
    pub accreditation_admin: Contract,
    pub accreditor: Contract,
    pub admin: Contract,
    pub decision_maker: Contract,
    pub evaluator: Contract,
    pub reviewer: Contract,
    pub service: Contract,
    pub applicant: Contract,
    pub laboratory: Contract,
    laboratory_msp_id: String,
}

impl Body {
    /// The bodies that the network has and the extent needs.
    pub async fn all(
        profile: &ConnectionProfile,
        folder: &Path,
        extent: Extent,
    ) -> Result<Vec<Self>, Failure> {
        let wanted = match extent {
            Extent::One => 1,
            Extent::Full => BODIES.len(),
        };
        let is_there = |description: &Description| profile.organisation(description.organisation).is_ok();
        let (first, others) = BODIES.split_at(1);
        let others = others.iter().take(wanted - 1).filter(|description| is_there(description));
        let connecting =
            first.iter().chain(others).map(|description| Self::connect(profile, description, folder));
        try_join_all(connecting).await
    }

    async fn connect(
        profile: &ConnectionProfile,
        description: &Description,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let Description { organisation, accreditation, status_lists, .. } = *description;
        let chaincode = description.chaincode.unwrap_or(&profile.chaincode).to_owned();
        let profile = ConnectionProfile { chaincode, ..profile.clone() };
        let msp_id = |name: &str| match profile.organisation(name) {
            Ok(found) => Ok(found.msp_id.clone()),
            Err(error) => Err(Failure::usage(error.to_string())),
        };
        let own = |user| contract::connect(&profile, organisation, user);
        let accreditation_body = |user| contract::connect(&profile, "Accreditation", user);
        let (admin, decision_maker, evaluator, reviewer, service) =
            tokio::try_join!(own("Admin"), own("User1"), own("User2"), own("User3"), own("User4"))?;
        let (accreditation_admin, accreditor, applicant, laboratory) = tokio::try_join!(
            accreditation_body("Admin"),
            accreditation_body("User1"),
            contract::connect(&profile, "Industry", "User1"),
            contract::connect(&profile, LABORATORY, "User1"),
        )?;
        Ok(Self {
            msp_id: msp_id(organisation)?,
            accreditation,
            issuer: Issuer { id: description.issuer.into(), name: description.issuer_name.into() },
            status_lists,
            key: issuer_key(&folder.join(description.key_file))?,
            accreditation_admin,
            accreditor,
            admin,
            decision_maker,
            evaluator,
            reviewer,
            service,
            applicant,
            laboratory,
            laboratory_msp_id: msp_id(LABORATORY)?,
        })
    }
}

/// What stands on the ledger before anybody applies.
pub async fn prepare(bodies: &[Body], genesis: &str, now: DateTime) -> Result<(), Failure> {
    let Some(first) = bodies.first() else { return Ok(()) };
    // So that people who try things out can anchor reports of the last years.
    let since = now.plus_years(-LABORATORY_YEARS).unwrap_or(now);
    let laboratory = json!({
        "organisation": first.laboratory_msp_id, "number": "DEMO-L-0001", "methods": METHODS,
        "validFrom": since, "validUntil": now.plus_years(LABORATORY_YEARS).unwrap_or(now),
    });
    submit_once(bodies, first.accreditation_admin.scheme_register(&demo::scheme())).await?;
    submit_once(bodies, first.accreditation_admin.laboratory_register(&laboratory)).await?;
    try_join_all(bodies.iter().map(|body| body.begin(genesis, now))).await.map(drop)
}

/// Submits what may be on the ledger already, and waits until the peers of all who act with these bodies have it: each has a
/// block when it has it, and the next step is endorsed by others than this one was submitted through.
async fn submit_once(bodies: &[Body], update: Update) -> Result<(), Failure> {
    let failure = |error| Failure::during(update.function(), error);
    let Some(committed) = once(update.submit_again_on_conflict().await).map_err(failure)? else {
        return Ok(());
    };
    let there = bodies.iter().flat_map(Body::gateways).map(|contract| contract.wait_for(&committed));
    try_join_all(there).await.map(drop).map_err(failure)
}

impl Body {
    pub async fn submit_once(&self, update: Update) -> Result<(), Failure> {
        submit_once(slice::from_ref(self), update).await
    }

    /// One of each organisation.
    fn gateways(&self) -> [&Contract; 4] {
        [&self.admin, &self.accreditation_admin, &self.applicant, &self.laboratory]
    }

    /// Its chaincode is bound to it, it is accredited, and has a key.
    async fn begin(&self, genesis: &str, now: DateTime) -> Result<(), Failure> {
        let Body { accreditation_admin, admin, msp_id, issuer, status_lists, .. } = self;
        self.submit_once(accreditation_admin.ledger_bind(genesis, msp_id)).await?;
        let mut accreditation = demo::accreditation(now.plus_days(-1));
        if let Some(members) = accreditation.as_object_mut() {
            members.insert("body".into(), json!(msp_id));
            members.insert("number".into(), json!(self.accreditation));
        }
        self.submit_once(accreditation_admin.accreditation_register(&accreditation)).await?;
        let public_key = multikey::public_to_text(&self.key.verifying_key());
        let proposal = json!({
            "publicKey": public_key, "issuerId": issuer.id, "issuerName": issuer.name, "statusLists": status_lists,
        });
        self.submit_once(admin.issuer_key_propose(&proposal)).await?;
        self.submit_once(accreditation_admin.issuer_key_approve(msp_id, &public_key)).await
    }
}

/// An issuer key of the demonstration: made once, readable by its owner alone.
fn issuer_key(path: &Path) -> Result<SigningKey, Failure> {
    let failure = |error: io::Error| Failure::during(path.display(), error);
    match fs::read_to_string(path) {
        Ok(text) => multikey::private_from_text(text.trim()).ok_or_else(|| {
            Failure::usage(format!(
                "{} is no Ed25519 key: put it back from a copy, or move it away and a new one is made",
                path.display()
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::from_bytes(&files::random()?);
            durable::write(path, multikey::private_to_text(&key).as_bytes(), Access::Owner)
                .map_err(failure)?;
            Ok(key)
        }
        Err(error) => Err(failure(error)),
    }
}
