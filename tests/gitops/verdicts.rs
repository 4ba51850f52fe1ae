//! What kstatus, Argo CD's Lua and Flux's expressions make of the operator's documents: the same, whichever tool it is.

use std::collections::BTreeSet;

use postgres_backup_operator::api::Reason;
use serde_json::{Value, json};

use crate::judges::{Answer, Question, ask};
use crate::{argocd, flux, manifests};

const FOLDER: &str = "tests/gitops/documents";

/// How things are, in the words of each tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As asked for, and backups are taken.
    Well,
    /// As asked for, and that is not that backups are taken.
    WellWithoutBackups,
    /// Nobody has to do anything yet.
    Underway,
    /// A person must change something.
    Failed,
    /// Held off by the annotation, after it was as asked for.
    PausedWhileWell,
    /// Held off by the annotation, before it was as asked for.
    PausedUnderway,
    /// Deleted.
    Leaving,
}

use Verdict::{Failed, Leaving, PausedUnderway, PausedWhileWell, Underway, Well, WellWithoutBackups};

impl Verdict {
    /// Of kstatus, and so of Flux and Helm.
    fn kstatus(self) -> &'static str {
        match self {
            Well | WellWithoutBackups | PausedWhileWell => "Current",
            Underway | PausedUnderway => "InProgress",
            Failed => "Failed",
            Leaving => "Terminating",
        }
    }

    /// Of Argo CD with our script.
    fn argo(self) -> &'static str {
        match self {
            Well | WellWithoutBackups => "Healthy",
            Underway | Leaving => "Progressing",
            Failed => "Degraded",
            PausedWhileWell | PausedUnderway => "Suspended",
        }
    }

    /// Of Flux with the expressions of `deploy/flux/backups-taken.yaml`, which wait for backups and do not know deletion.
    fn flux(self, object: &Value) -> &'static str {
        match self {
            Well | PausedWhileWell => "Current",
            WellWithoutBackups | Underway | PausedUnderway => "InProgress",
            Failed => "Failed",
            Leaving if is_stalled(object) => "Failed",
            Leaving => "InProgress",
        }
    }
}

#[rustfmt::skip]
const VERDICTS: &[(Verdict, &[&str])] = &[
    (Well, &[
        "Protected", "InSync", "Accepted", "InEffect",
    ]),
    (WellWithoutBackups, &[
        "Suspended", "Stopped", "ProtectionStopped", "ValidationPassed",
    ]),
    (Underway, &[
        "situation-never-seen", "situation-edited", "situation-grant-never-seen",
        "Validating", "Creating", "Configuring", "Updating", "Resuming", "Suspending", "Stopping", "Undeleting",
        "AwaitingOutcome",
        "Throttled", "AzureUnavailable", "AzureBusy", "CredentialUnavailable", "NotAuthorized", "MissingPermissions",
        "PrerequisiteMissing", "VaultNotFound", "ProtectionError", "UnknownState", "PassFailed",
    ]),
    (Failed, &[
        "situation-past-the-deadline", "situation-grant-unusable", "MatchesNothing",
        "NotPermitted", "GrantConflict", "InvalidSpec", "KeyVaultNotInCloud", "AlreadyProtected", "RequestRefused",
        "DatasourceMismatch", "OwnedByAnother", "DuplicateOf", "DriftDetected", "ConflictingWriter", "CannotValidate",
        "NotSupported", "SoftDeleted", "NotCreated",
    ]),
    (PausedWhileWell, &["situation-paused-while-ready"]),
    (PausedUnderway, &["Paused", "Pending", "situation-paused-and-edited"]),
    (Leaving, &[
        "Deleting", "HeldByBrake", "AwaitingConfirmation", "AwaitingApproval",
        "situation-deleted", "situation-deletion-refused", "situation-paused-and-deleted",
    ]),
];

fn document(name: &str) -> Value {
    manifests::yaml(&format!("{FOLDER}/{name}.yaml"))
}

fn condition<'a>(object: &'a Value, wanted: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == wanted)
}

fn is_stalled(object: &Value) -> bool {
    condition(object, "Stalled").is_some()
}

/// Every document with its verdict.
fn judged() -> Vec<(&'static str, Verdict, Value)> {
    let rows = VERDICTS.iter().flat_map(|(verdict, names)| names.iter().map(move |name| (*name, *verdict)));
    rows.map(|(name, verdict)| (name, verdict, document(name))).collect()
}

#[test]
fn every_document_has_a_verdict() {
    let judged: Vec<_> = VERDICTS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let files = manifests::yaml_files(FOLDER);
    let names: BTreeSet<_> =
        files.iter().map(|file| file.trim_start_matches(FOLDER).trim_matches('/').trim_end_matches(".yaml")).collect();
    assert_eq!(judged.iter().copied().collect::<BTreeSet<_>>(), names);
    assert_eq!(judged.len(), names.len(), "a document has two verdicts");
    let reasons = names.iter().filter(|name| !name.starts_with("situation-"));
    assert!(reasons.clone().all(|name| Reason::ALL.iter().any(|reason| reason.as_str() == *name)), "{names:?}");
}

#[test]
fn kstatus_needs_no_configuration() {
    let judged = judged();
    let answers = ask(&judged.iter().map(|(_, _, object)| Question::kstatus(object)).collect::<Vec<_>>());
    for ((name, verdict, _), answer) in judged.iter().zip(answers) {
        assert_eq!(answer.status, verdict.kstatus(), "{name}: {answer:?}");
    }
}

#[test]
fn argo_cd_says_the_same_and_tells_the_cause() {
    let judged = judged();
    let answers =
        ask(&judged.iter().map(|(_, _, object)| Question::health(object, &argocd::health(object))).collect::<Vec<_>>());
    for ((name, verdict, object), answer) in judged.iter().zip(answers) {
        assert_eq!(answer.status, verdict.argo(), "{name}: {answer:?}");
        let telling = match verdict {
            Leaving => condition(object, "Deleting"),
            PausedWhileWell | PausedUnderway => condition(object, "Paused"),
            Underway if object["status"]["observedGeneration"] != object["metadata"]["generation"] => None,
            _ => condition(object, "Ready"),
        };
        for part in telling.iter().flat_map(|telling| [&telling["reason"], &telling["message"]]) {
            assert!(answer.message.contains(part.as_str().unwrap()), "{name}: {answer:?}");
        }
    }
}

#[test]
fn what_argo_cd_says_without_a_cause_to_tell() {
    let expected = [
        ("situation-never-seen", "The operator has not seen this generation yet"),
        ("situation-edited", "The operator has not seen this generation yet"),
        ("situation-grant-never-seen", "The operator has not seen this generation yet"),
        ("situation-deleted", "Pending deletion: finalizers pgbackup.dev/backup-instance"),
    ];
    let questions = expected.map(|(name, _)| Question::health(&document(name), &argocd::health(&document(name))));
    let said: Vec<_> = ask(&questions).into_iter().map(|answer| answer.message).collect();
    assert_eq!(said, expected.map(|(_, message)| message));
}

#[test]
fn an_object_without_any_status_is_not_taken_for_finished() {
    // The default of the CustomResourceDefinition fills status in; where an older definition does not, Argo CD still waits.
    for name in ["situation-never-seen", "situation-grant-never-seen"] {
        let mut object = document(name);
        assert_eq!(object["status"]["observedGeneration"], json!(-1), "{name}");
        object.as_object_mut().unwrap().remove("status");
        let [answer] = &ask(&[Question::health(&object, &argocd::health(&object))])[..] else { unreachable!() };
        assert_eq!(answer.status, "Progressing", "{name}: {answer:?}");
    }
}

#[test]
fn flux_can_be_told_to_wait_until_backups_are_taken() {
    let expressions = flux::expressions();
    let mut judged = judged();
    judged.retain(|(_, _, object)| object["kind"] == "PostgresBackup");
    let questions: Vec<_> = judged.iter().map(|(_, _, object)| Question::flux(object, &expressions)).collect();
    for ((name, verdict, object), answer) in judged.iter().zip(ask(&questions)) {
        let expected = Answer { status: verdict.flux(object).to_owned(), ..Answer::default() };
        assert_eq!(answer, expected, "{name}");
    }
}
