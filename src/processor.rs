//! Whether this processor has the instructions that RocksDB was compiled for (`.cargo/config.toml`).

use crate::exit::{Exit, Failure};

/// Without this a processor that is too old would end the process without a word.
pub fn check() -> Result<(), Failure> {
    #[cfg(target_arch = "x86_64")]
    let fit = is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("pclmulqdq");
    #[cfg(not(target_arch = "x86_64"))]
    let fit = true;
    if fit {
        return Ok(());
    }
    let advice = "NanoTrace needs a processor with SSE4.2 and PCLMULQDQ (Intel since 2010, AMD since 2011); \
                  a virtual machine has them if its CPU model is the host's";
    Err(Failure::new(Exit::Failure, advice))
}
