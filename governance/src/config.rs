//! A channel's configuration, as the last config block has it, for somebody who wants to change it.

use channel::{
    Bundle,
    policy::{SignaturePolicy, to_text},
};
use fabric::{
    proto::{
        common::{
            self, Block, Config, ConfigGroup, ConfigUpdate, ImplicitMetaPolicy, implicit_meta_policy,
            policy::PolicyType,
        },
        msp::{FabricMspConfig, MspConfig},
    },
    types::decode,
};
use prost::Message;

use crate::{GovernanceError, delta, rule::Expression};

pub(crate) const APPLICATION: &str = "Application";
pub(crate) const MSP: &str = "MSP";

/// What a channel is configured to.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    pub channel: String,
    /// How many updates it has seen.
    pub sequence: u64,
    pub(crate) root: ConfigGroup,
}

impl ChannelConfig {
    /// Reads a config block, as `peer channel fetch config` and `nanotrace channel fetch` write it.
    pub fn from_block(block: &[u8]) -> Result<Self, GovernanceError> {
        let failed = |error: &dyn std::fmt::Display| GovernanceError::NoConfigBlock(error.to_string());
        let block = Block::decode(block).map_err(|error| failed(&error))?;
        let bundle = Bundle::from_block(&block).map_err(|error| failed(&error))?;
        let config = Config::decode(bundle.config().clone()).map_err(|error| failed(&error))?;
        Ok(Self {
            channel: bundle.channel_id().to_owned(),
            sequence: bundle.sequence(),
            root: config.channel_group.unwrap_or_default(),
        })
    }

    /// The update that leads to `root`, where that is a valid configuration.
    pub(crate) fn update_to(&self, root: &ConfigGroup) -> Result<ConfigUpdate, GovernanceError> {
        let config = Config { sequence: self.sequence + 1, channel_group: Some(root.clone()) };
        Bundle::from_config(&self.channel, config.encode_to_vec().into())?;
        let (read_set, write_set) = delta::compute(&self.root, root);
        Ok(ConfigUpdate {
            channel_id: self.channel.clone(),
            read_set: Some(read_set),
            write_set: Some(write_set),
            ..Default::default()
        })
    }

    /// The name and the MSP id of an application organisation, which is asked for by either.
    pub(crate) fn organisation(&self, asked: &str) -> Result<(String, String), GovernanceError> {
        let organisations = self.organisations();
        let is_asked =
            |(name, mspid): &&(String, String)| [name, mspid].iter().any(|it| it.eq_ignore_ascii_case(asked));
        match organisations.iter().find(is_asked) {
            Some(found) => Ok(found.clone()),
            None => {
                let known: Vec<_> = organisations.into_iter().map(|(_, mspid)| mspid).collect();
                Err(GovernanceError::NoOrganisation { asked: asked.to_owned(), known: known.join(", ") })
            }
        }
    }

    /// Names and MSP ids of the application organisations.
    fn organisations(&self) -> Vec<(String, String)> {
        let application = self.root.groups.get(APPLICATION);
        let groups = application.iter().flat_map(|application| &application.groups);
        groups.filter_map(|(name, group)| Some((name.clone(), msp(group)?.name))).collect()
    }
}

/// The membership definition of an organisation.
pub(crate) fn msp(group: &ConfigGroup) -> Option<FabricMspConfig> {
    let outer: MspConfig = decode(group.values.get(MSP)?.value.clone()).ok()?;
    decode(outer.config).ok()
}

/// A signature policy whose principals are roles; `None` for any other.
pub(crate) fn signature_policy(policy: &common::Policy) -> Option<Expression> {
    let is_signature = policy.r#type == i32::from(PolicyType::Signature);
    let policy = is_signature.then(|| SignaturePolicy::decode(policy.value.clone()).ok())??;
    Expression::read(&policy)
}

/// For a person.
pub(crate) fn policy_text(policy: &common::Policy) -> String {
    let text = match PolicyType::try_from(policy.r#type) {
        Ok(PolicyType::Signature) => {
            SignaturePolicy::decode(policy.value.clone()).ok().and_then(|policy| to_text(&policy))
        }
        Ok(PolicyType::ImplicitMeta) => decode(policy.value.clone()).ok().map(|meta: ImplicitMetaPolicy| {
            let rule = implicit_meta_policy::Rule::try_from(meta.rule).unwrap_or_default();
            format!("{} {}", rule.as_str_name(), meta.sub_policy)
        }),
        _ => None,
    };
    text.unwrap_or_else(|| "a policy that cannot be shown".to_owned())
}
