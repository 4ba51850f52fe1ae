//! The mutants of `tests/mutants` fit the source: `make mutants` can build each of them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use test_support::mutants::Mutant;

#[test]
fn every_mutant_fits_the_source_and_changes_it() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mutants = Mutant::all(project).unwrap();
    assert!(mutants.len() >= 12, "{} mutants", mutants.len());
    let misfits: Vec<String> =
        mutants.iter().filter_map(|mutant| mutant.apply(project).err()).map(|e| e.to_string()).collect();
    assert!(misfits.is_empty(), "{}", misfits.join("\n"));
    let results: BTreeSet<_> = mutants.iter().map(|mutant| mutant.apply(project).unwrap()).collect();
    assert_eq!(results.len(), mutants.len(), "two mutants are the same");
    for (file, broken) in results {
        assert_ne!(std::fs::read_to_string(&file).unwrap(), broken, "{} stays as it is", file.display());
    }
}
