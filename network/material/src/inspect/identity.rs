//! Shows identities, certificates and MSPs.

use bytes::Bytes;
use serde_json::{Value, json};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{
    message,
    scalar::{hex, opaque, unix_time},
};
use fabric::proto::{
    common::SignatureHeader,
    msp::{FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig, SerializedIdentity},
};

/// A `SerializedIdentity`.
pub(super) fn serialized(bytes: &Bytes) -> Value {
    message(
        bytes.clone(),
        |identity: &SerializedIdentity| json!({ "mspid": identity.mspid, "certificate": certificate(&identity.id_bytes) }),
    )
}

/// A signature with the header that names its author.
pub(super) fn signed_by(signature_header: Bytes, signature: &[u8]) -> Value {
    json!({
        "signature_header": message(signature_header, |header: &SignatureHeader| json!({
            "creator": serialized(&header.creator),
            "nonce": hex(&header.nonce),
        })),
        "signature": hex(signature),
    })
}

/// A PEM certificate and what it is about.
pub(super) fn certificate(pem_text: &[u8]) -> Value {
    let parsed = pem::parse(pem_text).ok();
    let Some((_, certificate)) =
        parsed.as_ref().and_then(|pem| X509Certificate::from_der(pem.contents()).ok())
    else {
        return opaque(pem_text);
    };
    json!({
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "not_before": unix_time(certificate.validity().not_before.timestamp()),
        "not_after": unix_time(certificate.validity().not_after.timestamp()),
        "pem": opaque(pem_text),
    })
}

/// The definition of an MSP.
pub(super) fn msp(config: &MspConfig) -> Value {
    if config.r#type != 0 {
        return json!({ "type": config.r#type, "config": opaque(&config.config) });
    }
    message(config.config.clone(), |msp: &FabricMspConfig| {
        json!({
            "name": msp.name,
            "root_certs": certificates(&msp.root_certs),
            "intermediate_certs": certificates(&msp.intermediate_certs),
            "admins": certificates(&msp.admins),
            "revocation_list": msp.revocation_list.iter().map(|list| opaque(list)).collect::<Vec<_>>(),
            "organizational_unit_identifiers":
                msp.organizational_unit_identifiers.iter().map(unit).collect::<Vec<_>>(),
            "crypto_config": msp.crypto_config.as_ref().map(|crypto| json!({
                "signature_hash_family": crypto.signature_hash_family,
                "identity_identifier_hash_function": crypto.identity_identifier_hash_function,
            })),
            "tls_root_certs": certificates(&msp.tls_root_certs),
            "tls_intermediate_certs": certificates(&msp.tls_intermediate_certs),
            "fabric_node_ous": msp.fabric_node_ous.as_ref().map(node_ous),
        })
    })
}

fn node_ous(ous: &FabricNodeOUs) -> Value {
    json!({
        "enable": ous.enable,
        "client_ou_identifier": ous.client_ou_identifier.as_ref().map(unit),
        "peer_ou_identifier": ous.peer_ou_identifier.as_ref().map(unit),
        "admin_ou_identifier": ous.admin_ou_identifier.as_ref().map(unit),
        "orderer_ou_identifier": ous.orderer_ou_identifier.as_ref().map(unit),
    })
}

fn unit(unit: &FabricOuIdentifier) -> Value {
    let certificate = (!unit.certificate.is_empty()).then(|| certificate(&unit.certificate));
    json!({
        "organizational_unit_identifier": unit.organizational_unit_identifier,
        "certificate": certificate,
    })
}

fn certificates(list: &[Bytes]) -> Vec<Value> {
    list.iter().map(|pem| certificate(pem)).collect()
}
