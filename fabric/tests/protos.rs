//! Our protos: that they are Fabric's, and that every message survives being written and read.
//!
//! Names, numbers and types are compared with the descriptors of the official package
//! (`fabric-protos/descriptors.bin`). Messages are made from random bytes by descriptor, so that every field
//! of every message occurs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fabric::{proto::DESCRIPTORS, types::decode};
use proptest::prelude::*;
use prost::{Message, Name, encoding::encode_varint};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

const OFFICIAL: &[u8] = include_bytes!("fabric-protos/descriptors.bin");
/// How deep messages that hold themselves are made to nest.
const MAX_DEPTH: usize = 6;

/// Everything that a set of files declares, by full name with a leading dot.
#[derive(Default)]
struct Declared {
    messages: BTreeMap<String, DescriptorProto>,
    enums: BTreeMap<String, EnumDescriptorProto>,
    services: BTreeMap<String, ServiceDescriptorProto>,
}

impl Declared {
    fn read(descriptors: &[u8]) -> Self {
        let mut declared = Self::default();
        for file in FileDescriptorSet::decode(descriptors).unwrap().file {
            let scope = format!(".{}", file.package());
            file.message_type.into_iter().for_each(|message| declared.add_message(&scope, message));
            file.enum_type.into_iter().for_each(|kind| declared.add_enum(&scope, kind));
            for service in file.service {
                declared.services.insert(format!("{scope}.{}", service.name()), service);
            }
        }
        declared
    }

    fn add_message(&mut self, scope: &str, message: DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        message.nested_type.iter().for_each(|nested| self.add_message(&name, nested.clone()));
        message.enum_type.iter().for_each(|kind| self.add_enum(&name, kind.clone()));
        self.messages.insert(name, message);
    }

    fn add_enum(&mut self, scope: &str, kind: EnumDescriptorProto) {
        self.enums.insert(format!("{scope}.{}", kind.name()), kind);
    }
}

/// A field as far as the wire and its readers go.
fn wire_facts(message: &DescriptorProto) -> BTreeSet<String> {
    let facts = |field: &FieldDescriptorProto| {
        let oneof = field.oneof_index.map(|index| message.oneof_decl[index as usize].name().to_owned());
        let packed = field.options.as_ref().and_then(|options| options.packed);
        let (name, number, kind, label) = (field.name(), field.number(), field.r#type(), field.label());
        format!("{name} = {number}: {kind:?} {label:?} {} {oneof:?} {packed:?}", field.type_name())
    };
    message.field.iter().map(facts).collect()
}

#[test]
fn messages_enums_and_services_are_fabrics() {
    let (ours, theirs) = (Declared::read(DESCRIPTORS), Declared::read(OFFICIAL));
    assert!(ours.messages.len() > 200 && ours.enums.len() > 15 && ours.services.len() > 5);
    for (name, message) in ours.messages.iter().filter(|(name, _)| !name.starts_with(".google.")) {
        let official = theirs.messages.get(name).unwrap_or_else(|| panic!("{name} is not Fabric's"));
        assert_eq!(wire_facts(message), wire_facts(official), "{name}");
    }
    for (name, kind) in &ours.enums {
        let values = |kind: &EnumDescriptorProto| -> BTreeSet<(String, i32)> {
            kind.value.iter().map(|value| (value.name().to_owned(), value.number())).collect()
        };
        assert_eq!(values(kind), values(&theirs.enums[name]), "{name}");
    }
    for (name, service) in &ours.services {
        let methods = |service: &ServiceDescriptorProto| -> BTreeSet<String> {
            let method = service.method.iter();
            let facts = method.map(|method| {
                let streams = (method.client_streaming(), method.server_streaming());
                format!("{}({}) {} {streams:?}", method.name(), method.input_type(), method.output_type())
            });
            facts.collect()
        };
        assert_eq!(methods(service), methods(&theirs.services[name]), "{name}");
    }
}

/// Random bytes, of which messages are made; zeros when they are used up.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    /// Never zero, which would not be written.
    fn number(&mut self) -> u64 {
        let number = (0..=self.byte() % 8).fold(0, |number, _| number << 8 | u64::from(self.byte()));
        number.max(1)
    }

    fn text(&mut self) -> String {
        (0..=self.byte() % 6).map(|_| char::from(b'!' + self.byte() % 90)).collect()
    }
}

/// Makes the encoding of messages as every protobuf library writes them.
struct Maker<'a> {
    declared: &'a Declared,
    tape: Tape<'a>,
}

impl Maker<'_> {
    /// A message with every field that the tape asks for; maps have one entry, a oneof one choice.
    fn message(&mut self, name: &str, depth: usize) -> Vec<u8> {
        let declared = self.declared;
        let message = &declared.messages[name];
        let mut fields: Vec<&FieldDescriptorProto> = message.field.iter().collect();
        fields.sort_by_key(|field| field.number());
        let chosen: BTreeMap<i32, u8> =
            (0..message.oneof_decl.len() as i32).map(|index| (index, self.tape.byte())).collect();
        let mut encoded = Vec::new();
        for field in fields {
            let alternatives: Vec<_> = message
                .field
                .iter()
                .filter(|other| other.oneof_index.is_some() && other.oneof_index == field.oneof_index)
                .collect();
            let is_chosen = match field.oneof_index {
                Some(index) => {
                    let choice = usize::from(chosen[&index]) % alternatives.len();
                    alternatives[choice].number() == field.number()
                }
                None => self.tape.byte() < 192,
            };
            if is_chosen {
                self.field(field, depth, &mut encoded);
            }
        }
        encoded
    }

    fn field(&mut self, field: &FieldDescriptorProto, depth: usize, encoded: &mut Vec<u8>) {
        let is_entry = self.is_map_entry(field);
        let times = if field.label() == Label::Repeated && !is_entry { 1 + self.tape.byte() % 3 } else { 1 };
        if field.label() == Label::Repeated && self.wire_type(field) != 2 {
            let mut packed = Vec::new();
            (0..times).for_each(|_| self.scalar(field, &mut packed));
            return put(field, &packed, encoded);
        }
        for _ in 0..times {
            match field.r#type() {
                Type::Message if is_entry => {
                    let entry = self.entry(field.type_name(), depth);
                    put(field, &entry, encoded);
                }
                Type::Message if depth < MAX_DEPTH => {
                    let inner = self.message(field.type_name(), depth + 1);
                    put(field, &inner, encoded);
                }
                Type::Message => {}
                Type::String | Type::Bytes => put(field, self.tape.text().as_bytes(), encoded),
                _ => {
                    encode_varint(key(field, self.wire_type(field)), encoded);
                    self.scalar(field, encoded);
                }
            }
        }
    }

    /// A map entry has its key always.
    fn entry(&mut self, name: &str, depth: usize) -> Vec<u8> {
        let declared = self.declared;
        let mut encoded = Vec::new();
        for field in &declared.messages[name].field {
            match field.r#type() {
                Type::Message => {
                    let inner = match depth {
                        MAX_DEPTH => Vec::new(),
                        _ => self.message(field.type_name(), depth + 1),
                    };
                    // Go writes an empty one, prost does not.
                    if !inner.is_empty() {
                        put(field, &inner, &mut encoded);
                    }
                }
                _ => self.field(field, depth, &mut encoded),
            }
        }
        encoded
    }

    fn scalar(&mut self, field: &FieldDescriptorProto, encoded: &mut Vec<u8>) {
        let number = self.tape.number();
        match field.r#type() {
            Type::Bool => encode_varint(1, encoded),
            // Any enum has values 0 and 1, and readers keep others; a negative int32 takes ten bytes.
            Type::Enum | Type::Int32 => encode_varint(i64::from(number as i32 | 1) as u64, encoded),
            Type::Uint32 => encode_varint(u64::from(number as u32 | 1), encoded),
            Type::Int64 | Type::Uint64 => encode_varint(number, encoded),
            other => panic!("no message of ours has a field of type {other:?}"),
        }
    }

    fn wire_type(&self, field: &FieldDescriptorProto) -> u64 {
        match field.r#type() {
            Type::Message | Type::String | Type::Bytes => 2,
            _ => 0,
        }
    }

    fn is_map_entry(&self, field: &FieldDescriptorProto) -> bool {
        let message = self.declared.messages.get(field.type_name());
        message.and_then(|message| message.options.as_ref()).is_some_and(|options| options.map_entry())
    }
}

fn key(field: &FieldDescriptorProto, wire_type: u64) -> u64 {
    (field.number() as u64) << 3 | wire_type
}

fn put(field: &FieldDescriptorProto, content: &[u8], encoded: &mut Vec<u8>) {
    encode_varint(key(field, 2), encoded);
    encode_varint(content.len() as u64, encoded);
    encoded.extend_from_slice(content);
}

/// Reads and writes a message; nothing of it may be lost. The bytes may differ: prost writes a oneof where
/// its first alternative stands.
fn survives<M: Message + Default + Name + PartialEq + std::fmt::Debug>(maker: &mut Maker<'_>) {
    let made = maker.message(&format!(".{}", M::full_name()), 0);
    let read: M = decode(Bytes::from(made.clone())).unwrap();
    let written = read.encode_to_vec();
    assert_eq!(written.len(), made.len(), "{}: {made:02x?} becomes {written:02x?}", M::full_name());
    assert_eq!(M::decode(written.as_slice()).unwrap(), read, "{}", M::full_name());
    // Fields that are unknown to us do not disturb.
    let mut extended = made;
    encode_varint(19_000 << 3, &mut extended);
    encode_varint(u64::MAX, &mut extended);
    assert_eq!(decode::<M>(extended.into()).unwrap(), read, "{}", M::full_name());
}

macro_rules! messages {
    ($($module:ident { $($message:path),* $(,)? })*) => {
        /// Lets every message be made, read and written; gives their names.
        fn every_message_survives(maker: &mut Maker<'_>) -> BTreeSet<String> {
            let mut names = BTreeSet::new();
            $({
                use fabric::proto::$module::*;
                $(
                    survives::<$message>(maker);
                    names.insert(format!(".{}", <$message>::full_name()));
                )*
            })*
            names
        }
    };
}

messages! {
    common { LastConfig, Metadata, MetadataSignature, IdentifierHeader, Header, ChannelHeader, SignatureHeader, Payload, Envelope, Block, BlockHeader, BlockData, BlockMetadata, OrdererBlockMetadata, ConfigEnvelope, Config, ConfigUpdateEnvelope, ConfigUpdate, ConfigGroup, ConfigValue, ConfigPolicy, ConfigSignature, HashingAlgorithm, BlockDataHashingStructure, OrdererAddresses, Consenter, Orderers, Consortium, Capabilities, Capability, Policy, SignaturePolicyEnvelope, signature_policy::NOutOf, SignaturePolicy, ImplicitMetaPolicy, ApplicationPolicy, BlockchainInfo, BootstrappingSnapshotInfo, MspPrincipal, OrganizationUnit, MspRole, MspIdentityAnonymity, CombinedPrincipal }
    etcdraft { ConfigMetadata, Consenter, Options }
    gateway { EndorseRequest, EndorseResponse, SubmitRequest, SubmitResponse, SignedCommitStatusRequest, CommitStatusRequest, CommitStatusResponse, EvaluateRequest, EvaluateResponse, SignedChaincodeEventsRequest, ChaincodeEventsRequest, ChaincodeEventsResponse, ErrorDetail, ProposedTransaction, PreparedTransaction }
    kvrwset { KvrwSet, HashedRwSet, KvRead, KvWrite, KvMetadataWrite, KvReadHash, KvWriteHash, KvMetadataWriteHash, KvMetadataEntry, Version, RangeQueryInfo, QueryReads, QueryReadsMerkleSummary }
    lifecycle { InstallChaincodeArgs, InstallChaincodeResult, QueryInstalledChaincodeArgs, query_installed_chaincode_result::References, query_installed_chaincode_result::Chaincode, QueryInstalledChaincodeResult, GetInstalledChaincodePackageArgs, GetInstalledChaincodePackageResult, QueryInstalledChaincodesArgs, query_installed_chaincodes_result::InstalledChaincode, query_installed_chaincodes_result::References, query_installed_chaincodes_result::Chaincode, QueryInstalledChaincodesResult, ApproveChaincodeDefinitionForMyOrgArgs, chaincode_source::Unavailable, chaincode_source::Local, ChaincodeSource, ApproveChaincodeDefinitionForMyOrgResult, CommitChaincodeDefinitionArgs, CommitChaincodeDefinitionResult, CheckCommitReadinessArgs, check_commit_readiness_result::Mismatches, CheckCommitReadinessResult, QueryApprovedChaincodeDefinitionArgs, QueryApprovedChaincodeDefinitionResult, QueryApprovedChaincodeDefinitionsArgs, query_approved_chaincode_definitions_result::ApprovedChaincodeDefinition, QueryApprovedChaincodeDefinitionsResult, QueryChaincodeDefinitionArgs, QueryChaincodeDefinitionResult, QueryChaincodeDefinitionsArgs, query_chaincode_definitions_result::ChaincodeDefinition, QueryChaincodeDefinitionsResult, ChaincodeEndorsementInfo, ChaincodeValidationInfo, StateMetadata, StateData }
    msp { SerializedIdentity, SerializedIdemixIdentity, MspConfig, FabricMspConfig, FabricCryptoConfig, IdemixMspConfig, IdemixMspSignerConfig, SigningIdentityInfo, KeyInfo, FabricOuIdentifier, FabricNodeOUs }
    orderer { BroadcastResponse, SeekNewest, SeekOldest, SeekSpecified, SeekNextCommit, SeekPosition, SeekInfo, DeliverResponse, ConsensusType, BatchSize, BatchTimeout, KafkaBrokers, ChannelRestrictions }
    protos { SignedProposal, Proposal, ChaincodeHeaderExtension, ChaincodeProposalPayload, ChaincodeAction, ProposalResponse, Response, ProposalResponsePayload, Endorsement, ChaincodeInterest, ChaincodeCall, ProcessedTransaction, Transaction, TransactionAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeId, ChaincodeInput, ChaincodeSpec, ChaincodeDeploymentSpec, ChaincodeInvocationSpec, LifecycleEvent, CdsData, ChaincodeData, ChaincodeAdditionalParams, ChaincodeEvent, ChaincodeMessage, GetState, GetStateMetadata, GetStateMultiple, GetStateMultipleResult, PutState, PutStateMetadata, WriteBatchState, WriteRecord, DelState, PurgePrivateState, GetStateByRange, GetQueryResult, QueryMetadata, GetHistoryForKey, QueryStateNext, QueryStateClose, QueryResultBytes, QueryResponse, QueryResponseMetadata, StateMetadata, StateMetadataResult, CollectionConfigPackage, CollectionConfig, StaticCollectionConfig, CollectionPolicyConfig, AnchorPeers, AnchorPeer, ApiResource, AcLs, ApplicationPolicy, ChaincodeQueryResponse, ChaincodeInfo, ChannelQueryResponse, ChannelInfo, JoinBySnapshotStatus, FilteredBlock, FilteredTransaction, FilteredTransactionActions, FilteredChaincodeAction, BlockAndPrivateData, DeliverResponse }
    queryresult { Kv, KeyModification }
    rwset { TxReadWriteSet, NsReadWriteSet, CollectionHashedReadWriteSet, TxPvtReadWriteSet, NsPvtReadWriteSet, CollectionPvtReadWriteSet }
}

#[test]
fn no_message_is_forgotten() {
    let declared = Declared::read(DESCRIPTORS);
    let names = every_message_survives(&mut Maker { declared: &declared, tape: Tape(&[]) });
    let is_ours = |(name, message): &(&String, &DescriptorProto)| {
        let is_entry = message.options.as_ref().is_some_and(|options| options.map_entry());
        !name.starts_with(".google.") && !is_entry
    };
    let all: BTreeSet<String> =
        declared.messages.iter().filter(is_ours).map(|(name, _)| name.clone()).collect();
    assert_eq!(names, all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn messages_survive_being_written_and_read(bytes in prop::collection::vec(any::<u8>(), 20_000..40_000)) {
        let declared = Declared::read(DESCRIPTORS);
        every_message_survives(&mut Maker { declared: &declared, tape: Tape(&bytes) });
    }
}
