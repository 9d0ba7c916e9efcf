//! What the documents point to is there: tests by their names, files by their paths, sections by their headings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use tests::{files_below, repository};

/// Words in backticks with so many underscores are names of tests, but for [metrics](../../docs/metrics.md).
const UNDERSCORES_OF_TESTS: usize = 3;

#[test]
fn each_test_that_a_document_names_exists() {
    let tests = tests_of_the_sources();
    assert!(tests.len() > 500, "only {} tests are found in the sources", tests.len());
    let mut named = 0;
    for (path, page) in documents().into_iter().chain(pages_of_crates()) {
        for span in code_spans(&page).filter(|span| is_test_name(span)) {
            let name = span.rsplit("::").next().unwrap();
            named += 1;
            assert!(tests.contains(name), "{}: there is no test {name}", path.display());
        }
    }
    assert!(named > 50, "only {named} tests are found in the documents");
}

#[test]
fn each_file_that_a_document_names_exists() {
    for (path, page) in documents() {
        for span in code_spans(&page).filter(|span| is_path(span)) {
            for file in alternatives(span) {
                let (from_root, beside) = (repository().join(&file), path.parent().unwrap().join(&file));
                assert!(from_root.exists() || beside.exists(), "{}: there is no {file}", path.display());
            }
        }
    }
}

/// Comments and error texts send readers to pages, and error texts to their sections.
#[test]
fn each_page_that_the_sources_name_exists() {
    let mut named = 0;
    for (path, source) in sources().into_iter().filter(|(path, _)| !path.ends_with(file!())) {
        for (at, _) in source.match_indices(".md") {
            let page = page_ending_at(&source[..at]);
            if page.is_empty() {
                continue;
            }
            named += 1;
            let page = repository().join(format!("{page}.md"));
            assert!(page.exists(), "{}: there is no {}", path.display(), page.display());
            let rest = &source[at + ".md".len()..];
            if let Some(section) = rest.strip_prefix(", \\\"").and_then(|rest| rest.split("\\\"").next()) {
                let text = fs::read_to_string(&page).unwrap();
                let found = headings(&text).any(|heading| heading == section);
                assert!(found, "{}: {} has no section {section}", path.display(), page.display());
            }
        }
    }
    assert!(named > 10, "only {named} pages are found in the sources");
}

/// The path, without its extension, with which a text ends.
fn page_ending_at(text: &str) -> &str {
    let in_path = |character: char| character.is_ascii_alphanumeric() || "-_/".contains(character);
    let begin = text.rfind(|character| !in_path(character)).map_or(0, |at| at + 1);
    text.get(begin..).unwrap_or_default()
}

#[test]
fn each_link_between_documents_leads_somewhere() {
    for (path, page) in documents() {
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") || target.starts_with("mailto:") {
                continue;
            }
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target} leads nowhere", path.display());
            if !section.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                let found = headings(&text).any(|heading| anchor(heading) == section);
                assert!(found, "{}: {target}: there is no such section", path.display());
            }
        }
    }
}

/// The Markdown pages of the repository itself.
fn documents() -> Vec<(PathBuf, String)> {
    files_of_the_repository("md")
}

/// What each crate says at the top of its `lib.rs`.
fn pages_of_crates() -> Vec<(PathBuf, String)> {
    let roots = sources().into_iter().filter(|(path, _)| path.ends_with("src/lib.rs"));
    let page = |source: &str| {
        source.lines().map_while(|line| line.strip_prefix("//!")).collect::<Vec<_>>().join("\n")
    };
    roots.map(|(path, source)| (path, page(&source))).collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    files_of_the_repository("rs")
}

/// The files of the repository whose names end so, with their content.
fn files_of_the_repository(extension: &str) -> Vec<(PathBuf, String)> {
    let enters = |folder: &Path| {
        let name = folder.file_name().unwrap().to_string_lossy();
        !name.starts_with('.') && name != "target" && name != "node_modules"
    };
    let files = files_below(&repository(), enters).into_iter();
    let files = files.filter(|path| path.extension().is_some_and(|it| it == extension));
    files.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// The names of all functions that an attribute makes a test.
fn tests_of_the_sources() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, source) in sources() {
        let mut is_test = false;
        for line in source.lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ")
                && std::mem::take(&mut is_test)
            {
                names.insert(rest.split('(').next().unwrap().to_owned());
            }
        }
        // Cases of which a macro makes tests, one for each database.
        let cases = source.split_once("\ncases![").and_then(|(_, rest)| rest.split_once(']'));
        names.extend(cases.into_iter().flat_map(|(list, _)| list.split(',')).map(|it| it.trim().to_owned()));
    }
    names
}

/// What stands between backticks, outside of blocks of code. A span can go over a line's end.
fn code_spans(page: &str) -> impl Iterator<Item = &str> {
    let outside_of_blocks = page.split("```").step_by(2);
    outside_of_blocks.flat_map(|text| text.split('`').skip(1).step_by(2))
}

fn is_test_name(span: &str) -> bool {
    let is_metric = span.starts_with("nanotrace_") || span.starts_with("verifier_");
    let in_snake_case = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "_:".contains(character)
    };
    let name = span.rsplit("::").next().unwrap();
    span.chars().all(in_snake_case) && name.matches('_').count() >= UNDERSCORES_OF_TESTS && !is_metric
}

/// A file or folder of the repository, by what its path begins with.
fn is_path(span: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./{},".contains(character);
    let Some(Component::Normal(first)) = Path::new(span).components().next() else { return false };
    span.contains('/') && span.chars().all(plain) && repository().join(first).is_dir()
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn alternatives(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (inside, after) = rest.split_once('}').unwrap();
    inside.split(',').map(|part| format!("{before}{part}{after}")).collect()
}

fn headings(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim())
}

/// As web sites that show Markdown name a section.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// What is not in the code any more needs no entry, and a word to be replaced that is gone has been replaced.
#[test]
fn each_word_of_the_glossary_stands_in_the_code() {
    let page = fs::read_to_string(repository().join("docs/glossary.md")).unwrap();
    let sources = sources();
    let mut words = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| word ")) {
        let first = row.trim_start_matches("| ").split(" | ").next().unwrap();
        for word in code_spans(first) {
            words += 1;
            let is_there = sources.iter().any(|(_, source)| has_word(source, word));
            assert!(is_there, "docs/glossary.md: {word} is in no source");
        }
    }
    assert!(words > 15, "only {words} words are found in the glossary");
}

fn has_word(text: &str, word: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}
