//! `nanotrace channel`: genesis blocks, and readable views of blocks and configurations.

use std::{
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use fabric::{
    channel::{
        genesis::{self, Stamp},
        inspect,
    },
    types::block::header_hash,
};
use prost::Message;

use crate::exit::{Exit, Failure};

/// The largest file that is inspected: a block of a channel with generous limits.
const MAXIMUM_BYTES: u64 = 256 << 20;

/// Make a channel's genesis block, or look into blocks and configurations.
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
        /// Overwrite an existing file.
        #[arg(long)]
        force: bool,
    },
    /// Print a block, an envelope or a configuration as JSON.
    Inspect {
        /// A file with one block, envelope, config or config update, encoded as Fabric encodes it.
        file: PathBuf,
    },
}

pub fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Genesis { config, profile, channel, output, force } => {
            if output.exists() && !force {
                return Err(Failure::usage(format!(
                    "{} exists; a channel has one genesis block. Choose another --output, or --force",
                    output.display()
                )));
            }
            let block = genesis::from_configtx_yaml(&config, &profile, &channel, stamp()?)
                .map_err(|error| Failure::usage(error.to_string()))?;
            fs::write(&output, block.encode_to_vec())
                .map_err(|error| Failure::during(output.display(), error))?;
            let hash = header_hash(&block.header.unwrap_or_default());
            println!("{} sha256:{}", output.display(), hex::encode(hash));
            Ok(Exit::Ok)
        }
        Command::Inspect { file } => {
            let failure = |error: std::io::Error| Failure::usage(format!("{}: {error}", file.display()));
            if fs::metadata(&file).map_err(failure)?.len() > MAXIMUM_BYTES {
                return Err(Failure::usage(format!(
                    "{}: larger than {MAXIMUM_BYTES} bytes; a block file of many blocks is for `nanotrace replay`",
                    file.display()
                )));
            }
            let json = inspect::to_json(fs::read(&file).map_err(failure)?.into());
            let text = serde_json::to_string_pretty(&json)
                .map_err(|error| Failure::during("printing JSON", error))?;
            println!("{text}");
            Ok(Exit::Ok)
        }
    }
}

/// Now, and a fresh nonce: what makes two genesis blocks of one profile different.
pub fn stamp() -> Result<Stamp, Failure> {
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce)
        .map_err(|error| Failure::during("asking the operating system for randomness", error))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp { unix_seconds: now.as_secs() as i64, nonce })
}
