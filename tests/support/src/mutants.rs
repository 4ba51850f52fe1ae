//! Deliberately broken builds: each takes one promise away, and names the tests that must notice.
//!
//! A mutant is a file of `tests/mutants`: what it breaks, in a sentence; `test: TARGET FILTER…`, the tests to run, where
//! `TARGET` is `lib` or the name of a test; then, after `--- sound` and `+++ broken`, a piece of the source and what to put in
//! its place. The piece says by itself where it belongs: it must stand exactly once in all of `src`, so that a file may be
//! moved, and a mutant whose piece was changed fails loudly.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why a mutant cannot be read or applied.
#[derive(Debug, thiserror::Error)]
pub enum MutantError {
    /// A file or directory cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A part of the file is missing.
    #[error("{name} has no {part}")]
    Incomplete {
        /// The mutant.
        name: String,
        /// What it lacks.
        part: &'static str,
    },
    /// The source has changed.
    #[error("the sound piece of {name} stands {} times in src ({found:?}), not once: fit the mutant to the source", found.len())]
    Misfit {
        /// The mutant.
        name: String,
        /// The files in which it stands, once for each time.
        found: Vec<PathBuf>,
    },
}

/// A deliberate breakage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The name of its file.
    pub name: String,
    /// What it breaks, in a sentence.
    pub meaning: String,
    /// The tests that must notice.
    pub tests: Vec<TestRun>,
    sound: String,
    broken: String,
}

/// Tests to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// `lib`, or the name of a test target.
    pub target: String,
    /// Parts of the names of the tests.
    pub filters: Vec<String>,
}

impl Mutant {
    /// Every mutant of a project, by name.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn all(project: &Path) -> Result<Vec<Self>, MutantError> {
        let mut files = Vec::new();
        collect(&project.join("tests/mutants"), "mutant", &mut files)?;
        files.iter().map(|file| Self::parse(&stem(file), &read(file)?)).collect()
    }

    fn parse(name: &str, text: &str) -> Result<Self, MutantError> {
        let lacks = |part| MutantError::Incomplete { name: name.to_owned(), part };
        let (head, edit) = text.split_once("\n--- sound\n").ok_or_else(|| lacks("--- sound"))?;
        let (sound, broken) = edit.split_once("\n+++ broken\n").ok_or_else(|| lacks("+++ broken"))?;
        let (meaning, tests): (Vec<&str>, Vec<&str>) = head.lines().partition(|line| !line.starts_with("test:"));
        let tests = tests.into_iter().filter_map(TestRun::parse).collect::<Vec<_>>();
        let meaning = meaning.join(" ").trim().to_owned();
        let missing = if meaning.is_empty() {
            Some("sentence that says what it breaks")
        } else if tests.is_empty() {
            Some("test")
        } else if sound.trim().is_empty() {
            Some("piece of the source")
        } else {
            None
        };
        match missing {
            Some(part) => Err(lacks(part)),
            None => Ok(Self {
                name: name.to_owned(),
                meaning,
                tests,
                sound: sound.to_owned(),
                broken: broken.trim_end_matches('\n').to_owned(),
            }),
        }
    }

    /// The file below `src` that it changes, and what that then says.
    ///
    /// # Errors
    /// When its piece does not stand in the source exactly once.
    pub fn apply(&self, project: &Path) -> Result<(PathBuf, String), MutantError> {
        let mut files = Vec::new();
        collect(&project.join("src"), "rs", &mut files)?;
        let mut found = Vec::new();
        for file in files {
            let source = read(&file)?;
            found.extend(source.matches(&self.sound).map(|_| (file.clone(), source.clone())));
        }
        match <[_; 1]>::try_from(found) {
            Ok([(file, source)]) => Ok((file, source.replacen(&self.sound, &self.broken, 1))),
            Err(found) => {
                let found = found.into_iter().map(|(file, _)| file).collect();
                Err(MutantError::Misfit { name: self.name.clone(), found })
            }
        }
    }
}

impl TestRun {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("test:")?.split_whitespace().map(str::to_owned);
        let target = words.next()?;
        let filters: Vec<String> = words.collect();
        (!filters.is_empty()).then_some(Self { target, filters })
    }

    /// The arguments of `cargo test` that choose the target.
    pub fn target_args(&self) -> Vec<&str> {
        if self.target == "lib" { vec!["--lib"] } else { vec!["--test", &self.target] }
    }
}

/// The files below a directory with an extension, sorted.
fn collect(directory: &Path, extension: &str, files: &mut Vec<PathBuf>) -> Result<(), MutantError> {
    let failed = |source| MutantError::Read { path: directory.to_owned(), source };
    let entries: Result<Vec<_>, _> = fs::read_dir(directory).map_err(failed)?.collect();
    let mut paths: Vec<_> = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, extension, files)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, MutantError> {
    fs::read_to_string(path).map_err(|source| MutantError::Read { path: path.to_owned(), source })
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
