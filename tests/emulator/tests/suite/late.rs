//! What comes late or is held back: effects of lost requests, failing operations, permissions, pages, limits.

use std::num::NonZeroUsize;

use azure_emulator::{Delivery, Effect, Fault, Kind, ProtectionState, Settings, Throttling, UserFacingError};
use http::Method;
use serde_json::json;

use crate::common::{FLEXIBLE_SERVER, Run, grant, id};
use crate::fixture::{
    VERSION, act, changed_policy, code, delete, flexible, group, protected, put, server, set_state, state, url,
    validate, vault_id, world,
};

fn fault(kind: Kind, effect: Effect) -> Fault {
    Fault { method: None, path_contains: None, kind: Some(kind), times: 1, effect }
}

#[test]
fn a_lost_request_takes_effect_later() {
    let mut run = Run::new(world());
    run.engine.add_fault(fault(Kind::PutInstance, Effect::LandLate { seconds: 300, status: None }));
    assert_eq!(put(&mut run, &flexible()).delivery, Delivery::Never);
    run.wait_seconds(299);
    assert_eq!(run.get(&url("/backupInstances/one", VERSION)).status, 404);
    run.wait_seconds(1);
    assert_eq!(state(&mut run), "ConfiguringProtection");
    run.wait_seconds(70);
    assert_eq!(state(&mut run), "ProtectionConfigured");

    run.engine.add_fault(fault(Kind::DeleteInstance, Effect::LandLate { seconds: 60, status: Some(504) }));
    let answer = delete(&mut run);
    assert_eq!((answer.status.as_u16(), answer.delivery), (504, Delivery::Now));
    run.wait_seconds(59);
    assert_eq!(state(&mut run), "ProtectionConfigured");
    run.wait_seconds(1 + 105);
    for kind in [Kind::PutInstance, Kind::DeleteInstance] {
        let journalled = run.engine.journal().iter().filter(|entry| entry.kind == kind).count();
        assert_eq!(journalled, 1, "{kind:?}: when it came, not when it took effect");
    }
    assert_eq!(run.get(&url("/backupInstances/one", VERSION)).status, 404);
    assert_eq!(run.engine.tombstones().count(), 1);
}

#[test]
fn an_operation_that_fails_leaves_all_as_it_was() {
    let error = || UserFacingError {
        code: "CloudInternalError".into(),
        message: "Microsoft Azure Backup encountered an internal error.".to_owned(),
        recommended_action: vec!["Retry the operation.".to_owned()],
        detail: None,
    };
    let stopped = |run: &mut Run| set_state(run, ProtectionState::ProtectionStopped);
    type Prepare = fn(&mut Run);
    type Act = fn(&mut Run) -> azure_emulator::Response;
    let table: [(Kind, Prepare, Act, &str); 6] = [
        (Kind::PutInstance, |_| {}, |run| put(run, &changed_policy()), "ProtectionConfigured"),
        (Kind::DeleteInstance, |_| {}, delete, "ProtectionConfigured"),
        (Kind::StopProtection, |_| {}, |run| act(run, "stopProtection", None), "ProtectionConfigured"),
        (Kind::ResumeProtection, stopped, |run| act(run, "resumeProtection", None), "ProtectionStopped"),
        (Kind::DeleteInstance, stopped, delete, "ProtectionStopped"),
        (Kind::SyncInstance, |_| {}, |run| act(run, "sync", None), "ProtectionConfigured"),
    ];
    for (kind, prepare, act, after) in table {
        let mut run = protected();
        prepare(&mut run);
        run.engine.add_fault(fault(kind, Effect::FailOperation { error: error(), after_seconds: Some(600) }));
        let accepted = act(&mut run);
        let status = accepted.header("azure-asyncoperation").unwrap().to_owned();
        run.wait_seconds(599);
        assert_eq!(run.get(&status).body_json()["status"], "Inprogress", "{kind:?}");
        run.wait_seconds(1);
        let failed = run.get(&status);
        assert_eq!((&failed.body_json()["status"], code(&failed).as_str()), (&json!("Failed"), "CloudInternalError"));
        assert_eq!(state(&mut run), after, "{kind:?}");
        let policy = run.engine.instances().next().unwrap().spec.policy.policy_id.name().to_owned();
        assert_eq!(policy, "weekly", "{kind:?}");
    }

    // A first PUT leaves an instance that could not be configured.
    let mut run = Run::new(world());
    run.engine.add_fault(fault(Kind::PutInstance, Effect::FailOperation { error: error(), after_seconds: None }));
    put(&mut run, &flexible());
    run.wait_seconds(100);
    let shown = run.get(&url("/backupInstances/one", VERSION)).body_json();
    assert_eq!(shown["properties"]["currentProtectionState"], "ConfiguringProtectionFailed");
    assert_eq!(shown["properties"]["provisioningState"], "Failed");
    assert_eq!(shown["properties"]["protectionErrorDetails"]["code"], "CloudInternalError");
    // A failed DELETE of what was being configured lets that go on.
    let mut run = Run::new(world());
    put(&mut run, &flexible());
    run.engine.add_fault(fault(Kind::DeleteInstance, Effect::FailOperation { error: error(), after_seconds: None }));
    delete(&mut run);
    run.wait_seconds(105);
    assert_eq!(state(&mut run), "ConfiguringProtection");
    run.wait_seconds(70);
    assert_eq!(state(&mut run), "ProtectionConfigured");
}

#[test]
fn a_permission_counts_after_its_delay() {
    let mut seeded = world();
    seeded.grants.retain(|known| known.scope != id(&server()));
    seeded.settings.permission_delay_seconds = 300;
    let mut run = Run::new(seeded);
    let missing = "UserErrorMissingRequiredPermissions";
    assert_eq!(validate(&mut run, &flexible(), VERSION).0, missing);
    let now = run.now;
    run.engine.advance(now);
    run.engine.world_mut().grant(grant(&server()));
    assert_eq!(validate(&mut run, &flexible(), VERSION).0, missing, "granted, but not known everywhere");
    run.wait_seconds(200);
    assert_eq!(validate(&mut run, &flexible(), VERSION).0, missing);
    run.wait_seconds(20);
    assert_eq!(validate(&mut run, &flexible(), VERSION).0, "");
}

#[test]
fn a_list_comes_in_pages() {
    let mut run = Run::new(world());
    for number in 0..5 {
        let instance = id(&format!("{}/backupInstances/i{number}", vault_id()));
        let datasource = id(&format!("{}/providers/{FLEXIBLE_SERVER}/s{number}", group("data")));
        run.engine.create_in_portal(&instance, &datasource, "weekly").unwrap();
    }
    let whole = run.get(&url("/backupInstances", VERSION)).body_json();
    assert_eq!((whole["value"].as_array().unwrap().len(), whole.get("nextLink")), (5, None));
    run.engine.world_mut().settings.page_size = NonZeroUsize::new(2);
    let mut names = Vec::new();
    let mut next = Some(url("/backupInstances", VERSION));
    while let Some(link) = next {
        let page = run.get(&link).body_json();
        let value = page["value"].as_array().unwrap();
        assert!(value.len() <= 2);
        names.extend(value.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        // One that goes between two pages hides no other.
        run.engine.delete_in_portal(
            &id(&format!("{}/backupInstances/{}", vault_id(), names[0])),
            azure_emulator::Removal::Soft,
        );
        next = page["nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(names, ["i0", "i1", "i2", "i3", "i4"]);
    let bad = format!("{}&$skipToken=nonsense", url("/backupInstances", VERSION));
    assert_eq!(run.get(&bad).status, 400);
    assert_eq!(run.get(&url("/deletedBackupInstances", VERSION)).body_json()["value"].as_array().unwrap().len(), 1);
}

#[test]
fn token_buckets_refuse_and_refill() {
    let mut run = Run::new(world());
    let vault = url("", VERSION);
    let remaining = |response: &azure_emulator::Response, class: &str| {
        let name = format!("x-ms-ratelimit-remaining-subscription-{class}");
        response.header(&name).map(|value| value.parse::<u64>().unwrap())
    };
    for _ in 0..300 {
        assert_eq!(run.get(&vault).status, 200, "off by default");
    }
    run.engine.world_mut().settings = Settings { throttling: Throttling::TokenBuckets, ..Settings::default() };
    for left in (0..250).rev() {
        let response = run.get(&vault);
        assert_eq!((response.status.as_u16(), remaining(&response, "reads")), (200, Some(left)));
    }
    let refused = run.get(&vault);
    assert_eq!((refused.status.as_u16(), code(&refused).as_str()), (429, "SubscriptionRequestsThrottled"));
    assert_eq!((refused.header("retry-after"), remaining(&refused, "reads")), (Some("1"), Some(0)));
    // Writes and deletes have buckets of their own, and so has another principal.
    assert_eq!(put(&mut run, &flexible()).status, 201);
    assert_eq!(remaining(&delete(&mut run), "deletes"), Some(199));
    run.wait_seconds(1);
    for _ in 0..25 {
        assert_eq!(run.get(&vault).status, 200);
    }
    assert_eq!(run.get(&vault).status, 429);
    run.wait_seconds(3600);
    assert_eq!(remaining(&run.get(&vault), "reads"), Some(249), "no more than it holds");
    // Unsuccessful sign-ins cost nothing.
    let now = run.now;
    let request = azure_emulator::Request::new(Method::GET, &vault).with_bearer("nonsense");
    assert_eq!(run.engine.handle(now, &request).status, 401);
    assert_eq!(remaining(&run.get(&vault), "reads"), Some(248));
}
