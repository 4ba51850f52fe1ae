#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::reconcile::testing::{VAULT, VERSION, desired, instance, object};

const IDENTITY: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/backup-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup";
const SINGLE_SERVER: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/servers/orders/databases/shop";
const SECRET: &str = "https://team-kv.vault.azure.net/secrets/orders";

fn spec(change: &Value) -> Desired {
    desired(&object(change.clone()))
}

#[test]
fn every_owned_field_is_compared_and_no_other() {
    let plain = json!({});
    let observing = json!({ "mode": "Observe" });
    let single = json!({ "database": { "resourceId": SINGLE_SERVER }, "keyVaultSecret": { "uri": SECRET } });
    let identified = json!({ "vault": { "resourceId": VAULT, "userAssignedIdentity": IDENTITY } });
    let policy = |name: &str| json!({ "policyInfo": { "policyId": format!("{VAULT}/backupPolicies/{name}") } });
    let secret = |uri: &str| json!({ "datasourceAuthCredentials": { "secretStoreResource": { "uri": uri } } });
    let identity = |id: &str| json!({ "identityDetails": { "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": id } });
    let tags = |tags: Value| json!({ "tags": tags });
    let ours = "test/shop/orders";
    for (expected, wanted, change) in [
        (vec![], &plain, json!({})),
        (vec!["policy.name"], &plain, policy("monthly")),
        (vec!["policy.name"], &plain, json!({ "policyInfo": Value::Null })),
        (vec!["policy.name"], &plain, json!({ "policyInfo": { "policyId": "weekly" } })),
        (vec![], &single, json!({})),
        (vec!["keyVaultSecret.uri"], &single, secret("https://team-kv.vault.azure.net/secrets/other")),
        (vec!["keyVaultSecret.uri"], &single, json!({ "datasourceAuthCredentials": Value::Null })),
        (vec!["keyVaultSecret.uri"], &single, secret(&format!("{SECRET}/4b1c"))),
        // A flexible server takes no secret, so one that stands there is nothing that anybody asked for.
        (vec![], &plain, secret(SECRET)),
        (vec![], &identified, json!({})),
        (vec!["vault.userAssignedIdentity"], &identified, json!({ "identityDetails": Value::Null })),
        (vec!["vault.userAssignedIdentity"], &identified, identity(&IDENTITY.replace("/backup", "/other"))),
        (vec!["vault.userAssignedIdentity"], &plain, identity(IDENTITY)),
        (vec!["vault.userAssignedIdentity"], &plain, identity("not an id")),
        (vec![], &plain, json!({ "identityDetails": { "useSystemAssignedIdentity": true } })),
        (vec![OWNER_TAG], &plain, tags(json!({}))),
        (vec![OWNER_TAG], &plain, tags(json!({ "pgbackup-owner": "test/shop/invoices" }))),
        // Azure ignores the case of tag names, not of values.
        (vec![], &plain, tags(json!({ "PgBackup-Owner": ours, "team": "shop" }))),
        (vec![OWNER_TAG], &plain, tags(json!({ "pgbackup-owner": ours.to_uppercase() }))),
        (vec![], &observing, tags(json!({}))),
        (vec!["policy.name"], &observing, policy("monthly")),
        (vec!["policy.name", OWNER_TAG], &plain, json!({ "policyInfo": Value::Null, "tags": {} })),
        (vec![], &plain, json!({ "friendlyName": "named in the portal", "objectType": "BackupInstance" })),
    ] {
        let wanted = spec(wanted);
        let drift = compare(&wanted, &instance(&wanted, "ProtectionConfigured", &change), VERSION);
        let fields: Vec<_> = drift.iter().map(|item| item.field.as_str()).collect();
        assert_eq!(fields, expected, "{change}");
    }
}

#[test]
fn ids_are_the_same_in_any_case() {
    let wanted = spec(&json!({ "vault": { "resourceId": VAULT, "userAssignedIdentity": IDENTITY } }));
    let shouted = json!({
        "policyInfo": { "policyId": format!("{VAULT}/backupPolicies/weekly").to_uppercase() },
        "identityDetails": { "userAssignedIdentityArmUrl": IDENTITY.to_uppercase() },
    });
    assert_eq!(compare(&wanted, &instance(&wanted, "ProtectionConfigured", &shouted), VERSION), []);
}

#[test]
fn an_item_says_what_is_asked_for_and_what_is_there() {
    let wanted = spec(&json!({}));
    let drift = compare(&wanted, &instance(&wanted, "ProtectionConfigured", &json!({ "tags": {} })), VERSION);
    let item =
        DriftItem { field: OWNER_TAG.to_owned(), desired: "test/shop/orders".to_owned(), actual: "none".to_owned() };
    assert_eq!(drift, [item]);
}

#[test]
fn what_an_api_version_does_not_show_is_not_compared() {
    let bare = json!({ "tags": {}, "identityDetails": Value::Null, "datasourceAuthCredentials": Value::Null });
    let wanted = spec(&json!({
        "database": { "resourceId": SINGLE_SERVER },
        "keyVaultSecret": { "uri": SECRET },
        "vault": { "resourceId": VAULT, "userAssignedIdentity": IDENTITY },
    }));
    let instance = instance(&wanted, "ProtectionConfigured", &bare);
    for version in ApiVersion::ALL {
        let fields: Vec<_> = compare(&wanted, &instance, *version).into_iter().map(|item| item.field).collect();
        let shown = [
            ("keyVaultSecret.uri", version.carries_credentials()),
            ("vault.userAssignedIdentity", version.carries_identity_details()),
            (OWNER_TAG, version.carries_tags()),
        ];
        let expected: Vec<_> = shown.iter().filter(|(_, shown)| *shown).map(|(field, _)| *field).collect();
        assert_eq!(fields, expected, "{version}");
    }
}

/// By state: whether it is what is wanted, or differs from it, or says nothing about it.
#[test]
fn a_state_reaches_what_is_wanted_or_differs_from_it_or_says_nothing() {
    const STATES: &str = "
state                       | Active  | Suspended | Stopped
ProtectionConfigured        | reached | differs   | differs
ProtectionError             | -       | differs   | differs
BackupsSuspended            | differs | reached   | differs
BackupSchedulesSuspended    | differs | reached   | differs
RetentionSchedulesSuspended | differs | differs   | differs
ProtectionStopped           | differs | differs   | reached
ConfiguringProtection       | -       | -         | -
UpdatingProtection          | -       | -         | -
ConfiguringProtectionFailed | -       | -         | -
NotProtected                | -       | -         | -
Invalid                     | -       | -         | -
SoftDeleting                | -       | -         | -
SoftDeleted                 | -       | -         | -
SomethingNew                | -       | -         | -
";
    let mut walked = 0;
    for line in STATES.trim().lines().skip(1) {
        let mut cells = line.split('|').map(str::trim);
        let state = cells.next().unwrap();
        for (protection, expected) in [Protection::Active, Protection::Suspended, Protection::Stopped].iter().zip(cells)
        {
            let wanted = spec(&json!({ "protection": protection }));
            let shown = instance(&wanted, state, &json!({}));
            let is_reached = reaches(&shown.protection_state, *protection);
            let difference = of_protection(&wanted, &shown);
            let word = match (is_reached, &difference) {
                (true, None) => "reached",
                (false, Some(_)) => "differs",
                (false, None) => "-",
                (true, Some(_)) => "both",
            };
            assert_eq!(word, expected, "{state}, wanted {protection}");
            if let Some(item) = difference {
                let item = (item.field, item.desired, item.actual);
                assert_eq!(item, ("protection".to_owned(), protection.to_string(), state.to_owned()));
            }
            walked += 1;
        }
    }
    assert_eq!(walked, (ProtectionState::KNOWN.len() + 1) * 3);
}
