//! Policies that Fabric's own tools wrote into the recorded chains, written as text and read again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;

use bytes::Bytes;
use channel::policy::{ApplicationPolicy, SignaturePolicy, parse, to_text};
use fabric::proto::{
    common::policy::PolicyType,
    common::{Block, ChannelHeader, ConfigEnvelope, ConfigGroup, Envelope, HeaderType, Payload},
    lifecycle::CommitChaincodeDefinitionArgs,
    protos::{
        self, ChaincodeActionPayload, ChaincodeInvocationSpec, ChaincodeProposalPayload, Transaction,
        application_policy::Type,
    },
};
use prost::Message;

#[test]
fn texts_give_the_bytes_that_fabric_wrote() {
    let mut texts = BTreeSet::new();
    for chain in recorded::CHAINS {
        for block in recorded::blocks(chain).unwrap_or_default() {
            for policy in config_policies(&block).into_iter().chain(definition_policies(&block)) {
                let compiled = SignaturePolicy::decode(policy.clone()).unwrap();
                // Principals by organisational unit are beyond the language.
                let Some(text) = to_text(&compiled) else { continue };
                assert_eq!(parse(&text).unwrap().encode_to_vec(), policy, "{text}");
                texts.insert(text);
            }
        }
    }
    println!("{} different policies", texts.len());
    if recorded::folder("alpha").is_some() {
        assert!(texts.iter().any(|text| text.matches('(').count() > 2), "a nested policy is among them");
    }
}

fn config_policies(block: &Block) -> Vec<Bytes> {
    let Some(envelope) = recorded::config_envelope(block) else { return Vec::new() };
    let config = ConfigEnvelope::decode(envelope).unwrap().config.unwrap();
    let mut found = Vec::new();
    let mut groups: Vec<ConfigGroup> = config.channel_group.into_iter().collect();
    while let Some(group) = groups.pop() {
        let policies = group.policies.into_values().filter_map(|policy| policy.policy);
        let signature = policies.filter(|policy| policy.r#type == i32::from(PolicyType::Signature));
        found.extend(signature.map(|policy| policy.value));
        groups.extend(group.groups.into_values());
    }
    found
}

/// The policies of chaincode definitions that somebody asked to commit.
fn definition_policies(block: &Block) -> Vec<Bytes> {
    let transactions = block.data.iter().flat_map(|data| &data.data);
    transactions.filter_map(|transaction| definition_policy(transaction.clone())).collect()
}

fn definition_policy(transaction: Bytes) -> Option<Bytes> {
    let payload = Payload::decode(Envelope::decode(transaction).ok()?.payload).ok()?;
    let header = ChannelHeader::decode(payload.header?.channel_header).ok()?;
    if header.r#type != i32::from(HeaderType::EndorserTransaction) {
        return None;
    }
    let action = Transaction::decode(payload.data).ok()?.actions.into_iter().next()?;
    let action = ChaincodeActionPayload::decode(action.payload).ok()?;
    let proposal = ChaincodeProposalPayload::decode(action.chaincode_proposal_payload).ok()?;
    let invocation = ChaincodeInvocationSpec::decode(proposal.input).ok()?;
    let args = invocation.chaincode_spec?.input?.args;
    if args.first()?.as_ref() != b"CommitChaincodeDefinition" {
        return None;
    }
    let definition = CommitChaincodeDefinitionArgs::decode(args.get(1)?.clone()).ok()?;
    ApplicationPolicy::decode(definition.validation_parameter.clone()).ok()?;
    match protos::ApplicationPolicy::decode(definition.validation_parameter).ok()?.r#type? {
        Type::SignaturePolicy(policy) => Some(policy.encode_to_vec().into()),
        Type::ChannelConfigPolicyReference(_) => None,
    }
}
