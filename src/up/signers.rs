//! The signers of the demonstration's bodies, in this process. Elsewhere each is a process and a user of its own (`nanotrace signer`);
//! here, too, one has a key and a connection in the name of its body's service, and asks its body's peer before it signs.

use std::{path::PathBuf, sync::Arc};

use demonstration::{IssuerKey, issuer_keys};
use desk::Organisations;
use granting::{Ask, Signers};
use peer_client::{ConnectionProfile, certificate::Contract};
use signer::{protocol::Answer, server::Signer};
use tokio::sync::OnceCell;

use crate::{
    cert::{contract, files},
    demo,
    exit::Failure,
};

/// The service of a body.
const USER: &str = "User4";

/// A signer that is opened when it is first asked: its key is made with the demonstration, after the portal began.
struct Here {
    profile: ConnectionProfile,
    organisation: &'static str,
    key: PathBuf,
    signer: OnceCell<Signer<Contract>>,
}

/// Of the bodies that the portal is there for. What people submitted at the command line they grant there, too.
pub fn signers(profile: &ConnectionProfile, organisations: &Organisations) -> Signers {
    let mut signers = Signers::default();
    for IssuerKey { organisation, chaincode, path } in issuer_keys(&demo::folder(profile)) {
        let chaincode = chaincode.unwrap_or(&profile.chaincode).to_owned();
        let profile = ConnectionProfile { chaincode, ..profile.clone() };
        let Ok(body) = profile.organisation(organisation).map(|it| it.msp_id.clone()) else { continue };
        let here = Arc::new(Here { profile, organisation, key: path, signer: OnceCell::new() });
        let ask: Ask = Arc::new(move |request| {
            let here = here.clone();
            Box::pin(async move {
                Ok(match here.signer.get_or_try_init(|| here.open()).await {
                    Ok(signer) => signer.answer(&request, "this process").await,
                    Err(failure) => Answer::Failed(failure.to_string()),
                })
            })
        });
        // A body without a service in this data directory has no portal to grant for it.
        let _ = signers.add(organisations, &body, ask);
    }
    signers.of_services_alone()
}

impl Here {
    async fn open(&self) -> Result<Signer<Contract>, Failure> {
        let key = files::read_key(&self.key)?;
        let contract = contract::connect(&self.profile, self.organisation, USER).await?;
        let body = contract.organization()?;
        Ok(Signer::new(key, body, contract, verifier::now))
    }
}
