//! The documentation says what the code says.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use postgres_backup_operator::api::{Reason, crd};
use postgres_backup_operator::metrics::definition;
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = ["docs", "docs/runbooks"].into_iter().flat_map(|directory| fs::read_dir(root.join(directory)).unwrap());
    let docs = docs.map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut count = 0;
    for page in pages.chain([root.join("README.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).iter().filter(|link| !link.starts_with("https://")) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{link} in {} leads nowhere", page.display());
            if !fragment.is_empty() {
                let target = fs::read_to_string(&target).unwrap();
                let mut headings = target.lines().filter(|line| line.starts_with('#'));
                let found = headings.any(|line| anchor(line.trim_start_matches('#').trim()) == fragment);
                assert!(found, "{link} in {}: there is no such heading", page.display());
            }
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links found");
}
