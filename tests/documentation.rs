//! The documentation says what the code says.

use postgres_backup_operator::api::Reason;

#[test]
fn every_reason_is_documented_for_users() {
    let page = include_str!("../docs/status.md");
    let (_, table) =
        page.split_once("| reason | meaning |\n| --- | --- |\n").expect("the page has the table of reasons");
    let documented: Vec<_> = table.lines().collect();
    let expected: Vec<_> = Reason::ALL.iter().map(|reason| format!("| `{reason}` | {} |", reason.meaning())).collect();
    assert_eq!(documented, expected, "the table in docs/status.md should read:\n{}", expected.join("\n"));
}
