#![allow(clippy::unwrap_used)]

use super::*;

const S: &str = "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11";
const OTHER: &str = "/subscriptions/00000000-6d1c-4a54-8f0e-0c6d2f3a9b11";

fn vault(group: &str, name: &str) -> VaultId {
    format!("{S}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{name}").parse().unwrap()
}

#[test]
fn a_vault_is_compared_segment_by_segment() {
    let vault = vault("backup", "team-vault");
    for (scope, contained) in [
        (S.to_owned(), true),
        (S.to_uppercase(), true),
        (OTHER.to_owned(), false),
        (format!("{S}/resourceGroups/backup"), true),
        (format!("{S}/RESOURCEGROUPS/BackUp"), true),
        (format!("{S}/resourceGroups/back"), false),
        (format!("{S}/resourceGroups/backup2"), false),
        (format!("{OTHER}/resourceGroups/backup"), false),
        (vault.to_string(), true),
        (vault.to_string().to_uppercase(), true),
        (vault.to_string().replace("team-vault", "team"), false),
        (format!("{vault}2"), false),
        (vault.to_string().replace("/backup/", "/other/"), false),
    ] {
        assert_eq!(scope.parse::<VaultScope>().unwrap().contains(&vault), contained, "{scope}");
    }
}

#[test]
fn a_server_contains_its_databases_and_no_other_servers() {
    let single = |server: &str| format!("{S}/resourceGroups/data/providers/Microsoft.DBforPostgreSQL/servers/{server}");
    let flexible =
        |server: &str| format!("{S}/resourceGroups/data/providers/Microsoft.DBforPostgreSQL/flexibleServers/{server}");
    for (scope, database, contained) in [
        (single("legacy"), format!("{}/databases/orders", single("legacy")), true),
        (single("legacy"), format!("{}/databases/orders", single("legacy2")), false),
        (format!("{}/databases/orders", single("legacy")), format!("{}/databases/orders", single("legacy")), true),
        (format!("{}/databases/orders", single("legacy")), format!("{}/databases/orders2", single("legacy")), false),
        (single("legacy"), flexible("legacy"), false),
        (flexible("orders"), flexible("ORDERS"), true),
        (flexible("orders"), flexible("orders-2"), false),
        (format!("{S}/resourceGroups/data"), flexible("orders"), true),
        (format!("{S}/resourceGroups/dat"), flexible("orders"), false),
    ] {
        let database: DatasourceId = database.parse().unwrap();
        assert_eq!(scope.parse::<DatabaseScope>().unwrap().contains(&database), contained, "{scope} {database}");
    }
}

/// Unicode makes a `k` of the sign for kelvin and Resource Manager does not: two resource groups.
#[test]
fn letters_that_only_look_alike_are_others() {
    for (allowed, asked, contained) in [
        ("backup", "bac\u{212a}up", false),
        ("bac\u{212a}up", "backup", false),
        ("backup", "b\u{430}ckup", false),
        ("b\u{fc}cher", "b\u{fc}cher", true),
        ("b\u{fc}cher", "B\u{fc}CHER", true),
        ("b\u{fc}cher", "b\u{dc}cher", false),
    ] {
        let scope: VaultScope = format!("{S}/resourceGroups/{allowed}").parse().unwrap();
        assert_eq!(scope.contains(&vault(asked, "team-vault")), contained, "{allowed} {asked}");
    }
}

#[test]
fn what_is_no_scope_is_refused() {
    for text in [
        "",
        "/",
        "/subscriptions",
        "/subscriptions/",
        "/subscriptions/*",
        "subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11",
        "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b1",
    ] {
        assert!(text.parse::<VaultScope>().is_err(), "{text:?}");
    }
    for rest in [
        "/",
        " ",
        "/resourceGroups",
        "/resourceGroups/",
        "/resourceGroups/..",
        "/resourceGroups/a/",
        "/resourceGroups/a ",
        "/resourceGroups/a%2fb",
        "/resourceGroups/*",
        "/providers/Microsoft.DataProtection",
        "/resourceGroups/a/../b",
        "/resourceGroups/a/providers/Microsoft.RecoveryServices/vaults/v1",
        "/resourceGroups/a/providers/Microsoft.DataProtection/backupVaults/v1/",
        "/resourceGroups/a/providers/Microsoft.DataProtection/backupVaults/v1/backupInstances/i",
    ] {
        let text = format!("{S}{rest}");
        assert!(text.parse::<VaultScope>().is_err(), "{text:?}");
        assert!(text.parse::<DatabaseScope>().is_err(), "{text:?}");
    }
}
