//! `nanotrace channel`: genesis blocks, readable views of blocks and configurations, and config updates on their way.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use fabric::types::{HeadedBlock, block::data_hash, blockfile::BlockFile};
use governance::command::channel as governance;
use material::{
    genesis::{self, Stamp},
    inspect,
};
use prost::Message;

use crate::{
    cert::{files, output},
    exit::{Exit, Failure},
};

/// The largest file that is inspected: a block of a channel with generous limits.
const MAXIMUM_BYTES: u64 = 256 << 20;

/// Make a channel's genesis block, look into blocks and configurations, sign and submit changes of the configuration.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a genesis block from a profile of configtx.yaml (the format configtxgen reads) and print its
    /// fingerprint, which every verifier of the channel is given.
    Genesis {
        /// The configuration; MSP folders and certificates in it are relative to it.
        #[arg(long, default_value = "configtx.yaml")]
        config: PathBuf,
        /// The profile in it.
        #[arg(long, default_value = "NanoTrace")]
        profile: String,
        /// The channel's name.
        #[arg(long, default_value = "nanotrace")]
        channel: String,
        /// Where to write the block.
        #[arg(long, short, default_value = "genesis.block")]
        output: PathBuf,
        /// Replace an existing file; a channel has one genesis block.
        #[arg(long)]
        force: bool,
    },
    /// Print a block, an envelope or a configuration as JSON.
    Inspect {
        /// A file with one block, envelope, config or config update, encoded as Fabric encodes it.
        file: PathBuf,
    },
    Fetch(governance::Fetch),
    Sign(governance::Sign),
    Submit(governance::Submit),
    Revocations(governance::Revocations),
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Fetch(args) => governance::fetch(args).await,
        Command::Sign(args) => governance::sign(&args),
        Command::Submit(args) => governance::submit(&args).await,
        Command::Revocations(args) => governance::revocations(&args).await,
        Command::Genesis { config, profile, channel, output: out, force } => {
            let block = genesis::from_configtx_yaml(&config, &profile, &channel, stamp()?)
                .map_err(|error| Failure::usage(error.to_string()))?;
            files::write(Some(&out), &block.message().encode_to_vec(), force)?;
            output::line(format!("{} sha256:{}", out.display(), hex::encode(block.hash())))?;
            Ok(Exit::Ok)
        }
        Command::Inspect { file } => inspect_file(&file),
    }
}

fn inspect_file(file: &Path) -> Result<Exit, Failure> {
    let failure = |error: std::io::Error| Failure::usage(format!("{}: {error}", file.display()));
    if fs::metadata(file).map_err(failure)?.len() > MAXIMUM_BYTES {
        return Err(Failure::usage(format!(
            "{}: larger than {MAXIMUM_BYTES} bytes; a block file of many blocks is for `nanotrace replay`",
            file.display()
        )));
    }
    let bytes = fs::read(file).map_err(failure)?;
    if is_block_file(&bytes) {
        return Err(Failure::usage(format!(
            "{}: a block file of a peer or orderer; use `nanotrace replay`",
            file.display()
        )));
    }
    let json = inspect::to_json(bytes.into());
    if json.get("kind").is_some_and(|kind| kind == "unknown") {
        return Err(Failure::usage(format!("{}: no block, envelope or configuration in it", file.display())));
    }
    let text =
        serde_json::to_string_pretty(&json).map_err(|error| Failure::during("printing JSON", error))?;
    output::line(text)?;
    Ok(Exit::Ok)
}

/// Whether the bytes begin with a block as Fabric stores it, whose hash no other kind of file could match.
fn is_block_file(bytes: &[u8]) -> bool {
    let Some(Ok(block)) = BlockFile::new(bytes).next() else { return false };
    let envelopes = block.data.unwrap_or_default().data;
    block.header.is_some_and(|header| header.data_hash == data_hash(&envelopes)[..])
}

/// The genesis block in a file's bytes, or what they are instead.
pub fn genesis_block(bytes: &[u8]) -> Result<HeadedBlock, String> {
    if bytes.is_empty() {
        return Err("is empty: there is no genesis block in it".to_owned());
    }
    HeadedBlock::decode(Bytes::copy_from_slice(bytes)).map_err(|error| format!("is no block: {error}"))
}

/// Now, and a fresh nonce: what makes two genesis blocks of one profile different.
pub fn stamp() -> Result<Stamp, Failure> {
    let nonce = files::random()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp { unix_seconds: now.as_secs() as i64, nonce })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use fabric::proto::common::Block;

    use super::*;

    fn inspect(bytes: &[u8]) -> Result<Exit, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        inspect_file(file.path())
    }

    #[test]
    fn a_genesis_block_is_a_block() {
        let reason = |bytes: &[u8]| genesis_block(bytes).unwrap_err();
        assert!(reason(b"").contains("is empty"));
        assert!(reason(b"hello").contains("is no block"));
        let headless = Block { header: None, data: Some(Default::default()), metadata: None };
        assert!(reason(&headless.encode_to_vec()).contains("no header"));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        let recorded = include_bytes!("../tests/golden/small/blockfile_000000");
        for (bytes, reason) in [
            (&b""[..], "no block, envelope or configuration in it"),
            (b"hello", "no block, envelope or configuration in it"),
            (recorded, "use `nanotrace replay`"),
        ] {
            let failure = inspect(bytes).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.to_string().contains(reason), "{failure}");
        }
        let block = BlockFile::new(&recorded[..]).next().unwrap().unwrap();
        assert_eq!(inspect(&block.encode_to_vec()).unwrap(), Exit::Ok);
    }
}
