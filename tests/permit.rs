//! There is one way to a permit, and one way to Azure: shown by where the words stand in the source.

#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};

/// The source files of the operator, without tests.
fn sources() -> Vec<PathBuf> {
    fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).expect("src is a directory") {
            let path = entry.expect("src can be listed").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "tests" {
                collect(&path, files);
            } else if name.ends_with(".rs") && !matches!(name, "tests.rs" | "testing.rs" | "proptests.rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 50, "{files:?}");
    files
}

/// The files in which a text stands outside of comments, below `src`, once for each time.
fn files_with(text: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in sources() {
        let content = std::fs::read_to_string(&file).expect("the source can be read");
        let code = content.lines().filter(|line| !line.trim_start().starts_with("//"));
        let times = code.map(|line| line.matches(text).count()).sum();
        let name = file.strip_prefix(&root).expect("it is below src").display().to_string();
        found.extend(std::iter::repeat_n(name, times));
    }
    found
}

#[test]
fn only_authorize_issues_permits() {
    assert_eq!(files_with("Permit::issue("), ["reconcile/authorize.rs"]);
}

#[test]
fn only_a_client_with_a_permit_sends_requests() {
    assert_eq!(files_with("arm.send("), ["azure/protection.rs"]);
    // The second one is only given to credentials, to sign in with.
    assert_eq!(files_with("execute_request("), ["azure/arm.rs", "azure/credential/endpoint.rs"]);
    assert_eq!(files_with("DataProtection::new("), ["reconcile/authorize/identities.rs"]);
    assert_eq!(files_with(".permit.admit("), ["azure/protection.rs"]);
}
