//! The block log alone: every way in which a file can end or be damaged.

use std::{fs, path::Path};

use bytes::Bytes;

use super::super::{
    LedgerError,
    files::Files,
    log::{BlockLog, LogReader, first_block},
};

const HEADER: usize = 20;

#[test]
fn a_log_cut_anywhere_loses_the_last_block_at_most() {
    let (directory, file) = log_of(&[b"first", b"second", b"last block"]);
    let whole = fs::read(&file).unwrap();
    let last = whole.len() - HEADER - b"last block".len();
    for length in last..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let (mut log, torn) = open(directory.path(), 2).unwrap();
        assert_eq!(log.next(), 2, "{length} bytes");
        assert_eq!(
            torn.map(|torn| (torn.offset as usize, torn.bytes as usize)),
            match length {
                _ if length == last => None,
                _ => Some((last, length - last)),
            }
        );
        log.append(b"another").unwrap();
        drop(log);
        assert_eq!(blocks(directory.path()), [&b"first"[..], b"second", b"another"]);
    }
}

#[test]
fn a_block_the_index_knows_is_never_cut_off() {
    let (directory, file) = log_of(&[b"first", b"second"]);
    let whole = fs::read(&file).unwrap();
    for length in whole.len() - HEADER - b"second".len() + 1..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let error = open(directory.path(), 2).unwrap_err();
        assert!(matches!(error, LedgerError::LogDamaged { .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap().len(), length);
    }
    fs::write(&file, &whole[..whole.len() - HEADER - b"second".len()]).unwrap();
    let error = open(directory.path(), 2).unwrap_err();
    assert!(matches!(error, LedgerError::Shorter { confirmed: 2, logged: 1 }), "{error}");
}

#[test]
fn a_flipped_bit_before_the_last_block_is_damage() {
    let (directory, file) = log_of(&[b"first", b"second", b"third"]);
    let whole = fs::read(&file).unwrap();
    for position in 0..whole.len() - HEADER - b"third".len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x40;
        fs::write(&file, &damaged).unwrap();
        let error = open(directory.path(), 0).unwrap_err();
        assert!(matches!(error, LedgerError::LogDamaged { .. }), "byte {position}: {error}");
        assert_eq!(fs::read(&file).unwrap(), damaged, "nothing is cut off");
    }
}

#[test]
fn zeros_at_the_end_are_a_torn_tail() {
    let (directory, file) = log_of(&[b"first"]);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..], &[0; 5000]].concat()).unwrap();
    let (log, torn) = open(directory.path(), 1).unwrap();
    assert_eq!((log.next(), torn.unwrap().bytes), (1, 5000));
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[test]
fn segments_follow_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let small = || Files { segment_bytes: 40, ..Files::default() };
    let mut expected = Vec::new();
    for round in 0..5 {
        let (mut log, torn) = BlockLog::open(directory.path(), 0, small()).unwrap();
        assert_eq!((log.next(), torn), (round * 3, None));
        for _ in 0..3 {
            let block = format!("block {}", log.next());
            let location = log.append(block.as_bytes()).unwrap();
            assert_eq!(log.reader().read(location).unwrap(), block);
            expected.push(Bytes::from(block));
        }
    }
    assert_eq!(blocks(directory.path()), expected);
    let reader = LogReader::new(directory.path());
    assert_eq!(
        reader.blocks(9).unwrap().map(|record| record.unwrap().number).collect::<Vec<_>>(),
        [9, 10, 11, 12, 13, 14]
    );
    assert!(fs::read_dir(directory.path()).unwrap().count() > 5);
}

#[test]
fn a_segment_without_header_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let small = || Files { segment_bytes: 40, ..Files::default() };
    let (mut log, _) = BlockLog::open(directory.path(), 0, small()).unwrap();
    log.append(b"the first segment is full").unwrap();
    drop(log);
    let path = LogReader::new(directory.path()).path(1);
    for length in (0..16).chain([5000]) {
        fs::write(&path, vec![0; length]).unwrap();
        let (log, torn) = BlockLog::open(directory.path(), 1, small()).unwrap();
        assert_eq!((log.next(), torn.unwrap().bytes), (1, length as u64));
        assert!(!path.exists());
    }
}

#[test]
fn a_lost_segment_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let small = || Files { segment_bytes: 40, ..Files::default() };
    let (mut log, _) = BlockLog::open(directory.path(), 0, small()).unwrap();
    for _ in 0..3 {
        log.append(b"a block that fills its segment").unwrap();
    }
    drop(log);
    fs::remove_file(LogReader::new(directory.path()).path(1)).unwrap();
    let reader = LogReader::new(directory.path());
    let numbers: Result<Vec<_>, _> =
        reader.blocks(0).unwrap().map(|record| record.map(|found| found.number)).collect();
    assert!(numbers.is_err());
    fs::remove_file(reader.path(0)).unwrap();
    assert!(open(directory.path(), 0).is_err());
}

#[test]
fn the_first_block_is_found_wherever_its_append_was_interrupted() {
    let first = |directory: &Path| first_block(directory).map(|found| found.map(|found| found.bytes));
    let (directory, file) = log_of(&[b"first"]);
    assert_eq!(first(&directory.path().join("nowhere")).unwrap(), None);
    let whole = fs::read(&file).unwrap();
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(first(directory.path()).unwrap(), None, "{length} bytes");
    }
    fs::write(&file, &whole).unwrap();
    assert_eq!(first(directory.path()).unwrap().unwrap(), b"first"[..]);

    // Where others follow it was durable: this is damage.
    let (directory, file) = log_of(&[b"first", b"second"]);
    let mut whole = fs::read(&file).unwrap();
    assert_eq!(first(directory.path()).unwrap().unwrap(), b"first"[..]);
    whole[20] ^= 1;
    fs::write(&file, &whole).unwrap();
    assert!(matches!(first(directory.path()), Err(LedgerError::LogDamaged { .. })));
    fs::rename(&file, LogReader::new(directory.path()).path(1)).unwrap();
    assert!(matches!(first(directory.path()), Err(LedgerError::LogDamaged { .. })));
}

#[test]
fn damage_is_seen_when_a_block_is_read() {
    let (directory, file) = log_of(&[b"first", b"second"]);
    let reader = LogReader::new(directory.path());
    let location = reader.blocks(0).unwrap().next().unwrap().unwrap().location;
    let whole = fs::read(&file).unwrap();
    for position in 16..16 + HEADER + b"first".len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        fs::write(&file, damaged).unwrap();
        assert!(reader.read(location).is_err(), "byte {position}");
    }
}

fn open(directory: &Path, indexed: u64) -> Result<(BlockLog, Option<super::super::TornTail>), LedgerError> {
    BlockLog::open(directory, indexed, Files::default())
}

fn log_of(blocks: &[&[u8]]) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path(), 0).unwrap();
    for block in blocks {
        log.append(block).unwrap();
    }
    let file = log.reader().path(0);
    (directory, file)
}

fn blocks(directory: &Path) -> Vec<Bytes> {
    LogReader::new(directory).blocks(0).unwrap().map(|record| record.unwrap().bytes).collect()
}
