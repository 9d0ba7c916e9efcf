//! Fabric's block files, written again from the blocks that were read from them.

#![allow(clippy::unwrap_used)]

use fabric::types::blockfile::record;

#[test]
fn recorded_files_are_written_byte_for_byte() {
    for chain in recorded::CHAINS {
        let (Some(file), Some(blocks)) = (recorded::content(chain), recorded::blocks(chain)) else {
            continue;
        };
        let written: Vec<u8> =
            blocks.into_iter().flat_map(|block| record(&block.try_into().unwrap())).collect();
        assert!(written == file, "{chain}: {} bytes, not {}", written.len(), file.len());
    }
}
