//! What Azure Resource Manager checks itself, and what stands between it and the client: tokens and faults.

use azure_emulator::{Delivery, Effect, EngineConfig, Fault, Kind, ProtectionState, Request};
use http::Method;
use serde_json::{Value, json};

use crate::common::Run;
use crate::fixture::{VERSION, flexible, put, url, vault_id, world};

#[test]
fn the_front_door_refuses_in_its_order() {
    let vault = vault_id();
    let elsewhere = "/subscriptions/99999999-9999-4999-8999-999999999999/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v";
    let table = [
        (format!("{vault}?api-version={VERSION}"), 200, Value::Null),
        (vault.clone(), 400, json!("MissingApiVersionParameter")),
        (format!("{vault}?api-version=2023-08-01"), 400, json!("InvalidApiVersionParameter")),
        (format!("{elsewhere}?api-version={VERSION}"), 404, json!("SubscriptionNotFound")),
        (format!("{}?api-version={VERSION}", vault.replace("/backup/", "/gone/")), 404, json!("ResourceGroupNotFound")),
        (format!("{vault}x?api-version={VERSION}"), 404, json!("ResourceNotFound")),
        (format!("{vault}/nonsense?api-version={VERSION}"), 404, json!("InvalidResourceType")),
        (format!("{vault}/backupInstances/no?api-version={VERSION}"), 404, json!("UserErrorGenericResourceNotFound")),
        (format!("{vault}/deletedBackupInstances?api-version=2022-05-01"), 404, json!("InvalidResourceType")),
    ];
    for (target, status, code) in table {
        let mut run = Run::new(world());
        let response = run.get(&target);
        assert_eq!(response.status, status, "{target}");
        assert_eq!(response.body_json()["error"]["code"], code, "{target}");
        let from_service = response.header("x-ms-error-code").is_some();
        assert_eq!(from_service, code == "UserErrorGenericResourceNotFound", "{target}");
    }
    let mut run = Run::new(world());
    let now = run.now;
    let without_token = run.engine.handle(now, &Request::new(Method::GET, &vault));
    assert_eq!(without_token.status, 401, "before anything else");
    assert!(without_token.header("www-authenticate").unwrap().starts_with("Bearer authorization_uri="));
}

#[test]
fn tokens_are_checked() {
    let mut run =
        Run::with(world(), |config: &mut EngineConfig| config.token_lifetime = std::time::Duration::from_secs(60));
    let ask = |run: &mut Run, token: &str| {
        let request = Request::new(Method::GET, &url("", VERSION)).with_bearer(token);
        let response = run.engine.handle(run.now, &request);
        (response.status.as_u16(), response.body_json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let now = run.now;
    let good = run.engine.issue_token(now, "https://management.core.windows.net/");
    let foreign = run.engine.issue_token(now, "https://vault.azure.net");
    assert_eq!(ask(&mut run, &good).0, 200);
    assert_eq!(ask(&mut run, &foreign), (401, "InvalidAuthenticationTokenAudience".to_owned()));
    assert_eq!(ask(&mut run, "nonsense"), (401, "AuthenticationFailed".to_owned()));
    run.wait_seconds(60);
    assert_eq!(ask(&mut run, &good), (401, "ExpiredAuthenticationToken".to_owned()));
    let now = run.now;
    let next = run.engine.issue_token(now, "https://management.azure.com");
    assert_eq!(ask(&mut run, &next).0, 200);
    run.engine.revoke_tokens();
    assert_eq!(ask(&mut run, &next), (401, "AuthenticationFailed".to_owned()));
}

#[test]
fn faults_hit_what_they_are_set_for_and_wear_out() {
    let mut run = Run::new(world());
    run.engine.add_fault(Fault {
        method: Some("GET".to_owned()),
        path_contains: None,
        kind: Some(Kind::GetVault),
        times: 2,
        effect: Effect::Respond {
            status: 429,
            headers: [("Retry-After".to_owned(), "7".to_owned())].into(),
            body: Some(json!({ "error": { "code": "TooManyRequests" } })),
        },
    });
    for expected in [429, 429, 200] {
        let response = run.get(&url("", VERSION));
        assert_eq!(response.status, expected);
        assert_eq!(response.header("retry-after").is_some(), expected == 429);
    }
    let html = "<html>Service Unavailable</html>".to_owned();
    run.engine.add_fault(Fault {
        method: None,
        path_contains: None,
        kind: None,
        times: 1,
        effect: Effect::RespondText {
            status: 503,
            headers: [("Content-Type".to_owned(), "text/html".to_owned())].into(),
            text: html.clone(),
        },
    });
    let response = run.get(&url("", VERSION));
    assert_eq!((response.status.as_u16(), response.header("content-type")), (503, Some("text/html")));
    assert_eq!(response.body, html);
    // The effect happens, the answer does not arrive.
    run.engine.add_fault(Fault {
        method: None,
        path_contains: Some("BACKUPINSTANCES/ONE".to_owned()),
        kind: None,
        times: 1,
        effect: Effect::DropResponse,
    });
    assert_eq!(put(&mut run, &flexible()).delivery, Delivery::Never);
    assert_eq!(run.engine.instances().next().unwrap().state, ProtectionState::ConfiguringProtection);
    let last = run.engine.journal().last().unwrap();
    assert!(!last.answered && last.fault == Some(3), "{last:?}");
}

#[test]
fn requests_are_tied_together_by_the_ids_that_the_caller_gives() {
    const CORRELATION: &str = "0c99ff0f-6c26-4ec7-899f-205435e89894";
    const CLIENT_REQUEST: &str = "9d5885b2-32b4-4a16-b5ea-32a40f5e1df0";
    let mut run = Run::new(world());
    let ids = [("x-ms-correlation-request-id", CORRELATION), ("x-ms-client-request-id", CLIENT_REQUEST)];
    let silent = run.send_with(Method::GET, &url("", VERSION), None, &ids);
    assert_eq!(silent.header("x-ms-correlation-request-id"), Some(CORRELATION));
    assert_eq!(silent.header("x-ms-client-request-id"), None, "only returned on request");
    let wanted = [ids[1], ("x-ms-return-client-request-id", "true")];
    let returned = run.send_with(Method::GET, &url("", VERSION), None, &wanted);
    assert_eq!(returned.header("x-ms-client-request-id"), Some(CLIENT_REQUEST));
    assert_ne!(returned.header("x-ms-correlation-request-id"), Some(CORRELATION));
}
