//! Input that nobody can trust, without a fuzzer: the functions that `cargo fuzz` calls, on the same corpus, on what grows
//! out of it by a few changes, and on noise.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// How many inputs each target gets besides its corpus.
const CASES: u32 = 512;

/// What is put into an input to change it: what parsers, URLs and JSON care about.
const FRAGMENTS: &[&str] = &[
    "",
    "/",
    "//",
    "..",
    "%2f",
    "%2e%2e",
    "%",
    "?",
    "#",
    "@",
    ":443",
    "\\",
    "\0",
    "\n",
    " ",
    "\u{202e}",
    "ß",
    "İ",
    "\"",
    "{",
    "}",
    "[]",
    "null",
    "1e999",
    "-1",
    "https://evil.example",
    "management.azure.com",
    "operationStatus",
    "\r\nx: y",
    "18446744073709551616",
];

/// The corpus of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// An input that grows out of the corpus: bytes replaced by a fragment, at a few places.
fn grown(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0_usize..12, select(FRAGMENTS));
    (select(seeds), prop::collection::vec(change, 1..5)).prop_map(|(mut input, changes)| {
        for (place, removed, fragment) in changes {
            let start = place.index(input.len() + 1);
            let end = input.len().min(start + removed);
            input.splice(start..end, fragment.bytes());
        }
        input
    })
}

#[test]
fn every_target_survives_its_corpus_and_what_grows_out_of_it() {
    for (name, target) in targets::ALL {
        let seeds = corpus(name);
        assert!(seeds.len() > 2, "{name} has next to no corpus");
        seeds.iter().for_each(|seed| target(seed));
        let noise = prop::collection::vec(any::<u8>(), 0..200);
        let text = any::<String>().prop_map(String::into_bytes);
        let input = prop_oneof![4 => grown(seeds), 1 => noise, 1 => text];
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&input, |input| {
            target(&input);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn every_fuzz_target_is_one_of_these_and_every_one_of_these_is_a_fuzz_target() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut found: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(found, targets::ALL.map(|(name, _)| name));
}
