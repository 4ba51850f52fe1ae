//! Keeps to itself what Azure says about somebody else's resources. Pure.
//!
//! Whoever names a resource that is not theirs must not learn from the answer whether it exists. Azure's words about the vault, the
//! database and the Key Vault that are granted are shown in full.

use super::assessment::Subject;
use crate::azure::{ErrorClass, SecretUri, ServiceError};

/// What every id begins with.
const BEGINNING: &str = "/subscriptions/";

/// What is said instead. The same for what does not exist and for what is not accessible.
const INSTEAD: &str = "Azure refuses this because of a resource that the grant does not cover: it does not exist, or access to it is \
                       missing. The operator's log has Azure's words.";

/// The error to show in place of one that says that something outside of the grant is missing or not accessible.
#[must_use]
pub(in crate::reconcile) fn instead_of(
    error: &ServiceError,
    class: ErrorClass,
    subject: Subject<'_>,
) -> Option<ServiceError> {
    let tells = matches!(class, ErrorClass::Permission | ErrorClass::Prerequisite);
    let texts = [Some(&error.message), error.detail.as_ref(), error.target.as_ref()].into_iter().flatten();
    let mut ids = texts.chain(&error.recommended_actions).flat_map(|text| ids_in(text));
    if !tells || ids.all(|id| is_covered(&id, subject)) {
        return None;
    }
    Some(ServiceError { code: "OutsideOfGrant".to_owned(), message: INSTEAD.to_owned(), ..ServiceError::default() })
}

/// The ids in a text for people, in lower case.
fn ids_in(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let ends = |c: char| c.is_whitespace() || "'\"<>,;?\\".contains(c);
    let starts = text.match_indices(BEGINNING).map(|(start, _)| &text[start..]);
    starts
        .map(|id| id.split(ends).next().unwrap_or_default().trim_end_matches(['.', ':', ')', '/']).to_owned())
        .collect()
}

/// Whether an id is that of something granted, of something in it, or of what it is in.
fn is_covered(id: &str, subject: Subject<'_>) -> bool {
    let target = subject.target;
    let granted = [target.vault().to_string(), target.datasource.server().to_string()];
    let same = |a: &str, b: &str| a.split('/').zip(b.split('/')).all(|(a, b)| a == b);
    granted.iter().any(|granted| same(id, &granted.to_lowercase())) || is_key_vault(id, subject.secret)
}

/// Whether an id is that of the secret's Key Vault, or of something in it.
fn is_key_vault(id: &str, secret: Option<&str>) -> bool {
    let Some(Ok(secret)) = secret.map(str::parse::<SecretUri>) else { return false };
    let name = secret.host().split('.').next().unwrap_or_default().to_owned();
    let mut segments = id.split('/').skip(5);
    segments.next() == Some("providers")
        && segments.next() == Some("microsoft.keyvault")
        && segments.next() == Some("vaults")
        && segments.next() == Some(name.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;
    use crate::api::PostgresBackupStatus;
    use crate::azure::OwnerTag;
    use crate::reconcile::validate::{Lifecycle, Target};

    const S: &str = "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11";

    #[test]
    fn words_about_what_is_granted_are_shown_and_others_are_not() {
        let vault = format!("{S}/resourceGroups/backup/providers/Microsoft.DataProtection/backupVaults/team-vault");
        let server = format!("{S}/resourceGroups/data/providers/Microsoft.DBforPostgreSQL/flexibleServers/orders");
        let key_vault = format!("{S}/resourceGroups/secrets/providers/Microsoft.KeyVault/vaults/team-kv");
        let target = Target {
            datasource: server.parse().unwrap(),
            instance: vault.parse::<crate::azure::VaultId>().unwrap().instance("orders".parse().unwrap()),
            owner: OwnerTag { name: "pgbackup-owner".to_owned(), value: "x".to_owned() },
        };
        let previous = PostgresBackupStatus::default();
        let subject = Subject {
            target: &target,
            lifecycle: Lifecycle::Live,
            previous: &previous,
            generation: 1,
            poll_after: Duration::from_secs(1),
            state: None,
            protection_error: None,
            protector: None,
            secret: Some("https://team-kv.vault.azure.net/secrets/login"),
        };
        for (text, is_shown) in [
            ("The vault's identity may not read the server.".to_owned(), true),
            (format!("no authorization over scope '{vault}' or the scope is invalid"), true),
            (
                format!("no authorization over scope '{}/providers/Microsoft.Authorization'.", server.to_uppercase()),
                true,
            ),
            (format!("Grant Reader on {S}/resourceGroups/data."), true),
            (format!("Key Vault ({key_vault}) cannot be reached"), true),
            (format!("{}2 was not found", key_vault), false),
            (format!("{server}-2 was not found"), false),
            (format!("{vault}2 was not found"), false),
            (format!("{S}/resourceGroups/data2"), false),
            (format!("no access to '{server}' and '{S}/resourceGroups/other/providers/A.B/c/d'"), false),
        ] {
            for (status, class) in [(403, ErrorClass::Permission), (404, ErrorClass::Prerequisite)] {
                let error =
                    ServiceError { code: status.to_string(), detail: Some(text.clone()), ..ServiceError::default() };
                let shown = instead_of(&error, class, subject);
                assert_eq!(shown.is_none(), is_shown, "{text}");
                assert!(shown.is_none_or(|shown| shown.message == INSTEAD && shown.detail.is_none()));
            }
            let error = ServiceError { message: text, ..ServiceError::default() };
            assert_eq!(instead_of(&error, ErrorClass::Request, subject), None, "it tells nothing about what exists");
        }
    }
}
