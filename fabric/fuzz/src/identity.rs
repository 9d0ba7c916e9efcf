//! Identities, certificates, keys and membership definitions: nothing panics, and a judgement is stable.

use std::sync::{Arc, LazyLock};

use channel::Bundle;
use fabric::{
    crypto::{Hashed, PublicKey, VerifiedSignatureCache},
    proto::{
        common::{Block, MspPrincipal},
        msp::{MspConfig, SerializedIdentity},
    },
};
use msp::{Identity, Msp, MspVersion};
use prost::{Message, bytes::Bytes};

static CHANNEL: LazyLock<Arc<Bundle>> = LazyLock::new(|| {
    let genesis: &[u8] = include_bytes!("../../../tests/golden/small/genesis.block");
    Bundle::from_block(&Block::decode(genesis).unwrap()).unwrap()
});

const VERSIONS: [MspVersion; 3] = [MspVersion::V1_1, MspVersion::V1_4_3, MspVersion::V3_0];

pub fn run(input: &[u8]) {
    // As a whole identity, as its certificate in PEM and in DER, as a key, as a definition. The length chooses
    // the MSP and the rules: signatures are slow, and libFuzzer changes lengths often.
    check(input);
    let msp = CHANNEL.msps().iter().nth(input.len() % 4).unwrap();
    for id_bytes in [Bytes::copy_from_slice(input), pem(input)] {
        let identity = SerializedIdentity { mspid: msp.name().to_owned(), id_bytes };
        check(&identity.encode_to_vec());
    }
    if let Ok(key) = PublicKey::from_spki_der(input) {
        assert!(key.verify(input, input).is_err());
    }
    let config = MspConfig { r#type: 0, config: Bytes::copy_from_slice(input) };
    let _ = Msp::from_config(&config, VERSIONS[input.len() % 3]);
}

fn check(serialized: &[u8]) {
    let Ok(identity) = CHANNEL.msps().deserialize(serialized) else { return };
    let msp = CHANNEL.msps().get(identity.mspid()).unwrap();
    let again: Arc<Identity> = msp.deserialize(serialized).unwrap();
    assert_eq!(again.id(), identity.id());
    assert_eq!(again.validate(), identity.validate());
    let signature =
        VerifiedSignatureCache::disabled().verify(identity.public_key(), &Hashed::of(b"message"), serialized);
    assert!(signature.is_err());
    for principal_classification in 0..6 {
        let principal = Bytes::copy_from_slice(serialized);
        let principal = MspPrincipal { principal_classification, principal };
        let _ = msp.satisfies_principal(&identity, &principal);
    }
    // A sanitised certificate is its own sanitised form.
    let dressed =
        SerializedIdentity { mspid: msp.name().to_owned(), id_bytes: pem(identity.certificate_der()) };
    assert_eq!(msp.deserialize(&dressed.encode_to_vec()).unwrap().id(), identity.id());
}

fn pem(der: &[u8]) -> Bytes {
    pem::encode(&pem::Pem::new("CERTIFICATE", der)).into()
}
