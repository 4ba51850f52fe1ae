//! Every way in which Azure says no: the documented reason, Azure's words and cure in status, and the next try when it should
//! be.

use std::time::Duration;

use azure_emulator::{Effect, Fault as EmulatorFault, Kind, UserFacingError};
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{PostgresBackup, Reason};
use serde_json::json;

use crate::samples;
use crate::wire::Call::{self, Put, Validate};
use crate::wire::{Fault, Reply};
use crate::world::{World, has_reason, is, message, status};

const MINUTE: Duration = Duration::from_secs(60);

/// When the next try comes, in seconds, as long as the deadline has not passed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pace {
    /// From a second or two on, at last every minute.
    Soon,
    /// About every half minute.
    HalfMinute,
    /// From a quarter of a minute or half of it on, at last every minute.
    Minute,
    /// At the drift interval, and a person is asked.
    Drift,
}

use Pace::{Drift, HalfMinute, Minute, Soon};

/// The codes of the Data Protection service, as answer to a validation (400) and as the error of its operation alike.
const CODES: [(&str, Reason, Pace); 32] = [
    ("UserErrorDppDatasourceAlreadyProtected", Reason::AlreadyProtected, Drift),
    ("UserErrorDppDatasourceAlreadyHasBackupInstance", Reason::AlreadyProtected, Drift),
    ("UserErrorMissingRequiredPermissions", Reason::MissingPermissions, Minute),
    ("UserErrorMSIMissingPermissions", Reason::MissingPermissions, Minute),
    ("UserErrorMissingMSIPermissionsOnSnapshotResourceGroup", Reason::MissingPermissions, Minute),
    ("usererrormissingrequiredpermissions", Reason::MissingPermissions, Minute),
    ("UserErrorMissingPermissionsOnSecretStore", Reason::MissingPermissions, Minute),
    ("UserErrorContainerNotAccessible", Reason::MissingPermissions, Minute),
    ("PrincipalNotFound", Reason::MissingPermissions, Minute),
    ("LinkedAuthorizationFailed", Reason::MissingPermissions, Minute),
    ("UserErrorMissingNetworkSecurityPermissions", Reason::PrerequisiteMissing, Minute),
    ("UserErrorBackupUserAuthFailed", Reason::PrerequisiteMissing, Minute),
    ("UserErrorDBUserAuthFailed", Reason::PrerequisiteMissing, Minute),
    ("UserErrorInvalidSecret", Reason::PrerequisiteMissing, Minute),
    ("UserErrorInvalidSecretStore", Reason::PrerequisiteMissing, Minute),
    ("UserErrorMissingDBPermissions", Reason::PrerequisiteMissing, Minute),
    ("UserErrorDBNotFound", Reason::PrerequisiteMissing, Minute),
    ("UserErrorInvalidRequestParameter", Reason::PrerequisiteMissing, Minute),
    ("UserErrorKeyVaultKeyWasNotFound", Reason::PrerequisiteMissing, Minute),
    ("UserErrorMissingSubscriptionRegistration", Reason::PrerequisiteMissing, Minute),
    ("UserErrorRequestDisallowedByAzurePolicy", Reason::PrerequisiteMissing, Minute),
    ("UserErrorSecretValueInUnsupportedFormat", Reason::RequestRefused, Drift),
    ("UserErrorDatabaseNameAlreadyInUse", Reason::RequestRefused, Drift),
    ("DppPluginInvalidInputParameters", Reason::RequestRefused, Drift),
    ("UserErrorInvalidResourceUriInRequest", Reason::RequestRefused, Drift),
    ("UserErrorBackupRequestThrottled", Reason::RequestRefused, Drift),
    ("BMSUserErrorDPPAdhocBackupNotAllowedForBackupType", Reason::RequestRefused, Drift),
    ("UserErrorRestorePointNotFoundInBackupVault", Reason::RequestRefused, Drift),
    ("UserErrorServerConnectionClosed", Reason::AzureUnavailable, Soon),
    ("CloudInternalError", Reason::AzureUnavailable, Soon),
    ("UserErrorMaxConcurrentOperationLimitReached", Reason::AzureBusy, HalfMinute),
    ("UserErrorResourceGuardOperationRequestMissing", Reason::AwaitingApproval, Minute),
];

/// What Resource Manager itself answers.
const STATUSES: [(u16, &str, Reason, Pace); 17] = [
    (400, "InvalidRequestContent", Reason::RequestRefused, Drift),
    (400, "UserErrorNeverSeenBefore", Reason::RequestRefused, Drift),
    (400, "", Reason::RequestRefused, Drift),
    (403, "AuthorizationFailed", Reason::NotAuthorized, Minute),
    (403, "LinkedAuthorizationFailed", Reason::NotAuthorized, Minute),
    (403, "", Reason::NotAuthorized, Minute),
    (404, "ResourceNotFound", Reason::VaultNotFound, Minute),
    (404, "ResourceGroupNotFound", Reason::VaultNotFound, Minute),
    (404, "SubscriptionNotFound", Reason::PrerequisiteMissing, Minute),
    (404, "", Reason::PrerequisiteMissing, Minute),
    (409, "AnotherOperationInProgress", Reason::AzureBusy, HalfMinute),
    (409, "MissingSubscriptionRegistration", Reason::PrerequisiteMissing, Minute),
    (409, "ScopeLocked", Reason::PrerequisiteMissing, Minute),
    (412, "", Reason::AzureBusy, HalfMinute),
    (500, "CloudInternalError", Reason::AzureUnavailable, Soon),
    (502, "", Reason::AzureUnavailable, Soon),
    (503, "ServerBusy", Reason::AzureUnavailable, Soon),
];

const MESSAGE: &str = "It does not work, says Azure.";
const CURE: &str = "Make it work, says Azure.";
const DETAIL: &str = "The innermost cause, says Azure.";

/// An error as the Data Protection service words it.
fn service_error(status: u16, code: &str) -> Reply {
    let info = json!({
        "message": MESSAGE, "recommendedAction": [CURE], "details": null, "code": code, "target": "",
        "innerError": { "code": code, "additionalInfo": { "DetailedNonLocalisedMessage": DETAIL } },
        "isRetryable": false, "isUserError": false,
        "properties": { "ActivityId": "6f4a9a3e-0000-4000-8000-6d1c2f6f2d11" },
    });
    let body = json!({ "error": {
        "additionalInfo": [{ "type": "UserFacingError", "info": info }],
        "code": code, "message": MESSAGE, "target": null, "details": null,
    }});
    Reply { status, ..Reply::ok(body) }
}

/// Lets every validation's operation fail.
fn fail_validations(world: &World, code: &str) {
    let error = UserFacingError {
        code: code.to_owned().into(),
        message: MESSAGE.to_owned(),
        recommended_action: vec![CURE.to_owned()],
        detail: Some(DETAIL.to_owned()),
    };
    let effect = Effect::FailOperation { error, after_seconds: Some(1) };
    let kind = Some(Kind::ValidateForBackup);
    world.azure.in_portal(|azure| {
        azure.add_fault(EmulatorFault { method: None, path_contains: None, kind, times: u32::MAX, effect });
    });
}

/// Waits until the object shows trouble, and says whether that asks a person for something at once.
async fn troubled(world: &World, reason: Reason) -> PostgresBackup {
    let found = world.until("orders", &format!("in trouble: {reason}"), |object| has_reason(object, reason)).await;
    assert!(!is(&found, ConditionType::Ready));
    found
}

/// The times between one try and the next, in seconds. The operator's own finalizer is a change of the object, and so a
/// reason for a second look at once.
fn gaps(world: &World, call: Call) -> Vec<f64> {
    let sent = world.wire.of(call);
    let gaps = sent.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64());
    gaps.skip_while(|gap| *gap < 0.3).collect()
}

/// Expects that tries come as often as they should; each takes `lasting` seconds itself.
fn expect_pace(world: &World, call: Call, pace: Pace, lasting: f64, what: &str) {
    let gaps = gaps(world, call);
    let (first, last) = match pace {
        Soon => (0.9..2.3, 54.0..67.0),
        HalfMinute => (27.0..33.5, 27.0..33.5),
        Minute => (13.0..33.5, 54.0..67.0),
        Drift => (540.0..661.0, 540.0..661.0),
    };
    let fits = |range: std::ops::Range<f64>, gap: f64| (range.start..range.end + lasting).contains(&gap);
    assert!(gaps.len() > 1 && fits(first, gaps[0]), "{what}: {gaps:?}\n{}", world.wire);
    let settled = gaps.get(8).or(gaps.last());
    assert!(settled.is_some_and(|gap| fits(last, *gap)), "{what}: {gaps:?}");
}

fn expect_azures_words(object: &PostgresBackup, code: &str, what: &str) {
    let issues = status(object).issues;
    assert_eq!(issues.len(), 1, "{what}: {issues:#?}");
    let issue = &issues[0];
    assert_eq!((issue.code.as_str(), issue.message.as_str()), (code, MESSAGE), "{what}");
    assert_eq!(issue.recommended_actions, [CURE], "{what}");
    assert_eq!(issue.detail.as_deref(), Some(DETAIL), "{what}");
    for part in [code, MESSAGE, CURE] {
        assert!(message(object).contains(part), "{what}: {}", message(object));
    }
}

/// Expects that the object is stalled at once where a person is needed, and that it says the same until all is well.
async fn expect_told_once_and_healed(world: &World, reason: Reason, heal: impl FnOnce(&World), what: &str) {
    let stalls = matches!(reason, Reason::AlreadyProtected | Reason::RequestRefused | Reason::AwaitingApproval);
    let writes = world.kubernetes.history("orders").len();
    let object = world.kubernetes.get("orders").unwrap();
    assert_eq!(is(&object, ConditionType::Stalled), stalls, "{what}: {object:#?}");
    world.pass(25 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{what}: it flips\n{}", world.wire);
    // Past the deadline a person has to look.
    world.pass(20 * MINUTE).await;
    let object = world.kubernetes.get("orders").unwrap();
    assert!(is(&object, ConditionType::Stalled) && has_reason(&object, reason), "{what}: {object:#?}");
    heal(world);
    world.ready("orders").await;
    assert_eq!(world.azure.instances().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_code_of_a_refused_validation_has_its_reason_and_its_pace() {
    for (code, reason, pace) in CODES {
        let world = World::start();
        world.wire.disturb_all(Validate, service_error(400, code));
        world.kubernetes.create(&samples::flexible("orders"));
        let object = troubled(&world, reason).await;
        expect_azures_words(&object, code, code);
        expect_told_once_and_healed(&world, reason, |world| world.wire.calm(), code).await;
        let lasting = if pace == Drift { 0.5 } else { 0.2 };
        expect_pace(&world, Validate, pace, lasting, code);
    }
}

#[tokio::test(start_paused = true)]
async fn every_code_of_a_failed_validation_has_its_reason_and_its_pace() {
    for (code, reason, pace) in CODES {
        let world = World::start();
        fail_validations(&world, code);
        world.kubernetes.create(&samples::flexible("orders"));
        let object = troubled(&world, reason).await;
        expect_azures_words(&object, code, code);
        let heal = |world: &World| world.azure.in_portal(|azure| azure.clear_faults());
        expect_told_once_and_healed(&world, reason, heal, code).await;
        // The operation is first looked at after ten seconds.
        expect_pace(&world, Validate, pace, 11.0, code);
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_of_resource_manager_has_its_reason_and_its_pace() {
    for (status, code, reason, pace) in STATUSES {
        let what = format!("{status} {code}");
        let world = World::start();
        world.wire.disturb_all(Validate, Reply::error(status, code));
        world.kubernetes.create(&samples::flexible("orders"));
        let object = troubled(&world, reason).await;
        let issue = &crate::world::status(&object).issues[0];
        assert!(issue.message.ends_with("says the test."), "{what}: {issue:?}");
        assert!(code.is_empty() || issue.code == code, "{what}: {issue:?}");
        expect_told_once_and_healed(&world, reason, |world| world.wire.calm(), &what).await;
        expect_pace(&world, Validate, pace, 0.5, &what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_takes_minutes_to_spread_is_seen_within_a_minute_of_that() {
    let world = World::start();
    world.azure.change(|azure| azure.settings.permission_delay_seconds = 600);
    world.azure.revoke(crate::azure::SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    world.reconciling("orders", Reason::MissingPermissions).await;
    world.azure.grant(crate::azure::SERVERS);
    let counts_from = world.elapsed() + 10 * MINUTE;
    world.sent(|sent| sent.call == Put, 1).await;
    // A look comes within a minute; the validation takes 20 to 41 seconds and is looked at every ten.
    assert!(world.elapsed() - counts_from < 2 * MINUTE, "{:?}", world.elapsed() - counts_from);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_looked_at_when_the_object_changes() {
    let world = World::start();
    world.wire.disturb_all(Validate, service_error(400, "DppPluginInvalidInputParameters"));
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::RequestRefused).await;
    world.wire.calm();
    let edited = world.elapsed();
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.sent(|sent| sent.call == Validate, 2).await;
    assert!(world.elapsed() - edited < Duration::from_secs(5));
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_subscription_pauses_for_all_its_objects() {
    for seconds in [1, 45, 3600] {
        let world = World::protected().await;
        let others = ["billing", "fleet-00", "fleet-01"];
        world.wire.disturb(Validate, 1, Reply::error(429, "TooManyRequests").retry_after(seconds));
        world.kubernetes.create(&samples::flexible("billing"));
        world.sent(|sent| matches!(&sent.fault, Some(Fault::Answer(reply)) if reply.status == 429), 1).await;
        world.pass(Duration::from_millis(100)).await;
        let (from, position) = (world.elapsed(), world.wire.position());
        others[1..].iter().for_each(|name| world.kubernetes.create(&samples::flexible(name)));
        world.sent(|sent| sent.call.is_azure() && sent.at > from, 1).await;
        let pause = (world.elapsed() - from).as_secs_f64();
        let seconds = seconds as f64;
        assert!((seconds - 0.2..seconds + 1.0).contains(&pause), "{seconds} {pause}\n{}", world.wire);
        let ready = world.kubernetes.get("orders").is_some_and(|object| is(&object, ConditionType::Ready));
        assert!(ready, "what was read before stays true");
        for name in others {
            world.ready(name).await;
        }
        let throttled =
            |sent: &crate::wire::Sent| matches!(&sent.fault, Some(Fault::Answer(reply)) if reply.status == 429);
        assert_eq!(world.wire.since(position).iter().filter(|sent| throttled(sent)).count(), 0);
    }
}
