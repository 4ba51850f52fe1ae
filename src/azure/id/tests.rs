#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

const GUID: &str = "7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11";

fn provider(rest: &str) -> String {
    format!("/subscriptions/{GUID}/resourceGroups/backup/providers/{rest}")
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn keywords_are_printed_as_documented_and_names_as_given() {
    let id: VaultId = format!(
        "/SUBSCRIPTIONS/{GUID}/resourcegroups/Backup/Providers/microsoft.dataprotection/BackupVaults/Team-Vault"
    )
    .parse()
    .unwrap();
    assert_eq!(
        id.to_string(),
        format!(
            "/subscriptions/{GUID}/resourceGroups/Backup/providers/Microsoft.DataProtection/backupVaults/Team-Vault"
        )
    );
    assert_eq!((id.name(), id.resource_group(), id.subscription().as_str()), ("Team-Vault", "Backup", GUID));
}

#[test]
fn ids_that_differ_in_case_are_one() {
    let one: VaultId = provider("Microsoft.DataProtection/backupVaults/team-vault").parse().unwrap();
    let other: VaultId = one.to_string().to_uppercase().parse().unwrap();
    assert_eq!(one, other);
    assert_eq!(hash(&one), hash(&other));
    assert_eq!(one.cmp(&other), std::cmp::Ordering::Equal);
    let third: VaultId = provider("Microsoft.DataProtection/backupVaults/team-vault2").parse().unwrap();
    assert_ne!(one, third);
}

#[test]
fn a_vault_names_its_policies_and_instances() {
    let vault: VaultId = provider("Microsoft.DataProtection/backupVaults/team-vault").parse().unwrap();
    let policy = vault.policy(&"weekly".parse().unwrap());
    assert_eq!(policy.to_string(), format!("{vault}/backupPolicies/weekly"));
    assert_eq!(policy.to_string().to_lowercase().parse::<PolicyId>().unwrap(), policy);
    let instance = vault.instance("orders-1".parse().unwrap());
    assert_eq!(instance.path(), format!("{}/backupInstances/orders-1", vault.path()));
    assert_eq!(instance.to_string().parse::<BackupInstanceId>().unwrap(), instance);
    assert_eq!((instance.vault(), instance.name().as_str()), (&vault, "orders-1"));
}

#[test]
fn both_kinds_of_datasource() {
    let flexible = DatasourceId::parse(&provider("Microsoft.DBforPostgreSQL/flexibleServers/orders")).unwrap();
    assert_eq!(flexible.kind(), DatasourceKind::FlexibleServer);
    assert_eq!((flexible.server_name(), flexible.database_name()), ("orders", None));
    assert_eq!(flexible.server().to_string(), flexible.to_string());
    let in_group_servers = flexible.to_string().replace("/backup/", "/servers/");
    assert_eq!(DatasourceId::parse(&in_group_servers).unwrap().kind(), DatasourceKind::FlexibleServer);

    let single = DatasourceId::parse(&provider("microsoft.dbforpostgresql/Servers/srv/Databases/azure_sys")).unwrap();
    assert_eq!(single.kind(), DatasourceKind::SingleServerDatabase);
    assert_eq!((single.server_name(), single.database_name()), ("srv", Some("azure_sys")));
    assert_eq!(single.to_string(), provider("Microsoft.DBforPostgreSQL/servers/srv/databases/azure_sys"));
    assert_eq!(single.server().to_string(), provider("Microsoft.DBforPostgreSQL/servers/srv"));
    assert_eq!(single.subscription().as_str(), GUID);
}

#[test]
fn names_outside_ascii_are_encoded_in_paths_only() {
    let id: VaultId =
        format!("/subscriptions/{GUID}/resourceGroups/Bücher(1)/providers/Microsoft.DataProtection/backupVaults/kv")
            .parse()
            .unwrap();
    assert!(id.to_string().contains("/Bücher(1)/"));
    assert!(id.path().contains("/B%C3%BCcher(1)/"), "{}", id.path());
    let upper: VaultId = id.to_string().to_uppercase().parse().unwrap();
    assert_eq!(id, upper);
}

#[test]
fn what_is_wrong_with_an_id_is_said() {
    let vault = |rest: &str| provider(&format!("Microsoft.DataProtection/backupVaults/{rest}"));
    let cases = [
        (String::new(), "it does not begin with '/'"),
        (vault("team-vault")[1..].to_owned(), "it does not begin with '/'"),
        (" ".to_owned() + &vault("team-vault"), "it does not begin with '/'"),
        ("/".to_owned(), r#""" stands where "subscriptions" belongs"#),
        (format!("/subscriptions/{GUID}"), r#""" stands where "resourceGroups" belongs"#),
        (format!("/subscriptions/{GUID}/groups/x"), r#""groups" stands where "resourceGroups" belongs"#),
        (provider(""), "cannot be the name of a resource"),
        (provider("Microsoft.DataProtection"), "it names a provider but no resource"),
        (provider("Microsoft.DataProtection/backupVaults"), r#"the name after "backupVaults" is missing"#),
        (vault(""), "cannot be the name of a resource"),
        (vault("team-vault/"), "cannot be the name of a resource"),
        (vault("team-vault/backupPolicies"), r#"the name after "backupPolicies" is missing"#),
        (
            vault("team-vault/backupPolicies/p"),
            "it is of type Microsoft.DataProtection/backupVaults/backupPolicies, not",
        ),
        (
            provider("Microsoft.RecoveryServices/vaults/team-vault"),
            "it is of type Microsoft.RecoveryServices/vaults, not",
        ),
        (vault("v"), "cannot be the name of a Backup vault: 2 to 50 characters"),
        (vault("1vault"), "cannot be the name of a Backup vault"),
        (vault("vault-"), "cannot be the name of a Backup vault"),
        (vault(".."), "cannot be the name of a resource"),
        (vault("team%2fvault"), "cannot be the name of a resource"),
        (vault("team vault"), "cannot be the name of a resource"),
        (vault(&"v".repeat(51)), "2 to 50 characters"),
        (vault("team-vault").replace("backup/", "../"), "cannot be the name of a resource group"),
        (vault("team-vault").replace("backup/", "backup./"), "cannot be the name of a resource group"),
        (vault("team-vault").replace(GUID, "mine"), r#""mine" cannot be the name of a subscription"#),
        (vault("team-vault").replace(GUID, "7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b1g"), "a subscription"),
    ];
    for (text, reason) in cases {
        let error = text.parse::<VaultId>().expect_err(&text).to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("is not the resource id of a Backup vault"), "{error}");
        assert!(
            error.ends_with(
                "/subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.DataProtection/backupVaults/<name>"
            ),
            "{error}"
        );
    }
}

#[test]
fn a_wrong_datasource_is_explained_as_the_kind_it_resembles() {
    let cases = [
        (
            "Microsoft.DBforPostgreSQL/flexibleServers/orders/databases/shop",
            "not Microsoft.DBforPostgreSQL/flexibleServers;",
        ),
        ("Microsoft.DBforPostgreSQL/servers/orders", "not Microsoft.DBforPostgreSQL/servers/databases;"),
        ("Microsoft.DBforMySQL/flexibleServers/orders", "not Microsoft.DBforPostgreSQL/flexibleServers;"),
        ("Microsoft.DBforPostgreSQL/flexibleServers/or", "3 to 63 characters"),
        ("Microsoft.DBforPostgreSQL/servers/orders/databases/a.", "cannot be the name of"),
    ];
    for (rest, reason) in cases {
        let error = DatasourceId::parse(&provider(rest)).expect_err(rest).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn subscriptions_are_guids_or_the_placeholder_of_the_documentation() {
    let accepted = [
        GUID,
        "7B1F36A2-6D1C-4A54-8F0E-0C6D2F3A9B11",
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxxx",
        "xxxxxxxx-xxxx-xxxx-xxxx",
    ];
    for text in accepted {
        assert_eq!(text.parse::<SubscriptionId>().unwrap().as_str(), text);
    }
    let refused = [
        "",
        "x",
        "7b1f36a26d1c4a548f0e0c6d2f3a9b11",
        "{7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11}",
        "xxxxxxxx-xxxx-xxxx-xxxx-xxx",
    ];
    for text in refused {
        assert!(text.parse::<SubscriptionId>().is_err(), "{text}");
    }
}

#[test]
fn names_of_instances_and_policies() {
    let longest = "n".repeat(164);
    for text in ["a", "orders-orders-957d23b1", "a_b.c", &longest] {
        assert_eq!(text.parse::<BackupInstanceName>().unwrap().as_str(), text);
    }
    let too_long = "n".repeat(165);
    for text in ["", "-a", "a-", ".", "..", "a/b", "a b", "ä", "a%20b", &too_long] {
        assert!(text.parse::<BackupInstanceName>().is_err(), "{text}");
        assert!(text.parse::<PolicyName>().is_err(), "{text}");
    }
    assert_eq!("weekly".parse::<PolicyName>().unwrap(), "Weekly".parse().unwrap());
}

#[test]
fn user_assigned_identities() {
    let text = provider("Microsoft.ManagedIdentity/userAssignedIdentities/backup_id-1");
    let id: UserAssignedIdentityId = text.to_lowercase().parse().unwrap();
    assert_eq!(id, text.parse().unwrap());
    assert_eq!(id.name(), "backup_id-1");
}
