//! Nothing is written where it should not be.

use azure_check::Options;
use azure_emulator::{Immutability, ResourceGuard, VaultSecurity};
use clap::Parser;
use postgres_backup_operator::error_chain::one_line;

use crate::emulated::{Azure, DATABASE, Run, VAULT, id};

fn refusal(run: &Run) -> String {
    one_line(run.result.as_ref().err().unwrap_or_else(|| panic!("it ran: {}", run.output)))
}

#[tokio::test]
async fn without_consent_nothing_is_written_and_what_it_is_about_is_said() {
    let azure = Azure::start().await;
    let run = azure.check(&[]).await;
    assert_eq!(refusal(&run), "nothing was done");
    for part in ["azure-check-orders-", "20 to 30 minutes", "for 14 days", "only by undeleting"] {
        assert!(run.progress.contains(part), "{part} is not in {}", run.progress);
    }
    assert_eq!(azure.writes(), 0);
}

#[tokio::test]
async fn reading_needs_no_consent() {
    let azure = Azure::start().await;
    let run = azure.check(&["--only", "missing-instance", "--only", "api-versions"]).await;
    assert_eq!((run.as_assumed().len(), run.report().exit_code(), azure.writes()), (2, 0, 0), "{}", run.output);
}

#[tokio::test]
async fn a_database_that_is_protected_is_left_alone() {
    let other_vault = VAULT.replace("team-vault", "other-vault");
    for (vault, says) in [
        (VAULT.to_owned(), "the backup instance by-hand of the vault protects"),
        (other_vault.clone(), "UserErrorDppDatasourceAlreadyProtected"),
    ] {
        let azure = Azure::start().await;
        {
            let engine = azure.engine();
            let mut engine = engine.lock();
            let mut copy = engine.world().vaults[0].clone();
            copy.id = id(&other_vault);
            engine.world_mut().vaults.push(copy);
            engine.create_in_portal(&id(&format!("{vault}/backupInstances/by-hand")), &id(DATABASE), "weekly").unwrap();
        }
        let run = azure.check(&["--yes"]).await;
        assert!(refusal(&run).contains(says), "{}", refusal(&run));
        assert_eq!((azure.writes(), azure.left().0), (0, vec!["by-hand".to_owned()]));
    }
}

#[tokio::test]
async fn an_instance_of_its_own_name_is_left_alone_too() {
    let azure = Azure::start().await;
    let kept = azure.check(&["--only", "create", "--keep", "--yes"]).await;
    assert!(kept.output.contains("is still there (ProtectionConfigured)"), "{}", kept.output);
    let (name, writes) = (azure.left().0, azure.writes());
    let run = azure.check(&["--yes"]).await;
    assert!(refusal(&run).contains("an earlier run must have left it behind"), "{}", refusal(&run));
    assert_eq!((azure.left().0, azure.writes()), (name, writes));
}

#[tokio::test]
async fn keeping_the_instance_leaves_out_what_would_delete_it() {
    let azure = Azure::start().await;
    let run = azure.check(&["--keep", "--other-policy", "monthly", "--yes"]).await;
    for id in ["delete", "second-delete", "undelete", "delete-while-updating", "delete-is-final"] {
        assert!(run.left_out().contains(id), "{id}: {}", run.output);
    }
    assert_eq!((run.report().exit_code(), azure.left().0.len()), (0, 1), "{}", run.output);
}

#[tokio::test]
async fn a_vault_that_could_not_be_cleaned_up_is_not_used() {
    let guard = ResourceGuard {
        id: id(&VAULT.replace("backupVaults/team-vault", "resourceGuards/guard")),
        permits_callers: true,
    };
    let table = [
        (Immutability::Unlocked, None, "the vault is immutable"),
        (Immutability::Locked, None, "the vault is immutable"),
        (Immutability::Disabled, Some(guard), "a resource guard protects the vault"),
    ];
    for (immutability, resource_guard, says) in table {
        let azure = Azure::start().await;
        let security = VaultSecurity { vault: id(VAULT), immutability, resource_guard };
        azure.engine().lock().world_mut().vault_security.push(security);
        let run = azure.check(&["--yes"]).await;
        assert!(refusal(&run).contains(says), "{}", refusal(&run));
        assert_eq!(azure.writes(), 0);
    }
}

#[tokio::test]
async fn what_azure_does_not_accept_is_not_created() {
    let billing = DATABASE.replace("orders", "billing");
    let table = [
        (vec!["--database", &billing, "--yes"], "roleAssignments/read"),
        (vec!["--policy", "missing", "--yes"], "UserErrorInvalidRequestParameter"),
        (vec!["--other-policy", "missing", "--yes"], "backupPolicies/missing: UserErrorInvalidRequestParameter"),
    ];
    for (more, says) in table {
        let azure = Azure::start().await;
        let run = azure.check(&more).await;
        assert!(refusal(&run).contains(says), "{}", refusal(&run));
        assert_eq!(azure.writes(), 0);
    }
}

#[tokio::test]
async fn a_vault_that_is_not_there_is_named() {
    let azure = Azure::start().await;
    let vault = VAULT.replace("team-vault", "other-vault");
    let run = azure.check(&["--vault", &vault, "--yes"]).await;
    assert!(
        refusal(&run).contains("the Backup vault cannot be read: ") && refusal(&run).contains("other-vault"),
        "{}",
        refusal(&run)
    );
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let single = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.DBforPostgreSQL/servers/srv/databases/db";
    let foreign = format!("{}/backupPolicies/weekly", VAULT.replace("team-vault", "other-vault"));
    let secret = "https://team-kv.vault.azure.net/secrets/login";
    let table: [(&str, &[&str], Option<&str>); 6] = [
        (DATABASE, &[], None),
        (DATABASE, &["--other-policy", "weekly"], Some("must be another policy")),
        (DATABASE, &["--other-policy", &foreign], Some("is no policy of the vault")),
        (DATABASE, &["--key-vault-secret", secret], Some("must be left out")),
        (single, &[], Some("is required")),
        (single, &["--key-vault-secret", secret], None),
    ];
    for (database, more, says) in table {
        let line = ["azure-check", "--database", database, "--vault", VAULT, "--policy", "weekly"];
        let options = Options::try_parse_from(line.into_iter().chain(more.iter().copied())).unwrap();
        let error = options.subject().err().map(|error| error.to_string());
        match says {
            None => assert_eq!(error, None, "{more:?}"),
            Some(says) => assert!(error.as_ref().is_some_and(|error| error.contains(says)), "{more:?}: {error:?}"),
        }
    }
    for (only, says) in [("nonsense", "there is no such assumption"), ("throttling", "it cannot be checked")] {
        let error = Options::try_parse_from(["azure-check", "--only", only]).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
