//! The committed CustomResourceDefinitions are the ones that the binary prints.

use postgres_backup_operator::api::crd::{self, Kind};

#[test]
fn the_committed_definitions_are_current() {
    for (kind, committed) in [
        (Kind::Backup, include_str!("../crds/postgresbackups.pgbackup.dev.yaml")),
        (Kind::Grant, include_str!("../crds/postgresbackupgrants.pgbackup.dev.yaml")),
    ] {
        let generated = crd::yaml_of(kind).expect("the definition can be written");
        assert!(committed == generated, "crds/ is out of date: run `make generate`");
    }
}
