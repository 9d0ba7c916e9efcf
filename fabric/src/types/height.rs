//! The version of a state record: where on the chain it was last written.

/// Block number and transaction index (`core/ledger/internal/version/version.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Height {
    pub block: u64,
    pub tx: u64,
}

impl Height {
    pub const fn new(block: u64, tx: u64) -> Self {
        Self { block, tx }
    }

    /// Fabric's order-preserving encoding: for each number one length byte, then big-endian without
    /// leading zeros (`common/ledger/util/encoding.go`).
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(6);
        for number in [self.block, self.tx] {
            let bytes = number.to_be_bytes();
            let significant = bytes.iter().skip_while(|byte| **byte == 0);
            out.push((8 - number.leading_zeros() / 8) as u8);
            out.extend(significant);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_without_leading_zeros() {
        assert_eq!(Height::new(0, 0).to_bytes(), [0, 0]);
        assert_eq!(Height::new(5, 256).to_bytes(), [1, 5, 2, 1, 0]);
        assert_eq!(Height::new(u64::MAX, 0).to_bytes().len(), 10);
    }
}
