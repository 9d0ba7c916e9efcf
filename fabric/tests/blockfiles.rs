//! Fabric's block files, written again from the blocks that were read from them.

#![allow(clippy::unwrap_used)]

mod golden;

use fabric::types::blockfile::record;

#[test]
fn recorded_files_are_written_byte_for_byte() {
    for chain in golden::CHAINS {
        let (Some(file), Some(blocks)) = (golden::block_file(chain), golden::blocks(chain)) else { continue };
        let written: Vec<u8> =
            blocks.into_iter().flat_map(|block| record(&block.try_into().unwrap())).collect();
        assert!(written == file, "{chain}: {} bytes, not {}", written.len(), file.len());
    }
}
