//! The committed CustomResourceDefinition is the one that the binary prints.

use postgres_backup_operator::api::crd;

#[test]
fn the_committed_definition_is_current() {
    let committed = include_str!("../crds/postgresbackups.pgbackup.dev.yaml");
    let generated = crd::yaml().expect("the definition can be written");
    assert!(committed == generated, "crds/ is out of date: run `make generate`");
}
