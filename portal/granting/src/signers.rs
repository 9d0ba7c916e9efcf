//! Where the signatures of bodies come from: each body's signer, which asks the ledger by itself.

use std::{collections::BTreeMap, io, path::PathBuf, str::FromStr, sync::Arc};

use desk::Organisations;
use futures::future::BoxFuture;
use signer::{
    client,
    protocol::{Answer, Request},
};

/// Asks a signer.
pub type Ask = Arc<dyn Fn(Request) -> BoxFuture<'static, io::Result<Answer>> + Send + Sync>;

/// The signer of a body as the command line names it: `CertBody=/run/nanotrace-signer/socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerOf {
    /// By name, MSP id or domain.
    pub organisation: String,
    pub socket: PathBuf,
}

impl FromStr for SignerOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((organisation, socket)) if !organisation.is_empty() && !socket.is_empty() => {
                Ok(Self { organisation: organisation.to_owned(), socket: socket.into() })
            }
            _ => {
                Err("expected ORGANISATION=SOCKET, such as CertBody=/run/nanotrace-signer/socket".to_owned())
            }
        }
    }
}

/// Why signers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    #[error("{0} has two signers")]
    Twice(String),
    #[error("{0} has a signer, but no identity of it is given that could grant")]
    NoIdentity(String),
}

/// The signers of the bodies that this portal grants for.
#[derive(Clone, Default)]
pub struct Signers {
    /// By MSP id.
    asks: BTreeMap<String, Ask>,
    /// Applications that a person submitted are left to others.
    pub(crate) of_services_alone: bool,
}

impl Signers {
    pub fn add(&mut self, organisations: &Organisations, msp_id: &str, ask: Ask) -> Result<(), SignerError> {
        if organisations.get(msp_id).is_none() {
            return Err(SignerError::NoIdentity(msp_id.to_owned()));
        }
        match self.asks.insert(msp_id.to_owned(), ask) {
            Some(_) => Err(SignerError::Twice(msp_id.to_owned())),
            None => Ok(()),
        }
    }

    /// Leaves applications that no portal submitted to who works at the command line.
    pub fn of_services_alone(self) -> Self {
        Self { of_services_alone: true, ..self }
    }

    pub fn has(&self, msp_id: &str) -> bool {
        self.asks.contains_key(msp_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Ask)> {
        self.asks.iter()
    }
}

/// Asks the signer that listens there.
pub fn at(socket: PathBuf) -> Ask {
    Arc::new(move |request| {
        let socket = socket.clone();
        Box::pin(async move { client::ask(&socket, &request).await })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_signer_is_an_organisation_and_a_socket() {
        let named: SignerOf = "CertBody=/run/signer/socket".parse().unwrap();
        assert_eq!(
            (named.organisation.as_str(), named.socket.to_str()),
            ("CertBody", Some("/run/signer/socket"))
        );
        for wrong in ["", "CertBody", "=socket", "CertBody="] {
            assert!(wrong.parse::<SignerOf>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_signer_without_an_identity_of_its_body_is_refused() {
        let mut signers = Signers::default();
        let refused = signers.add(&Organisations::default(), "CertBodyMSP", at("socket".into()));
        assert!(matches!(refused, Err(SignerError::NoIdentity(body)) if body == "CertBodyMSP"));
    }
}
