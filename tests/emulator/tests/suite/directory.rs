//! The admin API's part in who may sign in and do what, and the world of two teams.

use std::path::Path;

use azure_emulator::{Request, World};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Run, client_id, object_id};
use crate::entra::{JWT_BEARER, Key, ask, verdict};
use crate::fixture::{SUBSCRIPTION, VERSION, url, vault_id, world};

fn admin(run: &mut Run, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::new(method, &format!("/_admin/{path}")).with_json(body);
    let response = run.engine.handle(run.now, &request);
    (response.status.as_u16(), response.body_json())
}

#[test]
fn principals_and_what_they_may_do_come_and_go() {
    let person = json!({ "objectId": object_id(7), "clientId": client_id(7), "kind": "managedIdentity" });
    let role = json!({ "principalId": object_id(7), "scope": vault_id(), "role": "Backup Reader" });
    let custom = json!({ "principalId": object_id(7), "scope": SUBSCRIPTION, "role": { "actions": ["*"] } });
    let stranger = json!({ "principalId": object_id(9), "scope": vault_id(), "role": "Reader" });
    let trust = json!({ "principalId": object_id(7), "credential": { "issuer": "https://i", "subject": "s" } });
    let keys = json!({ "issuer": "https://i", "jwks": { "keys": [] } });
    let steps = [
        (Method::PUT, "principals", person.clone(), 204),
        (Method::POST, "principals", person.clone(), 404),
        (Method::PUT, "principals", json!({ "objectId": object_id(7) }), 400),
        (Method::POST, "role-assignments", role.clone(), 204),
        (Method::POST, "role-assignments", role.clone(), 204),
        (Method::POST, "role-assignments", custom.clone(), 204),
        (Method::DELETE, "role-assignments", custom.clone(), 204),
        (Method::DELETE, "role-assignments", custom, 404),
        (Method::POST, "role-assignments", stranger, 404),
        (Method::POST, "role-assignments", json!({ "principalId": object_id(7), "scope": "/", "role": "Reader" }), 400),
        (Method::POST, "federated-credentials", trust.clone(), 204),
        (Method::PUT, "token-issuers", keys, 204),
        (Method::PUT, "token-issuers", json!({ "issuer": "https://i", "jwks": "https://i/openid/v1/jwks" }), 400),
        (Method::DELETE, "federated-credentials", trust.clone(), 204),
        (Method::DELETE, "federated-credentials", trust.clone(), 404),
        (Method::POST, "federated-credentials", trust, 204),
        (Method::DELETE, "token-issuers", json!({ "issuer": "https://other" }), 404),
        (Method::DELETE, "principals", json!({ "objectId": object_id(9) }), 404),
    ];
    let mut run = Run::new(world());
    for (method, path, body, expected) in steps {
        let (status, answer) = admin(&mut run, method.clone(), path, &body);
        assert_eq!(status, expected, "{method} {path} {body}: {answer}");
    }
    let mut shown = person;
    shown["federatedCredentials"] =
        json!([{ "issuer": "https://i", "subject": "s", "audience": "api://AzureADTokenExchange" }]);
    assert_eq!(admin(&mut run, Method::GET, "principals", &Value::Null), (200, json!([shown])));
    assert_eq!(admin(&mut run, Method::GET, "role-assignments", &Value::Null), (200, json!([role])));
    let issuers = json!([{ "issuer": "https://i", "jwks": { "keys": [] } }]);
    assert_eq!(admin(&mut run, Method::GET, "token-issuers", &Value::Null), (200, issuers));

    // They count at once, and the world that is shown can be put back.
    run.sign_in(7);
    assert_eq!(run.get(&url("", VERSION)).status, 200);
    let shown = admin(&mut run, Method::GET, "world", &Value::Null).1["world"].clone();
    assert_eq!(admin(&mut run, Method::PUT, "world", &shown).0, 204);
    run.sign_in(7);
    assert_eq!(run.get(&url("", VERSION)).status, 200);
    assert_eq!(admin(&mut run, Method::DELETE, "role-assignments", &role).0, 204);
    assert_eq!(run.get(&url("", VERSION)).status, 403);
    assert_eq!(admin(&mut run, Method::DELETE, "token-issuers", &json!({ "issuer": "https://i" })).0, 204);
    assert_eq!(admin(&mut run, Method::DELETE, "principals", &json!({ "objectId": object_id(7) })).0, 204);
}

#[test]
fn two_teams_get_into_their_own_vaults_only() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/teams.json");
    let mut run = Run::new(World::load(&path).unwrap());
    let tenant = run.engine.world().tenant_id;
    // The API server publishes its keys; the harness hands them over.
    let key = Key::elliptic("api-server");
    let issuer = json!({ "issuer": "https://kubernetes.default.svc", "jwks": { "keys": [key.published()] } });
    assert_eq!(admin(&mut run, Method::PUT, "token-issuers", &issuer).0, 204);

    let mut tokens = Vec::new();
    for team in ["a", "b"] {
        let subject = format!("system:serviceaccount:team-{team}:pgbackup");
        let claims = json!({
            "iss": "https://kubernetes.default.svc", "sub": subject, "aud": ["api://AzureADTokenExchange"],
            "nbf": run.now.as_second(), "exp": run.now.as_second() + 600,
        });
        let assertion = key.sign(&key.header(), &claims);
        let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())];
        for other in ["a", "b"] {
            let client_id = format!("44444444-4444-4444-8444-44444444440{other}");
            let answer = ask(&mut run, tenant, &client_id, &proof);
            if other == team {
                tokens.push((team, answer.body_json()["access_token"].as_str().unwrap().to_owned()));
            } else {
                assert_eq!(verdict(&answer).1, 700_213, "team {team} as team {other}");
            }
        }
    }
    for (team, token) in &tokens {
        for other in ["a", "b"] {
            let vault = format!(
                "{SUBSCRIPTION}/resourceGroups/team-{other}/providers/Microsoft.DataProtection/backupVaults/team-{other}-vault"
            );
            for (method, below, own) in [
                (Method::GET, "", 200),
                (Method::GET, "/backupInstances", 200),
                (Method::PUT, "/backupInstances/x", 400),
            ] {
                let request = Request::new(method.clone(), &format!("{vault}{below}?api-version={VERSION}"));
                let status = run.engine.handle(run.now, &request.with_bearer(token)).status;
                assert_eq!(status, if other == *team { own } else { 403 }, "team {team}: {method} {vault}{below}");
            }
        }
    }

    // The journal shows each of them its own requests.
    for (team, refused) in [("a", 3), ("b", 3)] {
        let id = format!("77777777-7777-4777-8777-77777777770{team}");
        let (_, entries) = admin(&mut run, Method::GET, &format!("journal?principal={id}"), &Value::Null);
        let entries = entries.as_array().unwrap().clone();
        assert!(entries.iter().all(|entry| entry["caller"]["objectId"] == json!(id)), "{entries:?}");
        let forbidden = entries.iter().filter(|entry| entry["errorCode"] == "AuthorizationFailed").count();
        assert_eq!(forbidden, refused, "team {team}");
        assert!(entries.iter().any(|entry| entry["action"] == "Microsoft.DataProtection/backupVaults/read"));
    }
    let operator = Uuid::parse_str("77777777-7777-4777-8777-77777777770c").unwrap();
    assert!(run.engine.journal().iter().all(|entry| !entry.is_by(operator)), "the operator's own was not used");
    assert_eq!(admin(&mut run, Method::GET, "journal?principal=team-a", &Value::Null).0, 400);
}
