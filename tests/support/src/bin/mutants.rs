//! Builds every mutant of `tests/mutants` in a copy of the project, runs the tests that it names, and prints which of them
//! noticed: `make mutants`. Ends with an error when a mutant was missed.

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use test_support::mutants::{Mutant, TestRun};
use tokio::process::Command;

/// A broken build may well go on for ever: that is noticed too.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let project = std::env::current_dir()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project.join("target"), PathBuf::from);
    let (copy, build) = (target.join("mutants/tree"), target.join("mutants/build"));
    let mutants = Mutant::all(&project)?;
    let chosen: Vec<_> = mutants.iter().filter(|mutant| only.is_empty() || only.contains(&mutant.name)).collect();
    if chosen.is_empty() {
        return Err(format!("there is no mutant {}", only.join(" ")).into());
    }
    println!("| mutant | what it breaks | noticed by |\n| --- | --- | --- |");
    let mut missed = 0;
    mirror(&project, &copy).await?;
    seed(&target, &build).await?;
    for mutant in chosen {
        let (file, broken) = mutant.apply(&copy)?;
        let sound = fs::read(&file)?;
        fs::write(&file, broken)?;
        let verdict = judge(mutant, &copy, &build).await;
        fs::write(&file, sound)?;
        let verdict = verdict?;
        missed += usize::from(verdict.is_none());
        let noticed = verdict.as_deref().unwrap_or("**nothing**");
        println!("| `{}` | {} | {noticed} |", mutant.name, mutant.meaning);
    }
    if missed == 0 { Ok(()) } else { Err(format!("{missed} mutants were missed").into()) }
}

/// The tests that noticed; `None` if all passed.
async fn judge(mutant: &Mutant, copy: &Path, build: &Path) -> Result<Option<String>, Failure> {
    let mut noticed = Vec::new();
    for run in &mutant.tests {
        let built = cargo(run, copy, build).arg("--no-run").output().await?;
        if !built.status.success() {
            return Err(format!("{} does not build:\n{}", mutant.name, text(&built.stderr)).into());
        }
        let mut command = cargo(run, copy, build);
        let running = command.arg("--").args(&run.filters).output();
        let Ok(ended) = tokio::time::timeout(LONGEST_RUN, running).await else {
            noticed.push(format!("`{}` did not end", run.target));
            continue;
        };
        noticed.extend(failed_tests(mutant, run, &ended?)?);
    }
    Ok(match noticed.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        [first, others @ ..] => Some(format!("{first} and {} more", others.len())),
    })
}

/// The names of the tests that failed.
fn failed_tests(mutant: &Mutant, run: &TestRun, ended: &Output) -> Result<Vec<String>, Failure> {
    let out = text(&ended.stdout);
    if out.contains("\nrunning 0 tests") {
        let filters = run.filters.join(" ");
        return Err(format!("{}: no test of {} is named {filters}", mutant.name, run.target).into());
    }
    let failed = out.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let failed: Vec<String> = failed.map(|name| format!("`{name}`")).collect();
    match (failed.is_empty(), ended.status.success()) {
        (true, false) => Ok(vec![format!("`{}` broke off", run.target)]),
        _ => Ok(failed),
    }
}

/// `cargo test` of the copy.
fn cargo(run: &TestRun, copy: &Path, build: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--package", "postgres-backup-operator"]).args(run.target_args());
    command.current_dir(copy).env("CARGO_TARGET_DIR", build).env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Gives the broken builds a directory of their own, with the dependencies as they are built already: Cargo takes a package of
/// the copy and the same one of the project for one and the same, so that a shared directory would mix them up.
async fn seed(target: &Path, build: &Path) -> Result<(), Failure> {
    let built = target.join("debug");
    if build.join("debug").exists() || !built.exists() {
        return Ok(());
    }
    fs::create_dir_all(build)?;
    let copied = Command::new("cp").arg("-a").arg(&built).arg(build).status().await?;
    if copied.success() { Ok(()) } else { Err(format!("cannot copy {}", built.display()).into()) }
}

/// Makes the copy the same as the project, without what version control ignores. What is the same already is left alone, so
/// that it is not built again.
async fn mirror(project: &Path, copy: &Path) -> Result<(), Failure> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(list).current_dir(project).output().await?;
    if !listed.status.success() {
        return Err(format!("git cannot list the project: {}", text(&listed.stderr)).into());
    }
    let listed = text(&listed.stdout);
    let wanted: BTreeSet<PathBuf> =
        listed.split_terminator('\0').map(PathBuf::from).filter(|name| project.join(name).is_file()).collect();
    fs::create_dir_all(copy)?;
    for stale in files_below(copy)? {
        if !wanted.contains(stale.strip_prefix(copy)?) {
            fs::remove_file(stale)?;
        }
    }
    for name in wanted {
        let (from, to) = (project.join(&name), copy.join(&name));
        if fs::read(&from).ok() != fs::read(&to).ok() {
            fs::create_dir_all(to.parent().unwrap_or(copy))?;
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

fn files_below(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
