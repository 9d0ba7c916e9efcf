//! Building an MSP from its configuration (`msp/mspimplsetup.go`).

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use fabric::{
    proto::{
        common::msp_role::MspRoleType,
        msp::{FabricCryptoConfig, FabricMspConfig, MspConfig},
    },
    types::decode,
};

use super::{
    Identity, Msp, MspError, MspVersion,
    certificate::Certificate,
    chain::Authorities,
    membership::{certifiers_identifier, parse_pem},
    organizational_units::UnitRules,
    revocation::RevocationList,
};

/// `MSPConfig.type` of the only kind of MSP known here; Idemix is 1.
const FABRIC: i32 = 0;

impl Msp {
    /// Builds an MSP as the channel's version of the rules asks.
    ///
    /// A signing identity in the configuration is not looked at: no channel's configuration holds one.
    ///
    /// # Errors
    /// Where Fabric refuses the configuration, and besides for what is not supported here: Idemix, and hash
    /// functions other than SHA-256.
    pub fn from_config(config: &MspConfig, version: MspVersion) -> Result<Self, MspError> {
        if config.r#type != FABRIC {
            return Err(MspError::Config(format!("MSP type {} is not supported", config.r#type)));
        }
        let config: FabricMspConfig = decode(config.config.clone())?;
        check_hash_functions(config.crypto_config.as_ref())?;
        let mut msp = Self::with_authorities(&config, version)?;
        for list in &config.revocation_list {
            let list = RevocationList::parse(list).map_err(|error| MspError::Config(error.to_string()))?;
            msp.revocation_lists.push(list);
        }
        msp.check_authorities()?;
        msp.check_tls_authorities(&config)?;
        msp.set_units(&config)?;
        msp.set_admins(&config.admins)?;
        Ok(msp)
    }

    fn with_authorities(config: &FabricMspConfig, version: MspVersion) -> Result<Self, MspError> {
        if config.root_certs.is_empty() {
            return Err(MspError::Config("no root certificate".to_owned()));
        }
        let mut msp = Self {
            name: config.name.clone(),
            version,
            authorities: Authorities::default(),
            inner_authorities: BTreeSet::new(),
            revocation_lists: Vec::new(),
            units: UnitRules::default(),
            admins: Vec::new(),
            tls_root_certificates: config.tls_root_certs.clone(),
            tls_intermediate_certificates: config.tls_intermediate_certs.clone(),
        };
        // Chains are needed to bring the authorities' own signatures to a low S, so they are read twice.
        msp.authorities = read_authorities(&config.root_certs, &config.intermediate_certs)?;
        let mut sanitized = Authorities::default();
        for root in &msp.authorities.roots {
            sanitized.add_root(msp.sanitize(root.clone())?);
        }
        for intermediate in &msp.authorities.intermediates {
            sanitized.add_intermediate(msp.sanitize(intermediate.clone())?);
        }
        msp.authorities = sanitized;
        Ok(msp)
    }

    fn check_authorities(&mut self) -> Result<(), MspError> {
        for authority in self.authorities.roots.iter().chain(&self.authorities.intermediates) {
            self.check_authority(authority, &self.authorities)?;
        }
        for intermediate in &self.authorities.intermediates {
            let chain = self.authorities.unique_chain(intermediate).map_err(MspError::Chain)?;
            let above = chain.iter().skip(1).map(|certificate| certificate.der.clone());
            self.inner_authorities.extend(above);
        }
        Ok(())
    }

    fn check_tls_authorities(&self, config: &FabricMspConfig) -> Result<(), MspError> {
        let authorities = read_authorities(&config.tls_root_certs, &config.tls_intermediate_certs)?;
        let all = authorities.roots.iter().chain(&authorities.intermediates);
        all.into_iter().try_for_each(|authority| self.check_authority(authority, &authorities))
    }

    fn check_authority(&self, authority: &Arc<Certificate>, among: &Authorities) -> Result<(), MspError> {
        if !authority.is_ca() || authority.extensions.subject_key_id.is_none() {
            let reason = "an authority's certificate lacks the CA mark or the subject key identifier";
            return Err(MspError::Config(reason.to_owned()));
        }
        let chain = among.unique_chain(authority).map_err(MspError::Chain)?;
        self.check_not_revoked(authority, &chain)
    }

    fn set_units(&mut self, config: &FabricMspConfig) -> Result<(), MspError> {
        let mut units = UnitRules::default();
        for demanded in &config.organizational_unit_identifiers {
            let certifiers = self.certifiers_of(&demanded.certificate)?;
            units.demand(&demanded.organizational_unit_identifier, certifiers);
        }
        if let Some(roles) = config.fabric_node_ous.as_ref().filter(|_| self.version >= MspVersion::V1_1) {
            units.set_roles(roles, self.version, |certificate| self.certifiers_of(certificate))?;
        }
        self.units = units;
        Ok(())
    }

    /// Identifies one of this MSP's authorities together with those above it.
    fn certifiers_of(&self, pem: &[u8]) -> Result<[u8; 32], MspError> {
        let authority = self.sanitize(Arc::new(parse_pem(pem)?))?;
        let among = |known: &[Arc<Certificate>]| known.iter().any(|other| other.der == authority.der);
        if among(&self.authorities.roots) {
            return Ok(certifiers_identifier(&[authority]));
        }
        if !among(&self.authorities.intermediates) {
            return Err(MspError::Config(
                "an organisational unit is bound to a foreign certificate".to_owned(),
            ));
        }
        let chain = self.authorities.unique_chain(&authority).map_err(MspError::Chain)?;
        if self.inner_authorities.contains(&authority.der) {
            return Err(MspError::Config("an organisational unit is bound to an inner authority".to_owned()));
        }
        Ok(certifiers_identifier(&chain))
    }

    fn set_admins(&mut self, certificates: &[Bytes]) -> Result<(), MspError> {
        for (index, pem) in certificates.iter().enumerate() {
            let admin = self.identity(pem, Bytes::new())?;
            let refused = |error| MspError::Config(format!("administrator {index}: {error}"));
            self.check_admin(&admin).map_err(refused)?;
            self.admins.push(admin.certificate);
        }
        let by_unit = self.units.enforced && self.units.has_role(MspRoleType::Admin);
        if self.version >= MspVersion::V1_4_3 && self.admins.is_empty() && !by_unit {
            return Err(MspError::Config("neither administrators nor a unit for them".to_owned()));
        }
        Ok(())
    }

    /// What a certificate named as administrator must be, besides.
    fn check_admin(&self, admin: &Identity) -> Result<(), MspError> {
        let is = |role| self.units.check_is(role, &admin.units);
        match self.units.enforced {
            false => admin.validate(),
            true if self.version >= MspVersion::V1_4_3 => {
                is(MspRoleType::Client).or_else(|_| is(MspRoleType::Admin))
            }
            true => admin.validate().and_then(|()| is(MspRoleType::Client)),
        }
    }
}

fn check_hash_functions(config: Option<&FabricCryptoConfig>) -> Result<(), MspError> {
    let Some(config) = config else { return Ok(()) };
    let family = config.signature_hash_family.as_str();
    let function = config.identity_identifier_hash_function.as_str();
    match matches!(family, "" | "SHA2") && matches!(function, "" | "SHA256") {
        true => Ok(()),
        false => Err(MspError::Config(format!("hash functions {family}, {function} are not supported"))),
    }
}

fn read_authorities(roots: &[Bytes], intermediates: &[Bytes]) -> Result<Authorities, MspError> {
    let mut authorities = Authorities::default();
    for pem in roots {
        authorities.add_root(Arc::new(parse_pem(pem)?));
    }
    for pem in intermediates {
        authorities.add_intermediate(Arc::new(parse_pem(pem)?));
    }
    Ok(authorities)
}
