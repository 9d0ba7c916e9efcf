//! Chains by their CAIP-2 names, and the addresses of each family in their one spelling.

use std::fmt;

use crate::{Refused, demand, ethereum, sui};

/// Chains whose wallets have the same addresses and signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Ethereum,
    Sui,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::Ethereum, Family::Sui];

    /// CAIP-2's namespace.
    pub fn name(self) -> &'static str {
        match self {
            Family::Ethereum => "eip155",
            Family::Sui => "sui",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    /// As messages call it.
    pub fn title(self) -> &'static str {
        match self {
            Family::Ethereum => "Ethereum",
            Family::Sui => "Sui",
        }
    }

    /// An address in its one spelling: for Ethereum with the checksum of EIP-55, for Sui in lower case. A spelling in both cases
    /// has to be right by its checksum.
    pub fn address(self, typed: &str) -> Result<String, Refused> {
        match self {
            Family::Ethereum => ethereum::address(typed),
            Family::Sui => sui::address(typed),
        }
    }
}

/// A chain. Keys are the same on all of one family: it says for which one a wallet was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// By the number of EIP-155.
    Ethereum(u64),
    Sui(&'static str),
}

/// Sui's networks, as wallets call them.
const SUI_NETWORKS: [&str; 4] = ["mainnet", "testnet", "devnet", "localnet"];

impl Chain {
    /// By its CAIP-2 name: `eip155:1`, `sui:mainnet`.
    pub fn read(name: &str) -> Result<Self, Refused> {
        let unknown = Refused::Wrong(
            "chains are eip155 with a number, or sui:mainnet, sui:testnet, sui:devnet or sui:localnet",
        );
        match name.split_once(':') {
            Some(("eip155", number)) => {
                demand(is_number(number), "the number of the chain is not a number")?;
                number.parse().map(Chain::Ethereum).map_err(|_| unknown)
            }
            Some(("sui", network)) => {
                let network = SUI_NETWORKS.into_iter().find(|it| *it == network);
                network.map(Chain::Sui).ok_or(unknown)
            }
            _ => Err(unknown),
        }
    }

    pub fn family(self) -> Family {
        match self {
            Chain::Ethereum(_) => Family::Ethereum,
            Chain::Sui(_) => Family::Sui,
        }
    }

    /// As a message names it: EIP-4361 has the number alone.
    pub fn in_message(self) -> String {
        match self {
            Chain::Ethereum(number) => number.to_string(),
            Chain::Sui(_) => self.to_string(),
        }
    }
}

/// In one spelling: digits without a zero before them.
fn is_number(text: &str) -> bool {
    !text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Chain::Ethereum(number) => write!(formatter, "eip155:{number}"),
            Chain::Sui(network) => write!(formatter, "sui:{network}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_chain_has_one_name() {
        for name in ["eip155:1", "eip155:11155111", "sui:mainnet", "sui:localnet"] {
            assert_eq!(Chain::read(name).unwrap().to_string(), name);
        }
        for wrong in [
            "",
            "1",
            "eip155:",
            "eip155:0",
            "eip155:01",
            "eip155:-1",
            "eip155:+1",
            "eip155:1 ",
            "eip155:99999999999999999999",
            "sui:",
            "sui:Mainnet",
            "sui:1",
            "solana:mainnet",
            "EIP155:1",
            "eip155:1:2",
        ] {
            assert!(Chain::read(wrong).is_err(), "{wrong}");
        }
    }
}
