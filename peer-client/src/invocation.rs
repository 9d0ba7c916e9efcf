//! What to call: a function of a chaincode on a channel, and what to give it.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;

/// A call of a chaincode function, not yet bound to a caller.
#[derive(Clone, Default)]
pub struct Invocation {
    pub(crate) channel: String,
    pub(crate) chaincode: String,
    pub(crate) arguments: Vec<Bytes>,
    pub(crate) transient: BTreeMap<String, Bytes>,
    pub(crate) organizations: Vec<String>,
}

impl Invocation {
    pub fn new(
        channel: impl Into<String>,
        chaincode: impl Into<String>,
        function: impl Into<String>,
    ) -> Self {
        Self {
            channel: channel.into(),
            chaincode: chaincode.into(),
            arguments: vec![Bytes::from(function.into())],
            ..Self::default()
        }
    }

    /// Adds an argument; the function's name is the first one on the wire.
    pub fn argument(mut self, argument: impl Into<Bytes>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds a private input, which reaches the chaincode but is kept off the ledger.
    pub fn transient(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.transient.insert(key.into(), value.into());
        self
    }

    /// Names the organisations (by MSP id) whose peers shall evaluate or endorse, in place of the gateway's choice.
    pub fn organizations<O: Into<String>>(mut self, msp_ids: impl IntoIterator<Item = O>) -> Self {
        self.organizations = msp_ids.into_iter().map(Into::into).collect();
        self
    }
}

/// Without arguments and private inputs: what is printed gets into logs.
impl fmt::Debug for Invocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, chaincode, organizations, .. } = self;
        write!(formatter, "a call of {chaincode} on {channel} for {organizations:?}")
    }
}
