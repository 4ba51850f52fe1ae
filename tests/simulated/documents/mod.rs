//! Documents of real runs: for every reason, an object as the operator left it for that reason.
//!
//! The runs of this module fill an [`Album`], and the album is compared with the files under `tests/gitops/documents`, which
//! `tests/gitops` shows to GitOps tools. `UPDATE_GENERATED=1 cargo test --test simulated documents` writes the files anew.

mod album;
mod deleting;
mod refused;
mod troubled;
mod working;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use album::Album;
use postgres_backup_operator::api::Reason;

/// Reasons that only events carry: when they come about, the object is let go, is well, or cannot be read.
const EVENTS: [Reason; 6] = [
    Reason::Deleted,
    Reason::Retained,
    Reason::HandedOver,
    Reason::NothingToDelete,
    Reason::DriftCorrected,
    Reason::Unreadable,
];

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "gitops", "documents"].iter().collect()
}

fn committed() -> BTreeMap<String, String> {
    let files = fs::read_dir(folder()).into_iter().flatten().map(|entry| entry.unwrap().path());
    let documents = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    documents
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

fn write(documents: &BTreeMap<String, String>) {
    for name in committed().keys().filter(|name| !documents.contains_key(*name)) {
        fs::remove_file(folder().join(format!("{name}.yaml"))).unwrap();
    }
    fs::create_dir_all(folder()).unwrap();
    for (name, text) in documents {
        fs::write(folder().join(format!("{name}.yaml")), text).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_reason_comes_about_and_its_document_is_current() {
    let mut album = Album::default();
    working::show(&mut album).await;
    troubled::show(&mut album).await;
    refused::show(&mut album).await;
    deleting::show(&mut album).await;

    let (told, shown): (Vec<Reason>, Vec<Reason>) =
        Reason::ALL.iter().copied().partition(|reason| EVENTS.contains(reason));
    let missing: Vec<_> = shown.into_iter().filter(|reason| !album.has(*reason)).collect();
    assert!(missing.is_empty(), "no run shows {missing:?}");
    let untold: Vec<_> = told.iter().filter(|reason| !album.is_told(**reason)).collect();
    assert!(untold.is_empty(), "no event tells of {untold:?}");
    let conditions: Vec<_> = told.iter().filter(|reason| album.has(**reason)).collect();
    assert!(conditions.is_empty(), "{conditions:?} are for events alone, and a condition shows them");
    let documents = album.documents();
    if env::var_os("UPDATE_GENERATED").is_some() {
        write(&documents);
    }
    let committed = committed();
    assert_eq!(
        documents.keys().collect::<Vec<_>>(),
        committed.keys().collect::<Vec<_>>(),
        "files are missing or too many under tests/gitops/documents: run this test with UPDATE_GENERATED=1"
    );
    for (name, text) in &documents {
        assert_eq!(text, &committed[name], "{name}.yaml is out of date: run this test with UPDATE_GENERATED=1");
    }
}
