//! The page for users says what the code says.

use azure_check::markdown;

const PAGE: &str = include_str!("../../../../docs/azure-assumptions.md");

fn compare(head: &str, rows: &[String]) {
    let (_, rest) = PAGE.split_once(head).unwrap_or_else(|| panic!("the page has no table with the head\n{head}"));
    let table: Vec<&str> = rest.trim_start_matches('\n').lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(table, rows, "the table in docs/azure-assumptions.md should read:\n{head}\n{}", rows.join("\n"));
}

#[test]
fn every_assumption_that_is_checked_is_documented() {
    compare(markdown::CHECKED_HEAD, &markdown::checked());
}

#[test]
fn every_assumption_that_is_not_checked_is_documented() {
    compare(markdown::UNCHECKED_HEAD, &markdown::unchecked());
}
