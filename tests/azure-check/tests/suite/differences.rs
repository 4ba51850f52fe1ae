//! An Azure that does otherwise is told apart.

use std::collections::{BTreeMap, BTreeSet};

use azure_emulator::{Effect, Fault, Kind, PutOnStopped, Settings, StopWhilePaused};
use serde_json::json;

use crate::emulated::{Azure, Run};

fn ids<const N: usize>(ids: [&'static str; N]) -> BTreeSet<&'static str> {
    ids.into()
}

async fn all(azure: &Azure) -> Run {
    let run = azure.check(&["--other-policy", "monthly", "--yes"]).await;
    assert!(azure.left().0.is_empty(), "{}", run.output);
    run
}

#[tokio::test]
async fn settings_of_the_emulator_show_where_they_matter_and_nowhere_else() {
    let on_stopped = |put_on_stopped| Settings { put_on_stopped, ..Settings::default() };
    let table = [
        (on_stopped(PutOnStopped::Configures), ids(["put-on-stopped", "put-on-suspended"])),
        (on_stopped(PutOnStopped::Refused), ids(["put-on-stopped", "put-on-suspended"])),
        (
            Settings { stop_while_paused: StopWhilePaused::Refused, ..Settings::default() },
            ids(["suspend-on-stopped", "stop-on-suspended"]),
        ),
    ];
    for (settings, different) in table {
        let azure = Azure::start().await;
        azure.set(settings.clone());
        let run = all(&azure).await;
        assert_eq!(run.different(), different, "{settings:?}\n{}", run.output);
        assert_eq!(run.prevented(), BTreeSet::new(), "{settings:?}\n{}", run.output);
        assert_eq!(run.report().exit_code(), 1);
    }
}

#[tokio::test]
async fn a_difference_is_told_with_azures_words_and_what_it_means_for_the_operator() {
    let azure = Azure::start().await;
    azure.set(Settings { put_on_stopped: PutOnStopped::Refused, ..Settings::default() });
    let run = azure.check(&["--only", "put-on-stopped", "--other-policy", "monthly", "--yes"]).await;
    let row = run.output.lines().find(|line| line.starts_with("put-on-stopped ")).unwrap();
    let columns: Vec<&str> = row.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
    let expected = [
        "put-on-stopped",
        "201, then Succeeded, ProtectionStopped, new policy",
        "400 UserErrorInvalidProtectionState, ProtectionStopped, old policy",
        "DIFFERS",
    ];
    assert_eq!(columns, expected);
    for part in [
        "  Azure: writing the backup instance: UserErrorInvalidProtectionState: The operation",
        "correlation id",
        "  The operator: It never sends one",
    ] {
        assert!(run.output.contains(part), "{part} is not in {}", run.output);
    }
}

fn respond(status: u16, code: &str) -> Effect {
    let body = json!({ "error": { "code": code, "message": "So it is." } });
    let retry_after = [("Retry-After".to_owned(), "1".to_owned())];
    let headers = if status == 429 { BTreeMap::from(retry_after) } else { BTreeMap::new() };
    Effect::Respond { status, headers, body: Some(body) }
}

fn fault(kind: Kind, times: u32, effect: Effect) -> Fault {
    Fault { method: None, path_contains: None, kind: Some(kind), times, effect }
}

#[tokio::test]
async fn what_the_service_does_not_have_is_different_and_stops_nothing_else() {
    let azure = Azure::start().await;
    let always = 1000;
    azure.engine().lock().add_fault(fault(Kind::ValidateForModify, always, respond(404, "NoRegisteredProviderFound")));
    azure.engine().lock().add_fault(fault(Kind::ResumeBackups, always, respond(405, "MethodNotAllowed")));
    let run = all(&azure).await;
    let different = ids([
        "validate-change",
        "validate-no-change",
        "validate-bad-change",
        "resume-backups-on-stopped",
        "resume-backups-on-suspended",
    ]);
    assert_eq!(run.different(), different, "{}", run.output);
    assert_eq!(run.prevented(), BTreeSet::new(), "{}", run.output);
}

#[tokio::test]
async fn what_depends_on_a_request_that_azure_refuses_is_not_checked() {
    let azure = Azure::start().await;
    azure.engine().lock().add_fault(fault(Kind::StopProtection, 1000, respond(403, "AuthorizationFailed")));
    let run = all(&azure).await;
    assert_eq!(run.different(), ids(["stop", "stop-on-suspended"]), "{}", run.output);
    for id in ["put-on-stopped", "poll-without-signature", "state-while-stopping"] {
        assert!(run.prevented().contains(id), "{id}: {}", run.output);
    }
    assert!(run.as_assumed().contains("suspend"), "{}", run.output);
}

#[tokio::test]
async fn a_conflict_with_what_is_being_carried_out_is_a_difference() {
    for id in ["second-delete", "delete-while-updating"] {
        let azure = Azure::start().await;
        let conflict = respond(409, "AnotherOperationInProgress");
        let mut fault = fault(Kind::DeleteInstance, 1, conflict.clone());
        if id == "second-delete" {
            // The first one is let through.
            fault.effect = Effect::Delay { milliseconds: 0 };
            azure.engine().lock().add_fault(fault.clone());
            fault.effect = conflict;
        }
        azure.engine().lock().add_fault(fault);
        let run = azure.check(&["--only", id, "--yes"]).await;
        assert_eq!(run.different(), [id].into(), "{}", run.output);
        assert_eq!((run.report().exit_code(), azure.left().0), (1, vec![]), "{}", run.output);
    }
}

#[tokio::test]
async fn passing_trouble_is_no_difference() {
    let azure = Azure::start().await;
    for (kind, status, code, times) in [
        (Kind::GetInstance, 503, "ServiceUnavailable", 3),
        (Kind::Poll, 502, "BadGateway", 3),
        (Kind::StopProtection, 429, "TooManyRequests", 2),
        // What came before is not quite over.
        (Kind::SuspendBackups, 409, "AnotherOperationInProgress", 2),
    ] {
        azure.engine().lock().add_fault(fault(kind, times, respond(status, code)));
    }
    let run = all(&azure).await;
    assert_eq!((run.different(), run.prevented()), (BTreeSet::new(), BTreeSet::new()), "{}", run.output);
    assert_eq!(run.report().exit_code(), 0);
}
