//! Stop, suspend, resume and undelete that are lost, refused or not carried out.

use std::time::Duration;

use azure_emulator::Kind;
use http::Method;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{PostgresBackup, Protection, Reason};
use serde_json::Value;

use super::{MINUTE, expect_at, wish, with_wish};
use crate::samples;
use crate::wire::Call::{Resume, Stop, Suspend, Undelete};
use crate::wire::{Call, Fault, Reply, Sent};
use crate::world::{Setup, World, is, reason, status};

/// How long a request whose outcome is unknown may still take effect.
const UNCERTAINTY: Duration = Duration::from_secs(5 * 60);

/// Brings about a request of this kind, and says what is wanted then.
async fn asking(call: Call, fault: Fault) -> (World, Protection) {
    let start = |protection| with_wish(samples::flexible("orders"), protection);
    let (world, wanted) = match call {
        Stop | Suspend => {
            let wanted = if call == Stop { Protection::Stopped } else { Protection::Suspended };
            (World::protected().await, wanted)
        }
        Undelete => (World::soft_deleted(&start(Protection::Active)).await, Protection::Stopped),
        _ => (World::settled(&start(Protection::Stopped), Setup::default()).await, Protection::Active),
    };
    world.wire.disturb(call, 1, fault);
    if call == Undelete {
        world.kubernetes.create(&start(wanted));
    } else {
        wish(&world, wanted);
    }
    (world, wanted)
}

const ACTIONS: [Call; 4] = [Stop, Suspend, Resume, Undelete];

#[tokio::test(start_paused = true)]
async fn an_action_whose_answer_is_lost_is_not_sent_again() {
    let lost = [
        Fault::LoseAnswer,
        Fault::Delay(Duration::from_secs(90)),
        Fault::ArriveLate(Duration::from_secs(2)),
        Fault::ArriveLate(Duration::from_secs(100)),
        Fault::ArriveLate(Duration::from_secs(4 * 60)),
    ];
    for call in ACTIONS {
        for fault in lost.clone() {
            let (world, wanted) = asking(call, fault.clone()).await;
            expect_at(&world, wanted).await;
            assert_eq!(world.wire.of(call).len(), 1, "{call:?} {fault:?}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_lost_is_sent_again_only_once_that_is_certain() {
    for call in ACTIONS {
        for fault in [Fault::LoseRequest, Reply::error(504, "GatewayTimeout").into()] {
            let (world, wanted) = asking(call, fault.clone()).await;
            let position = world.wire.position();
            world.reconciling("orders", Reason::AwaitingOutcome).await;
            expect_at(&world, wanted).await;
            let at: Vec<_> = world.wire.of(call).iter().map(|sent: &Sent| sent.at).collect();
            assert!(at.len() == 2, "{call:?} {fault:?}\n{}", world.wire);
            let gap = at[1] - at[0];
            assert!(gap >= UNCERTAINTY && gap < UNCERTAINTY + MINUTE, "{call:?} {gap:?}\n{}", world.wire);
            assert!(world.wire.asked_since(position).iter().all(|asked| *asked == call), "{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_fails_in_azure_is_explained_and_tried_again() {
    for call in [Stop, Suspend, Resume, Undelete] {
        let (world, wanted) = asking(call, Reply::error(400, "UserErrorSomethingNew").into()).await;
        let object = world.stalled("orders", Reason::RequestRefused).await;
        assert_eq!(status(&object).issues[0].code, "UserErrorSomethingNew");
        expect_at(&world, wanted).await;
        assert_eq!(world.wire.of(call).len(), 2, "{call:?}\n{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_azure_accepts_and_does_not_carry_out_is_explained_and_tried_again() {
    let cases = [
        (Protection::Active, Protection::Stopped, Kind::StopProtection, Stop),
        (Protection::Active, Protection::Suspended, Kind::SuspendBackups, Suspend),
        (Protection::Stopped, Protection::Active, Kind::ResumeProtection, Resume),
    ];
    for (from, to, kind, call) in cases {
        for (code, expected) in [
            ("UserErrorSomethingNew", Reason::PrerequisiteMissing),
            ("UserErrorMissingRequiredPermissions", Reason::MissingPermissions),
        ] {
            let world = World::settled(&with_wish(samples::flexible("orders"), from), Setup::default()).await;
            world.azure.doom(kind, code);
            let position = world.wire.position();
            wish(&world, to);
            let told = |object: &PostgresBackup| status(object).issues.iter().any(|issue| issue.code == code);
            let object = world.until("orders", "told", told).await;
            assert_eq!(reason(&object), expected.as_str());
            assert!(!is(&object, ConditionType::Ready));
            expect_at(&world, to).await;
            assert_eq!(world.wire.asked_since(position), [call, call], "{code}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_deleted_while_backups_rest_is_brought_back_to_rest() {
    for wanted in [Protection::Suspended, Protection::Stopped] {
        let world = World::settled(&with_wish(samples::flexible("orders"), wanted), Setup::default()).await;
        let position = world.wire.position();
        world.azure.send(Method::DELETE, &world.azure.instance().id.to_string(), &Value::Null);
        world.reconciling("orders", Reason::Undeleting).await;
        expect_at(&world, wanted).await;
        let expected = if wanted == Protection::Stopped { vec![Undelete] } else { vec![Undelete, Resume, Suspend] };
        assert_eq!(world.wire.asked_since(position), expected, "{}", world.wire);
    }
}
