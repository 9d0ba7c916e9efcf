//! Bech32 (BIP 173), in which age writes its keys: a name, a one, five bits a character, and a checksum of six.

const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM: usize = 6;
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];

/// The bytes under this name, of a text in lower case; `None` for anything else.
pub fn decode(name: &str, text: &str) -> Option<Vec<u8>> {
    let (found, rest) = text.rsplit_once('1')?;
    let place = |character: u8| CHARACTERS.iter().position(|it| *it == character).map(|place| place as u8);
    let values = rest.bytes().map(place).collect::<Option<Vec<_>>>()?;
    let content = values.get(..values.len().checked_sub(CHECKSUM)?)?;
    if found != name || checksum(name, &values) != 1 {
        return None;
    }
    bytes(content)
}

fn checksum(name: &str, values: &[u8]) -> u32 {
    let high = name.bytes().map(|byte| byte >> 5);
    let low = name.bytes().map(|byte| byte & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied());
    all.fold(1, |sum, value| {
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        let top = sum >> 25;
        let terms = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        terms.fold(shifted, |sum, (_, term)| sum ^ term)
    })
}

/// Joins groups of five bits. What is left over is less than a group, and zero.
fn bytes(groups: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for group in groups {
        held = (held << 5 | u32::from(*group)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    let is_clean = bits < 5 && held & ((1 << bits) - 1) == 0;
    is_clean.then_some(bytes)
}
