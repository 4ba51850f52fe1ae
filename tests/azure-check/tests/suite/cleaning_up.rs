//! However a run ends, nothing is left that it does not tell.

use std::collections::BTreeMap;

use azure_check::Interrupt;
use azure_emulator::{Effect, Fault, Kind, SoftDeleteState};
use serde_json::json;

use crate::emulated::Azure;

fn fault(kind: Kind, times: u32, effect: Effect) -> Fault {
    Fault { method: None, path_contains: None, kind: Some(kind), times, effect }
}

#[tokio::test]
async fn an_interruption_is_cleaned_up_after_whenever_it_comes() {
    for at in (1..).step_by(6) {
        let azure = Azure::start().await;
        azure.set_soft_delete(SoftDeleteState::Off);
        let run = azure.check_with(&["--other-policy", "monthly", "--yes"], Interrupt::default(), Some(at)).await;
        assert_eq!(azure.left(), (vec![], vec![]), "interrupted at {at}: {}", run.output);
        match &run.result {
            Ok(report) if report.halted.is_some() => {
                assert_eq!(report.exit_code(), 2);
                assert!(run.output.contains("The run ended before its end: interrupted."), "{}", run.output);
            }
            Ok(_) => {
                assert!(at > 50, "a run waits more often than that");
                break;
            }
            // Before anything was written.
            Err(error) => assert_eq!((error.to_string().as_str(), azure.writes()), ("interrupted", 0), "at {at}"),
        }
    }
}

#[tokio::test]
async fn an_abandoned_run_tells_what_it_leaves_behind() {
    let azure = Azure::start().await;
    let interrupt = Interrupt::default();
    interrupt.abandon.cancel();
    let run = azure.check_with(&["--yes"], interrupt, Some(30)).await;
    assert_eq!((run.report().exit_code(), azure.left().0.len()), (2, 1), "{}", run.output);
    let by_hand = "az dataprotection backup-instance delete --backup-instance-name azure-check-orders-orders-";
    assert!(run.output.contains("LEFT BEHIND") && run.output.contains(by_hand), "{}", run.output);
}

#[tokio::test]
async fn an_instance_that_cannot_be_deleted_is_told() {
    let azure = Azure::start().await;
    let body = json!({ "error": { "code": "ScopeLocked", "message": "There is a lock." } });
    let refused = Effect::Respond { status: 403, headers: BTreeMap::new(), body: Some(body) };
    azure.engine().lock().add_fault(fault(Kind::DeleteInstance, 1000, refused));
    let run = azure.check(&["--only", "create", "--yes"]).await;
    assert_eq!((run.report().exit_code(), azure.left().0.len()), (2, 1), "{}", run.output);
    assert!(run.output.contains("LEFT BEHIND") && run.output.contains("There is a lock."), "{}", run.output);
}

#[tokio::test]
async fn an_instance_that_appears_late_is_cleaned_up_too() {
    let azure = Azure::start().await;
    azure.set_soft_delete(SoftDeleteState::Off);
    azure.engine().lock().add_fault(fault(Kind::PutInstance, 1, Effect::LandLate { seconds: 120, status: None }));
    let run = azure.check(&["--only", "operation-before-protection", "--yes"]).await;
    assert_eq!(run.prevented().len(), 1, "{}", run.output);
    assert_eq!((run.report().exit_code(), azure.left()), (2, (vec![], vec![])), "{}", run.output);
}

#[tokio::test]
async fn a_failure_in_between_is_told_and_cleaned_up_after() {
    let azure = Azure::start().await;
    azure.set_soft_delete(SoftDeleteState::Off);
    let body = json!({ "error": { "code": "InternalServerError", "message": "Something broke." } });
    let broken = Effect::Respond { status: 500, headers: BTreeMap::new(), body: Some(body) };
    azure.engine().lock().add_fault(fault(Kind::GetDeletedInstance, 1000, broken));
    let run = azure.check(&["--only", "missing-instance", "--only", "delete-is-final", "--yes"]).await;
    assert!(run.result.is_err() && azure.writes() == 0, "nothing is written where not everything can be looked at");
    azure.engine().lock().clear_faults();
    let body = json!({ "error": { "code": "UserErrorServerConnectionClosed", "message": "Closed." } });
    let refused = Effect::Respond { status: 400, headers: BTreeMap::new(), body: Some(body) };
    azure.engine().lock().add_fault(fault(Kind::ResumeProtection, 1000, refused));
    let run = azure.check(&["--only", "resume-on-stopped", "--yes"]).await;
    assert_eq!((run.different().len(), run.prevented().len()), (1, 0), "{}", run.output);
    assert_eq!(azure.left(), (vec![], vec![]), "{}", run.output);
}
