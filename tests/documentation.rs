//! The documentation says what the code says.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use postgres_backup_operator::api::{Reason, crd};
use postgres_backup_operator::metrics::definition;
use serde_json::Value;
use test_support::api_reference;

#[test]
fn every_reason_is_documented_for_users() {
    let page = include_str!("../docs/status.md");
    let (_, table) =
        page.split_once("| reason | meaning |\n| --- | --- |\n").expect("the page has the table of reasons");
    let documented: Vec<_> = table.lines().collect();
    let expected: Vec<_> = Reason::ALL.iter().map(|reason| format!("| `{reason}` | {} |", reason.meaning())).collect();
    assert_eq!(documented, expected, "the table in docs/status.md should read:\n{}", expected.join("\n"));
}

#[test]
fn every_metric_is_documented() {
    let page = include_str!("../docs/metrics.md");
    let head = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n";
    let (_, table) = page.split_once(head).expect("the page has the table of metrics");
    let documented: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<_> = definition::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(documented, expected, "the table in docs/metrics.md should read:\n{}", expected.join("\n"));
}

#[test]
fn the_api_reference_is_current() {
    let committed = include_str!("../docs/api.md");
    assert!(
        committed == api_reference(&crd::definition(crd::Kind::Backup)),
        "docs/api.md is out of date: run `make generate`"
    );
}

/// The files below a folder of the repository whose names end so.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|actual| actual == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The pages for users and contributors.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = files("docs", "md");
    pages.extend(["README.md", "CONTRIBUTING.md"].map(|name| root.join(name)));
    pages
}

/// The targets of the links in a page of Markdown, but for what stands in code.
fn links(page: &str) -> Vec<String> {
    let prose: String = page.split('`').step_by(2).collect();
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).iter().filter(|link| !link.starts_with("https://")) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let has_heading = || {
                let target = fs::read_to_string(&target).unwrap();
                let mut headings = target.lines().filter(|line| line.starts_with('#'));
                headings.any(|line| anchor(line.trim_start_matches('#').trim()) == fragment)
            };
            if !target.exists() || !(fragment.is_empty() || has_heading()) {
                broken.push(format!("{}: {link}", page.display()));
            }
            count += 1;
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
    assert!(count > 20, "only {count} links found");
}

/// The blocks of a page in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str()).skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block).collect()
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}:\n{yaml}"))
}

/// Whether an object says all that an excerpt of it says. In the excerpt `…` stands for any text.
fn says(object: &Value, excerpt: &Value) -> bool {
    match (object, excerpt) {
        (Value::Object(object), Value::Object(excerpt)) => {
            excerpt.iter().all(|(field, value)| object.get(field).is_some_and(|actual| says(actual, value)))
        }
        (Value::Array(object), Value::Array(excerpt)) => {
            object.len() == excerpt.len() && object.iter().zip(excerpt).all(|(actual, value)| says(actual, value))
        }
        (Value::String(text), Value::String(excerpt)) => match excerpt.split_once('…') {
            Some((head, tail)) => {
                text.len() >= head.len() + tail.len() && text.starts_with(head) && text.ends_with(tail)
            }
            None => text == excerpt,
        },
        (object, excerpt) => object == excerpt,
    }
}

#[test]
fn every_object_on_a_page_is_a_sample() {
    let samples: Vec<Value> =
        files("deploy/samples", "yaml").iter().flat_map(|path| documents(&fs::read_to_string(path).unwrap())).collect();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for object in blocks(&text, "yaml").into_iter().flat_map(documents) {
            if object["apiVersion"] == "pgbackup.dev/v1alpha1" {
                let found = samples.iter().any(|sample| says(sample, &object));
                assert!(found, "{}: no file in deploy/samples says {object:#}", page.display());
                count += 1;
            }
        }
    }
    assert!(count > 2, "only {count} objects found");
}

#[test]
fn every_file_that_a_command_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let words = blocks(&text, "sh").into_iter().chain(blocks(&text, "text")).flat_map(str::split_whitespace);
        for file in words.map(|word| word.trim_start_matches('@')).filter(|word| word.starts_with("deploy/")) {
            assert!(root.join(file).exists(), "{}: there is no {file}", page.display());
        }
    }
}
