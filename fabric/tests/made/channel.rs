//! NanoTrace's own channel with organisations made for a test, and updates of its configuration.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use bytes::Bytes;
use fabric::{
    channel::{
        Bundle, ConfigError,
        genesis::{Stamp, from_configtx_yaml},
    },
    msp::{Identity, SigningIdentity},
    proto::common::{
        ChannelHeader, Config, ConfigGroup, ConfigPolicy, ConfigSignature, ConfigUpdate,
        ConfigUpdateEnvelope, Envelope, Header, HeaderType, Payload, SignatureHeader,
    },
};
use prost::Message;
use tempfile::TempDir;

use super::Org;

const CONFIGTX: &str = include_str!("../../../configtx.yaml");
const MEMBERS: [&str; 5] = ["CertBody", "Accreditation", "Lab", "Industry", "Customs"];

/// The channel of `configtx.yaml` with organisations of its own.
pub struct Channel {
    pub bundle: Arc<Bundle>,
    pub orgs: BTreeMap<&'static str, Org>,
    pub folder: TempDir,
}

impl Channel {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let crypto = folder.path().join("crypto-config");
        let mut orgs = BTreeMap::new();
        for org in MEMBERS {
            let domain = format!("peerOrganizations/{}.nanotrace.example/msp", org.to_lowercase());
            orgs.insert(org, Org::make(&crypto.join(domain), &format!("{org}MSP")));
        }
        let orderer = crypto.join("ordererOrganizations/orderer.nanotrace.example");
        orgs.insert("Orderer", Org::make(&orderer.join("msp"), "OrdererMSP"));
        let tls = orderer.join("orderers/orderer0.orderer.nanotrace.example/tls");
        fs::create_dir_all(&tls).unwrap();
        fs::copy(orderer.join("msp/cacerts/ca.pem"), tls.join("server.crt")).unwrap();
        let bundle = Self::genesis(folder.path());
        Self { bundle, orgs, folder }
    }

    fn genesis(folder: &Path) -> Arc<Bundle> {
        let path = folder.join("configtx.yaml");
        fs::write(&path, CONFIGTX).unwrap();
        let stamp = Stamp { unix_seconds: 0, nonce: [1; 24] };
        Bundle::from_block(from_configtx_yaml(&path, "NanoTrace", "nanotrace", stamp).unwrap().message())
            .unwrap()
    }

    pub fn admins(&self, orgs: &[&'static str]) -> Vec<&SigningIdentity> {
        orgs.iter().map(|org| &self.orgs[org].admin).collect()
    }

    pub fn propose(&self, edit: &Edit, signers: &[&SigningIdentity]) -> Result<Arc<Bundle>, ConfigError> {
        let update = update(&self.bundle, edit, signers);
        let proposed = self.bundle.propose_update(&update)?;
        // What our orderer proposes, a peer derives again.
        Ok(self.bundle.validate_config(proposed.envelope).unwrap())
    }

    pub fn identities(&self, members: &[&SigningIdentity]) -> Vec<Arc<Identity>> {
        members.iter().map(|member| self.bundle.msps().deserialize(&member.serialized()).unwrap()).collect()
    }
}

pub type Edit<'a> = dyn Fn(&mut ConfigGroup) + 'a;

/// The signed update that leads from the channel's configuration to the edited one.
pub fn update(bundle: &Bundle, edit: &Edit, signers: &[&SigningIdentity]) -> Envelope {
    signed(bundle, compute(bundle, edit).encode_to_vec(), signers)
}

/// The update, not yet signed. It reads everything, and writes everything again.
pub fn compute(bundle: &Bundle, edit: &Edit) -> ConfigUpdate {
    let old = Config::decode(bundle.config().clone()).unwrap().channel_group.unwrap();
    let mut new = old.clone();
    edit(&mut new);
    set_versions(&old, &mut new);
    let channel_id = bundle.channel_id().to_owned();
    ConfigUpdate { channel_id, read_set: Some(old), write_set: Some(new), ..Default::default() }
}

/// Wraps an encoded `ConfigUpdate` with signatures over it.
pub fn signed(bundle: &Bundle, config_update: Vec<u8>, signers: &[&SigningIdentity]) -> Envelope {
    let config_update: Bytes = config_update.into();
    let signatures = signers.iter().map(|signer| sign(signer, &config_update)).collect();
    let header = ChannelHeader {
        r#type: HeaderType::ConfigUpdate.into(),
        channel_id: bundle.channel_id().to_owned(),
        ..Default::default()
    };
    let payload = Payload {
        header: Some(Header { channel_header: header.encode_to_vec().into(), ..Default::default() }),
        data: ConfigUpdateEnvelope { config_update, signatures }.encode_to_vec().into(),
    };
    Envelope { payload: payload.encode_to_vec().into(), ..Default::default() }
}

pub fn sign(signer: &SigningIdentity, config_update: &Bytes) -> ConfigSignature {
    let header = SignatureHeader { creator: signer.serialized(), nonce: Bytes::from_static(&[3; 24]) };
    let signature_header: Bytes = header.encode_to_vec().into();
    let signature = signer.sign(&[&signature_header[..], config_update].concat()).unwrap().into();
    ConfigSignature { signature_header, signature }
}

/// Counts up the versions of what differs.
fn set_versions(old: &ConfigGroup, new: &mut ConfigGroup) {
    for (name, value) in &mut new.values {
        value.version =
            old.values.get(name).map_or(0, |old| old.version + u64::from(old.value != value.value));
    }
    for (name, policy) in &mut new.policies {
        let changed = |old: &ConfigPolicy| old.policy != policy.policy;
        policy.version = old.policies.get(name).map_or(0, |old| old.version + u64::from(changed(old)));
    }
    for (name, group) in &mut new.groups {
        match old.groups.get(name) {
            Some(old) => set_versions(old, group),
            None => set_versions(&ConfigGroup::default(), group),
        }
    }
    let same_names = old.values.keys().eq(new.values.keys())
        && old.policies.keys().eq(new.policies.keys())
        && old.groups.keys().eq(new.groups.keys());
    let is_new = old.mod_policy.is_empty();
    new.version = old.version + u64::from(!same_names && !is_new);
}
