//! The Dockerfile copies what there is, and builds from the lock file alone.

use std::path::Path;
use std::process::Command;

use crate::helm::project;

/// The lines of the Dockerfile, with continued ones in one.
fn instructions() -> Vec<String> {
    let text = std::fs::read_to_string(project().join("Dockerfile")).unwrap().replace("\\\n", " ");
    text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).map(str::to_owned).collect()
}

/// What is copied from the project: sources and destination of each `COPY`.
fn copied() -> Vec<(Vec<String>, String)> {
    let words = |line: String| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let copies = instructions().into_iter().filter(|line| line.starts_with("COPY ") && !line.contains("--from="));
    copies
        .map(|line| {
            let mut words = words(line);
            let destination = words.pop().unwrap();
            (words, destination)
        })
        .collect()
}

#[test]
fn what_it_copies_is_in_the_project_and_reaches_the_builder() {
    let ignore = std::fs::read_to_string(project().join(".dockerignore")).unwrap();
    let let_through: Vec<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignore.lines().any(|line| line == "*"), "everything else is left out");
    let sources: Vec<String> = copied().into_iter().flat_map(|(sources, _)| sources).collect();
    assert!(sources.len() > 3, "{sources:?}");
    for source in sources {
        let listed = Command::new("git").args(["ls-files", "--", &source]).current_dir(project()).output().unwrap();
        assert!(!listed.stdout.is_empty(), "{source} is not in the project");
        let reaches = let_through.iter().any(|pattern| match pattern.split_once('*') {
            Some((before, after)) => source.starts_with(before) && source.ends_with(after),
            None => source == *pattern,
        });
        assert!(reaches, ".dockerignore leaves {source} out");
    }
}

/// What stands in the builder after the `COPY`s is a workspace that the lock file fits.
#[test]
fn what_it_copies_is_a_whole_workspace() {
    let source = tempfile::tempdir().unwrap();
    for (paths, destination) in copied() {
        for path in paths.iter().filter(|path| !project().join(path).is_dir()) {
            let target = source.path().join(&destination).join(Path::new(path).file_name().unwrap());
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(project().join(path), target).unwrap();
        }
    }
    // The crates are empty at first, so that their dependencies have a layer of their own.
    let members = std::fs::read_dir(source.path().join("tests")).unwrap().map(|entry| entry.unwrap().path());
    for member in members.chain([source.path().to_owned()]) {
        let sources = member.join("src");
        std::fs::create_dir_all(&sources).unwrap();
        std::fs::write(sources.join("lib.rs"), "").unwrap();
    }
    std::fs::write(source.path().join("src/main.rs"), "fn main() {}").unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version=1"])
        .current_dir(source.path())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
}

#[test]
fn it_builds_from_the_lock_file_and_runs_without_rights() {
    let instructions = instructions();
    let cargo = instructions.iter().filter(|line| line.starts_with("RUN") && line.contains("cargo"));
    for line in cargo {
        assert!(line.contains("--locked"), "{line}");
    }
    let last_stage = instructions.iter().rposition(|line| line.starts_with("FROM")).unwrap();
    let last_stage = &instructions[last_stage..];
    assert!(last_stage[0].contains("distroless") && !last_stage.iter().any(|line| line.starts_with("RUN")));
    assert!(last_stage.iter().any(|line| line == "USER 65532:65532"));
    for label in ["title", "description", "licenses", "version", "revision"] {
        let label = format!("org.opencontainers.image.{label}=");
        assert!(last_stage.iter().any(|line| line.starts_with("LABEL") && line.contains(&label)), "{label}");
    }
}
