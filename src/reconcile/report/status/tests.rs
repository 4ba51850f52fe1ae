#![allow(clippy::unwrap_used)]

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::api::conditions::check_contract;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{ProtectionState, ServiceError};
use crate::reconcile::act::Outcome;
use crate::reconcile::observe::neighbours::Claim;
use crate::reconcile::observe::observed::{Found, Observed};
use crate::reconcile::plan::step::{Blocker, Certainty, Mutation, Plan, Rest, Step, Waiting};
use crate::reconcile::report::assess;
use crate::reconcile::report::assessment::{Conclusion, Subject};
use crate::reconcile::testing::{desired, instance, now, object, target, wanted};

fn refusal(code: &str, activity: &str) -> Plan {
    let error = ServiceError {
        code: code.to_owned(),
        message: "No.".to_owned(),
        activity_id: Some(activity.to_owned()),
        ..ServiceError::default()
    };
    Step::Blocked(Blocker::Refused(OperationKind::Validate, error)).into()
}

/// The status after a pass with this plan, `seconds` after now.
fn after(
    previous: &PostgresBackupStatus,
    plan: &Plan,
    seen: Seen<'_>,
    standing: Standing,
    seconds: i64,
) -> PostgresBackupStatus {
    let target = target(&object(json!({})));
    let poll_after = std::time::Duration::from_secs(15);
    let (lifecycle, state, protection_error, protector) = (Lifecycle::Live, None, None, None);
    let subject = Subject {
        target: &target,
        lifecycle,
        previous,
        generation: 1,
        poll_after,
        state,
        protection_error,
        protector,
        secret: None,
    };
    let conclusion = assess::conclude(subject, plan, &Outcome::Quiet);
    let Conclusion::Changed(assessment) = conclusion else { return previous.clone() };
    let facts = Facts {
        lifecycle,
        generation: 1,
        target: Some(&target),
        seen,
        drift: plan.drift.clone(),
        compatibility: Vec::new(),
        standing,
        now: now() + SignedDuration::from_secs(seconds),
    };
    let status = fold(previous, &assessment, &facts);
    check_contract(&status, 1).unwrap();
    status
}

fn ready(status: &PostgresBackupStatus) -> (&str, &str) {
    let ready = conditions::find(&status.conditions, ConditionType::Ready).unwrap();
    (&ready.status, &ready.reason)
}

#[test]
fn a_repeated_refusal_is_no_write_although_azure_numbers_it_anew() {
    let within = Standing::WithinDeadline;
    let first =
        after(&PostgresBackupStatus::default(), &refusal("UserErrorInvalidSecret", "a1"), Seen::Absent, within, 0);
    let second = after(&first, &refusal("UserErrorInvalidSecret", "a2"), Seen::Absent, within, 60);
    assert_eq!(second, first);
    let third = after(&second, &refusal("UserErrorDBNotFound", "a3"), Seen::Absent, within, 120);
    assert_eq!(third.issues[0].activity_id.as_deref(), Some("a3"));
}

#[test]
fn past_the_deadline_trouble_is_stalled_and_stays_so_through_retries() {
    let plan = refusal("UserErrorMissingRequiredPermissions", "a1");
    let within = after(&PostgresBackupStatus::default(), &plan, Seen::Absent, Standing::WithinDeadline, 0);
    assert!(conditions::is_true(&within.conditions, ConditionType::Reconciling));
    let past = after(&within, &plan, Seen::Absent, Standing::PastDeadline, 1800);
    assert!(conditions::is_true(&past.conditions, ConditionType::Stalled));

    let request = wanted(&desired(&object(json!({}))));
    let retry =
        Step::Send(crate::reconcile::plan::step::Request::Validate(Box::new(request.request)), request.hash).into();
    assert_eq!(after(&past, &retry, Seen::Absent, Standing::PastDeadline, 2000), past);
    assert_eq!(after(&past, &plan, Seen::Absent, Standing::PastDeadline, 2030), past);
}

#[test]
fn only_a_protected_database_is_ready_whatever_azure_shows() {
    let desired = desired(&object(json!({})));
    for state in ProtectionState::KNOWN.iter().map(ProtectionState::as_str).chain(["", "SomethingNew"]) {
        let instance = instance(&desired, state, &json!({}));
        let observed = Observed::Seen {
            found: Found::Instance { instance: Box::new(instance.clone()), claim: Claim::Ours },
            sent: None,
        };
        let plan = crate::reconcile::plan::live(
            &desired,
            &wanted(&desired),
            &PostgresBackupStatus::default(),
            &observed,
            crate::reconcile::testing::VERSION,
        );
        let status =
            after(&PostgresBackupStatus::default(), &plan, Seen::Present(&instance), Standing::WithinDeadline, 0);
        let expected = if state == "ProtectionConfigured" { "True" } else { "False" };
        assert_eq!(ready(&status).0, expected, "{state}");
        let protected = conditions::find(&status.conditions, ConditionType::Protected).unwrap();
        assert_eq!(protected.status == "True", state == "ProtectionConfigured", "{state}");
    }
}

#[test]
fn on_the_way_to_ready_only_the_turns_are_written() {
    let desired = desired(&object(json!({})));
    let hash = wanted(&desired).hash;
    let within = Standing::WithinDeadline;
    let mut status =
        after(&PostgresBackupStatus::default(), &Step::Intend(Mutation::Create, hash).into(), Seen::Absent, within, 0);
    assert_eq!(ready(&status), ("False", "Creating"));
    // `record` enters the operation; here it is enough that there is one.
    status.operation = serde_json::from_value(json!({ "kind": "Create", "startedAt": now() })).unwrap();
    let poll_after = std::time::Duration::from_secs(15);
    for step in [
        Step::Wait(Waiting::Operation { kind: OperationKind::Create, poll_after }),
        Step::Wait(Waiting::Transition(ProtectionState::ConfiguringProtection)),
        Step::Wait(Waiting::Outcome(OperationKind::Create, Certainty::Accepted)),
    ] {
        assert_eq!(after(&status, &step.clone().into(), Seen::Nothing, within, 60), status, "{step:?}");
    }
    let instance = instance(&desired, "ProtectionConfigured", &json!({}));
    let done = after(&status, &Step::Rest(Rest::Protected).into(), Seen::Present(&instance), within, 90);
    assert_eq!(ready(&done), ("True", "Protected"));
    let again = after(&done, &Step::Rest(Rest::Protected).into(), Seen::Present(&instance), within, 6000);
    assert_eq!(again, done, "a healthy object is not written to");
}
