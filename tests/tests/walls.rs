//! What a part of the code must not name. Edges between crates (`architecture.rs`) do not hold what Rust's own library
//! offers, nor parts of one crate.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;

use tests::{code_files, repository, without_unit_tests};

const CLOCKS: &[&str] = &["SystemTime::now", "Instant", "now_utc", "now_local"];
const CHANCE: &[&str] = &["getrandom", "fastrand", "rand", "SysRng", "SystemRandom"];
const INPUT_AND_OUTPUT: &[&str] =
    &["fs", "TcpStream", "TcpListener", "UdpSocket", "tokio", "env", "process", "stdin"];
const IDENTITIES: &[&str] = &["msp", "policy", "crypto", "Bundle"];

/// A part, what it must not name, and its files to which that does not apply.
struct Wall {
    part: &'static str,
    absent: &'static [&'static [&'static str]],
    except: &'static [&'static str],
}

const WALLS: &[Wall] = &[
    Wall { part: "fabric/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "fabric/msp/src", absent: &[CLOCKS, CHANCE], except: &[] },
    // MSP folders and keys are read from files.
    Wall { part: "fabric/msp/src", absent: &[INPUT_AND_OUTPUT], except: &["directory.rs"] },
    Wall { part: "fabric/channel/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "chaincode/credential/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "chaincode/certificate/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "chaincode/records/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "stability/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "portal/wallets/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "network/lifecycle/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "network/ledger/src", absent: &[CLOCKS, CHANCE, IDENTITIES], except: &[] },
    Wall { part: "network/validation/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "network/ordering/src", absent: &[CLOCKS, CHANCE, INPUT_AND_OUTPUT], except: &[] },
    Wall { part: "network/endorsement/src", absent: &[CLOCKS], except: &[] },
];

#[test]
fn no_part_names_what_lies_behind_its_wall() {
    for Wall { part, absent, except } in WALLS {
        let folder = repository().join(part);
        let files = code_files(&folder);
        assert!(!files.is_empty(), "{part} is not there");
        for file in except.iter() {
            assert!(folder.join(file).exists(), "{part}/{file} is not there");
        }
        for file in files.iter().filter(|file| !except.iter().any(|name| file.ends_with(name))) {
            let code = code_of(&fs::read_to_string(file).unwrap());
            for name in absent.iter().copied().flatten() {
                assert!(!names(&code, name), "{} names {name}", file.display());
            }
        }
    }
}

/// What a process keeps belongs to a value with an owner: the allocator of the binary apart, there is no static.
#[test]
fn no_library_has_a_static() {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members = members.split('"').skip(1).step_by(2).filter(|member| !member.starts_with("tests"));
    let files: Vec<_> =
        members.flat_map(|member| code_files(&repository().join(member).join("src"))).collect();
    assert!(files.len() > 100, "{}", files.len());
    for file in files {
        let code = code_of(&fs::read_to_string(&file).unwrap());
        let found = code.lines().find(|line| is_static(line));
        assert!(found.is_none(), "{}: {found:?}", file.display());
    }
}

fn is_static(line: &str) -> bool {
    let item = line.trim_start().trim_start_matches("pub").trim_start();
    let item = item.strip_prefix("(crate)").or_else(|| item.strip_prefix("(super)")).unwrap_or(item);
    item.trim_start().starts_with("static ") || line.contains("thread_local!")
}

#[test]
fn a_static_is_seen() {
    for line in
        ["static A: u8 = 1;", "pub(crate) static A: u8 = 1;", "    static mut A: u8 = 1;", "thread_local! {"]
    {
        assert!(is_static(line), "{line}");
    }
    for line in ["fn a(b: &'static str)", "const A: &'static str = \"\";", "statics();"] {
        assert!(!is_static(line), "{line}");
    }
}

#[test]
fn a_name_is_a_whole_path_segment() {
    for (code, name) in [
        ("use std::{fs, io};", "fs"),
        ("use crate::{order::Cut};", "order"),
        ("SystemTime::now()", "SystemTime::now"),
        ("tokio::spawn(x)", "tokio"),
    ] {
        assert!(names(code, name), "{code}");
    }
    for (code, name) in
        [("reorder::x()", "order"), ("let order = 1;", "order"), ("fn env(x: u8)", "env"), ("offs::x", "fs")]
    {
        assert!(!names(code, name), "{code}");
    }
    let source = "// fs::read\nlet x = 1; // fs::read\n#[cfg(test)]\nmod tests { use std::fs; }\n";
    assert!(!names(&code_of(source), "fs"));
    let source = "#[cfg(test)]\nmod tests;\nuse std::fs;\n";
    assert!(names(&code_of(source), "fs"), "what comes after a test module of its own file is code");
}

/// Source without comments and without the tests at its end.
fn code_of(source: &str) -> String {
    without_unit_tests(source)
        .lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether code names a path or a part of one: `name::…`, or `name` in a `use`.
fn names(code: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            return false;
        }
        // A type and a function are named by themselves, a module by what follows or by a `use`.
        let statement = before.rsplit(';').next().unwrap().trim_start();
        name.contains("::")
            || name.starts_with(char::is_uppercase)
            || after.starts_with("::")
            || is_use(statement)
    })
}

fn is_use(statement: &str) -> bool {
    let of_paths = |character: char| character.is_alphanumeric() || "_:{}, \n*".contains(character);
    statement.rfind("use ").is_some_and(|at| statement[at..].chars().all(of_paths))
}
