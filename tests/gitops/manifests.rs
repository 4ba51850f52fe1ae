//! The files of the repository as objects.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A path from the root of the repository.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of a file.
pub fn text(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The one document of a YAML file.
pub fn yaml(relative: &str) -> Value {
    let mut documents = documents(relative);
    assert_eq!(documents.len(), 1, "{relative}");
    documents.remove(0)
}

/// The documents of a YAML file.
pub fn documents(relative: &str) -> Vec<Value> {
    parse(&text(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The documents of a text in YAML.
pub fn parse(text: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    serde_saphyr::from_multiple(text)
}

/// A document of a YAML file as a type.
pub fn typed<T: for<'de> Deserialize<'de>>(relative: &str) -> T {
    serde_json::from_value(yaml(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The names of the YAML files in a folder and the folders in it, as paths from the root of the repository.
pub fn yaml_files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path(folder)).unwrap().map(Result::unwrap) {
        let relative = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(yaml_files(&relative));
        } else if relative.ends_with(".yaml") {
            found.push(relative);
        }
    }
    found.sort();
    found
}
