//! Chaincodes with policies and collections of every kind, and the transactions that define them.

use fabric::proto::{
    kvrwset::KvWrite,
    lifecycle::{ChaincodeEndorsementInfo, ChaincodeValidationInfo},
    protos::StaticCollectionConfig,
};
use testkit::definition::{self, Definition, application_policy, built_in_validation};

/// A chaincode: its name, its policies (one is taken at each definition), its collections.
pub struct Chaincode {
    pub name: &'static str,
    /// Policy texts, or names of policies of the channel where they begin with a slash.
    pub policies: &'static [&'static str],
    pub collections: &'static [Collection],
    pub init_required: bool,
}

/// A collection: its name, its own endorsement policy if it has one, and the blocks its data live.
pub type Collection = (&'static str, Option<&'static str>, u64);

const fn plain(name: &'static str, policies: &'static [&'static str]) -> Chaincode {
    Chaincode { name, policies, collections: &[], init_required: false }
}

pub const CHAINCODES: [Chaincode; 11] = [
    plain(
        "orcc",
        &["OR('AMSP.peer','BMSP.peer','CMSP.member')", "OR('AMSP.member','BMSP.member','CMSP.member')"],
    ),
    plain("andcc", &["AND('AMSP.peer','BMSP.peer')"]),
    plain(
        "twocc",
        &["OutOf(2,'AMSP.member','BMSP.member','CMSP.member')", "/Channel/Application/Endorsement"],
    ),
    plain("defcc", &["/Channel/Application/Endorsement"]),
    plain(
        "refcc",
        &[
            "/Channel/Application/Writers",
            "/Channel/Application/AMSP/Endorsement",
            "/Channel/Application/Admins",
        ],
    ),
    plain("rolecc", &["OR('AMSP.admin','BMSP.client')", "OR('BMSP.orderer','AMSP.client')"]),
    plain("greedycc", &["AND(OR('AMSP.member','BMSP.member'),'BMSP.member')"]),
    plain("nowhere", &["/Channel/Application/Nothing"]),
    plain("rangecc", &["OR('AMSP.member','BMSP.member','CMSP.member')"]),
    Chaincode {
        name: "pvtcc",
        policies: &["OR('AMSP.member','BMSP.member','CMSP.member')"],
        collections: &[
            ("open", None, 0),
            ("owned", Some("AND('AMSP.peer','BMSP.peer')"), 0),
            ("brief", None, 3),
            ("referred", Some("/Channel/Application/BMSP/Endorsement"), 0),
        ],
        init_required: false,
    },
    Chaincode {
        name: "initcc",
        policies: &["OR('AMSP.peer','BMSP.peer')"],
        collections: &[("open", None, 0)],
        init_required: true,
    },
];

impl Chaincode {
    /// The writes in `_lifecycle` that define the chaincode for the `sequence`th time.
    pub fn definition(&self, sequence: i64) -> Vec<KvWrite> {
        let policy = self.policies[(sequence as usize - 1) % self.policies.len()];
        self.defined(sequence, built_in_validation(policy))
    }

    /// The same with another policy, an encoded `ApplicationPolicy`.
    pub fn definition_with_policy(&self, sequence: i64, policy: Vec<u8>) -> Vec<KvWrite> {
        let validation = built_in_validation(self.policies[0]);
        self.defined(sequence, ChaincodeValidationInfo { validation_parameter: policy.into(), ..validation })
    }

    fn defined(&self, sequence: i64, validation: ChaincodeValidationInfo) -> Vec<KvWrite> {
        let endorsement = ChaincodeEndorsementInfo {
            version: sequence.to_string(),
            init_required: self.init_required,
            endorsement_plugin: "escc".to_owned(),
        };
        let collections = self.collections.iter().map(collection).collect();
        Definition { sequence, endorsement, validation, collections }.writes(self.name)
    }
}

fn collection((name, policy, lives): &Collection) -> StaticCollectionConfig {
    StaticCollectionConfig {
        block_to_live: *lives,
        endorsement_policy: policy.map(application_policy),
        ..definition::collection(name, "OR('AMSP.member','BMSP.member','CMSP.member')")
    }
}
