//! Keys of several parts, joined so that no two different ones look alike and prefixes can be scanned.

/// Each part with its length before it.
pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum::<usize>() + 16);
    for part in parts {
        // No part comes near 4 GiB: all are bounded by the size of a block.
        key.extend((part.len() as u32).to_be_bytes());
        key.extend(*part);
    }
    key
}

/// The parts [`join`] made `key` of, and what follows them; `None` if it is no such key.
pub(super) fn split<const PARTS: usize>(key: &[u8]) -> Option<([&[u8]; PARTS], &[u8])> {
    let mut parts = [&[][..]; PARTS];
    let mut rest = key;
    for part in &mut parts {
        let (length, tail) = rest.split_first_chunk()?;
        (*part, rest) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    }
    Some((parts, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_split_as_they_were_joined(a: Vec<u8>, b: Vec<u8>, tail: Vec<u8>) {
            let key = [join(&[&a, &b]), tail.clone()].concat();
            prop_assert_eq!(split::<2>(&key), Some(([&a[..], &b[..]], &tail[..])));
        }

        #[test]
        fn no_key_panics(key: Vec<u8>) {
            let _ = split::<3>(&key);
        }
    }
}
