//! Nobody gets in where they do not belong: attacks by name, and what becomes of a grant that is withdrawn.

use azure_emulator::{Entry, Kind};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::SUBSCRIPTION;
use crate::teams::{OPERATOR, TEAM_A, TEAM_B, Teams, documented_actions, spec};

/// A spec with the value at a JSON pointer set.
fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[field] = value;
    spec
}

/// Whether a request has to do with something of this name.
fn touches(entry: &Entry, name: &str) -> bool {
    let body = entry.request_body.as_ref().map(Value::to_string).unwrap_or_default();
    format!("{}?{} {body}", entry.path, entry.query).to_lowercase().contains(name)
}

/// What an attack ends in.
enum End {
    /// The API server does not take the object.
    Refused,
    /// The object is stored and gets nowhere, for this reason.
    Stalled(&'static str),
}

struct Attack {
    name: &'static str,
    metadata: Value,
    spec: Value,
    end: End,
}

fn attack(name: &'static str, spec: Value, end: End) -> Attack {
    Attack { name, metadata: json!({}), spec, end }
}

/// What somebody who may create PostgresBackups in team A's namespace can try.
fn attacks(victim: &str) -> Vec<Attack> {
    use End::{Refused, Stalled};

    const DENIED: End = Stalled("NotPermitted");
    let theirs = || spec("team-b", "team-b");
    let in_group = |group: &str| {
        let moved = theirs().to_string().replace("/resourceGroups/team-b/", &format!("/resourceGroups/{group}/"));
        serde_json::from_str(&moved).unwrap()
    };
    let single =
        format!("{SUBSCRIPTION}/resourceGroups/team-a/providers/Microsoft.DBforPostgreSQL/servers/old/databases/db");
    let secret = |host: &str| {
        let spec = with(spec("team-a", "team-a"), "/database/resourceId", json!(single));
        with(spec, "/keyVaultSecret", json!({ "uri": format!("https://{host}/secrets/login") }))
    };
    let vault = |id: String| with(spec("team-a", "team-a"), "/vault/resourceId", json!(id));
    let own_vault = spec("team-a", "team-a")["vault"]["resourceId"].as_str().unwrap().to_owned();
    let upper = |path: &str| json!(theirs().pointer(path).unwrap().as_str().unwrap().to_uppercase());
    let cased = with(theirs(), "/vault/resourceId", upper("/vault/resourceId"));
    let take_over = json!({ "annotations": { "pgbackup.dev/take-over-from": "cluster/team-b/billing" } });
    vec![
        attack("protect another team's server in its vault", theirs(), DENIED),
        attack("enrol another team's server in one's own vault", spec("team-b", "team-a"), DENIED),
        attack("use another team's vault for one's own server", spec("team-a", "team-b"), DENIED),
        attack(
            "spell another team's ids in capitals",
            with(cased, "/database/resourceId", upper("/database/resourceId")),
            DENIED,
        ),
        attack("read another team's backup instance", with(theirs(), "/mode", json!("Observe")), DENIED),
        attack(
            "find out whether something exists by having it validated",
            with(theirs(), "/mode", json!("ValidateOnly")),
            DENIED,
        ),
        attack(
            "adopt another team's backup instance and delete it",
            with(theirs(), "/backupInstanceName", json!(victim)),
            DENIED,
        ),
        Attack { metadata: take_over, ..attack("take another team's backup instance over", theirs(), DENIED) },
        Attack {
            metadata: json!({ "labels": { "kubernetes.io/metadata.name": "team-b", "team": "b" } }),
            ..attack("wear another team's labels", theirs(), DENIED)
        },
        attack("use another team's Key Vault", secret("team-b-kv.vault.azure.net"), DENIED),
        attack("use a Key Vault whose name begins like one's own", secret("team-a-kv2.vault.azure.net"), DENIED),
        attack("use a resource group whose name begins like one's own", in_group("team-a2"), DENIED),
        attack("use a resource group that only looks like another", in_group("te\u{430}m-b"), DENIED),
        attack("climb out of a vault's id", vault(format!("{own_vault}/../team-b-vault")), Refused),
        attack(
            "hide a slash in a vault's id",
            vault(own_vault.replace("team-a-vault", "x%2f..%2fteam-b-vault")),
            Refused,
        ),
        attack("end a vault's id in a space", vault(format!("{own_vault} ")), Refused),
        attack(
            "climb to another vault by the name of a backup instance",
            with(spec("team-a", "team-a"), "/backupInstanceName", json!("../../team-b-vault/backupInstances/x")),
            Refused,
        ),
        attack(
            "climb to another vault by the name of a policy",
            with(spec("team-a", "team-a"), "/policy/name", json!("../../team-b-vault/backupPolicies/weekly")),
            Refused,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_reaches_another_teams_resources() {
    let mut teams = Teams::start().await;
    teams.grant("team-a", "team-a", "team-a", TEAM_A).await;
    teams.grant("team-b", "team-b", "team-b", TEAM_B).await;
    teams.create("team-b", "billing", json!({}), spec("team-b", "team-b")).await.unwrap();
    teams.until_reason("team-b", "billing", "Protected").await;
    teams.create("team-a", "orders", json!({}), spec("team-a", "team-a")).await.unwrap();
    teams.until_reason("team-a", "orders", "Protected").await;
    let of_b = |entry: &&Entry| touches(entry, "team-b");
    let calls_before = teams.requests().iter().filter(of_b).count();
    let victim = teams.backups("team-b").get("billing").await.unwrap().status.unwrap().backup_instance.unwrap().name;

    for (number, Attack { name, metadata, spec, end }) in attacks(&victim).into_iter().enumerate() {
        let object = format!("attack-{number}");
        let before = teams.requests().len();
        let created = teams.create("team-a", &object, metadata, spec).await;
        match end {
            End::Refused => {
                assert!(matches!(&created, Err(kube::Error::Api(status)) if status.code == 422), "{name}: {created:?}")
            }
            End::Stalled(reason) => {
                created.unwrap_or_else(|error| panic!("{name}: {error}"));
                teams.until_reason("team-a", &object, reason).await;
                teams.look("team-a", &object, "again").await;
                teams.delete("team-a", &object).await;
                teams.gone("team-a", &object).await;
            }
        }
        let after = teams.requests();
        assert_eq!(after.len(), before, "{name}: {:#?}", &after[before..]);
    }

    // Whoever may write a status could have the operator send its token to a path of their choice.
    let path = format!(
        "{SUBSCRIPTION}/resourceGroups/team-b/providers/Microsoft.DataProtection/backupVaults/team-b-vault/operationStatus/x?api-version=2024-04-01"
    );
    let started_at = "2026-01-05T08:00:00Z";
    let operation =
        json!({ "kind": "Update", "requestHash": "x", "startedAt": started_at, "path": path, "pollAfterSeconds": 1 });
    let patch = json!({ "status": { "operation": operation } });
    teams.backups("team-a").patch_status("orders", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    teams.restart().await;
    teams.look("team-a", "orders", "with another path").await;
    // What the restart looks at for team B itself is over before anything is counted.
    teams.look("team-b", "billing", "after the restart").await;

    // Granted, and yet the gate in Azure is shut: nothing vouches for the namespace.
    teams.namespace("team-c").await;
    teams.grant("team-c", "team-c", "team-b", TEAM_B).await;
    let before = teams.requests().len();
    teams
        .create("team-c", "billing-2", json!({}), with(spec("team-b", "team-b"), "/mode", json!("Observe")))
        .await
        .unwrap();
    teams.until_reason("team-c", "billing-2", "CredentialUnavailable").await;
    teams.account("team-c").await;
    teams.look("team-c", "billing-2", "with an account that is not federated").await;
    teams.until_reason("team-c", "billing-2", "CredentialUnavailable").await;
    assert_eq!(teams.requests()[before..].iter().filter(of_b).count(), 0);

    // The restart has looked at team B's object as team B; nobody else ever has.
    let requests = teams.requests();
    assert!(requests.iter().filter(of_b).count() > calls_before, "the restart looks at everything");
    let is_by = |entry: &&Entry, client: &str| entry.is_by(client.parse().unwrap());
    assert!(requests.iter().filter(of_b).all(|entry| is_by(&entry, TEAM_B)), "{requests:#?}");
    assert!(requests.iter().filter(|entry| touches(entry, "team-a-vault")).all(|entry| is_by(&entry, TEAM_A)));
    assert_eq!(requests.iter().filter(|entry| is_by(entry, OPERATOR)).count(), 0);
    assert!(!requests.iter().any(|entry| touches(entry, "operationstatus/x")));
    assert!(requests.iter().all(|entry| entry.status != 403), "nobody has tried what their identity may not do");
    let documented = documented_actions();
    assert!(requests.iter().filter_map(|entry| entry.action.as_ref()).all(|action| documented.contains(action)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_grant_is_withdrawn_the_journal_stays_silent() {
    let teams = Teams::start().await;
    let frozen = async |state: &str| {
        teams.revoke("team-b").await;
        teams.until_reason("team-b", "billing", "NotPermitted").await;
        let before = teams.requests().len();
        teams.look("team-b", "billing", state).await;
        let after = teams.requests();
        assert_eq!(after.len(), before, "{state}: {:#?}", &after[before..]);
        teams.grant("team-b", "team-b", "team-b", TEAM_B).await;
    };
    teams.grant("team-b", "team-b", "team-b", TEAM_B).await;
    teams.create("team-b", "billing", json!({}), spec("team-b", "team-b")).await.unwrap();
    teams.requested(|entry| entry.kind == Kind::ValidateForBackup).await;
    frozen("creating").await;
    teams.until_reason("team-b", "billing", "Protected").await;
    frozen("ready").await;
    teams.until_reason("team-b", "billing", "Protected").await;

    teams.delete("team-b", "billing").await;
    teams.requested(|entry| entry.kind == Kind::DeleteInstance).await;
    frozen("deleting").await;
    teams.gone("team-b", "billing").await;
    let deletes = teams.requests().iter().filter(|entry| entry.kind == Kind::DeleteInstance).count();
    assert_eq!(deletes, 1);
}
