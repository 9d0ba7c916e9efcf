//! `nanotrace body`, and of `nanotrace channel` and `nanotrace chaincode` what organisations decide together.

pub mod body;
pub mod chaincode;
pub mod channel;

use std::{fs, path::Path};

use commands::exit::Failure;

use crate::GovernanceError;

/// A channel's configuration, or an update of it, with generous room.
const MAXIMUM_BYTES: u64 = 64 << 20;

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    if fs::metadata(path).map_err(failed)?.len() > MAXIMUM_BYTES {
        return Err(Failure::usage(format!("{} is larger than {MAXIMUM_BYTES} bytes", path.display())));
    }
    fs::read(path).map_err(failed)
}

impl From<GovernanceError> for Failure {
    fn from(error: GovernanceError) -> Self {
        Self::usage(error.to_string())
    }
}
