//! Whose token it is: whoever signs in, by whatever means, is the principal that roles are assigned to, and the one
//! that the journal names.

use azure_emulator::{BuiltInRole, Client, Entry, ManagedIdentity, Principal, PrincipalKind, Request, Response, World};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Run, application, assignment, client_id, object_id};
use crate::entra::{JWT_BEARER, ask, verdict};
use crate::fixture::{SUBSCRIPTION, VERSION, code, url, world};

const TENANT: Uuid = Uuid::from_u128(0x10);
const OTHER_TENANT: Uuid = Uuid::from_u128(0x20);

/// The application, the host's identity, another identity of the host's, one that is not the host's, and an
/// application of another tenant.
const APPLICATION: u128 = 11;
const HOST: u128 = 12;
const ASSIGNED: u128 = 13;
const FOREIGN: u128 = 14;
const ABROAD: u128 = 15;

fn identity(number: u128) -> Principal {
    Principal { kind: PrincipalKind::ManagedIdentity, client_secret: Some("secret".to_owned()), ..application(number) }
}

/// Only the application and the host's two identities may read the vault.
fn people() -> World {
    let reader = |number| assignment(number, SUBSCRIPTION, BuiltInRole::BackupReader);
    World {
        tenant_id: TENANT,
        clients: vec![Client { client_id: client_id(APPLICATION), client_secret: Some("client secret".to_owned()) }],
        managed_identity: Some(ManagedIdentity {
            client_id: client_id(HOST),
            user_assigned: vec![client_id(ASSIGNED), client_id(APPLICATION), Uuid::from_u128(99)],
            identity_header: "header".to_owned(),
        }),
        principals: vec![
            Principal { client_secret: Some("secret".to_owned()), ..application(APPLICATION) },
            identity(HOST),
            identity(ASSIGNED),
            identity(FOREIGN),
            Principal { tenant_id: Some(OTHER_TENANT), ..application(ABROAD) },
        ],
        role_assignments: vec![reader(APPLICATION), reader(HOST), reader(ASSIGNED)],
        ..world()
    }
}

/// Asks the host for the token of an identity of it.
fn ask_host(run: &mut Run, client_id: Option<&str>) -> Response {
    let client_id = client_id.map(|id| format!("&client_id={id}")).unwrap_or_default();
    let target = format!("/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fmanagement.azure.com{client_id}");
    let request =
        Request::new(Method::GET, &target).with_header(HeaderName::from_static("x-identity-header"), "header");
    run.engine.handle(run.now, &request)
}

/// Reads the vault with the token that was answered.
fn read_vault(run: &mut Run, answer: &Response) -> Response {
    let token = answer.body_json()["access_token"].as_str().unwrap().to_owned();
    run.engine.handle(run.now, &Request::new(Method::GET, &url("", VERSION)).with_bearer(&token))
}

/// The parameters of a request that prove who sends it.
type Proof = &'static [(&'static str, &'static str)];

type Means = fn(&mut Run) -> Response;

#[test]
fn every_way_of_signing_in_names_the_principal() {
    let means: [(Means, u128); 7] = [
        (|run| ask(run, TENANT, &client_id(APPLICATION).to_string(), &[("client_secret", "secret")]), APPLICATION),
        (
            |run| ask(run, TENANT, &client_id(APPLICATION).to_string(), &[("client_secret", "client secret")]),
            APPLICATION,
        ),
        (
            |run| {
                let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", "any")];
                ask(run, TENANT, &client_id(ASSIGNED).to_string().to_uppercase(), &proof)
            },
            ASSIGNED,
        ),
        (|run| ask_host(run, None), HOST),
        (|run| ask_host(run, Some(&client_id(HOST).to_string())), HOST),
        (|run| ask_host(run, Some(&client_id(ASSIGNED).to_string())), ASSIGNED),
        (|run| ask_host(run, Some(&client_id(ASSIGNED).to_string().to_uppercase())), ASSIGNED),
    ];
    for (number, (sign_in, principal)) in means.into_iter().enumerate() {
        let mut run = Run::new(people());
        let answer = sign_in(&mut run);
        assert_eq!(answer.status, 200, "{number}: {}", answer.body_json());
        let token = answer.body_json()["access_token"].as_str().unwrap().to_owned();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["appid"], json!(client_id(principal)), "{number}");
        assert_eq!(claims["oid"], json!(object_id(principal)), "{number}");
        assert_eq!(read_vault(&mut run, &answer).status, 200, "{number}");

        // Both requests are the principal's, by either of its ids, and nobody else's.
        let by = |id: Uuid| run.engine.journal().iter().filter(|entry: &&Entry| entry.is_by(id)).count();
        assert_eq!((by(object_id(principal)), by(client_id(principal))), (2, 2), "{number}");
        let others = [APPLICATION, HOST, ASSIGNED, FOREIGN, ABROAD].into_iter().filter(|other| *other != principal);
        assert_eq!(others.map(|other| by(object_id(other)) + by(client_id(other))).sum::<usize>(), 0, "{number}");
    }
}

#[test]
fn whoever_is_not_known_or_proves_nothing_gets_no_token() {
    let not_found = |id: Uuid, tenant: Uuid| {
        format!(
            "Application with identifier '{id}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
        )
    };
    const ASSERTION: Proof = &[("client_assertion_type", JWT_BEARER), ("client_assertion", "any")];
    let table: [(Uuid, u128, Proof, u16, u64, &str); 8] = [
        (TENANT, 9, ASSERTION, 400, 700_016, "unauthorized_client"),
        (TENANT, ABROAD, ASSERTION, 400, 700_016, "unauthorized_client"),
        (OTHER_TENANT, APPLICATION, ASSERTION, 400, 700_016, "unauthorized_client"),
        (Uuid::from_u128(0x30), APPLICATION, ASSERTION, 400, 90_002, "invalid_request"),
        (TENANT, APPLICATION, &[("client_secret", "wrong")], 401, 7_000_215, "invalid_client"),
        (TENANT, APPLICATION, &[], 401, 7_000_218, "invalid_client"),
        (TENANT, HOST, &[("client_secret", "secret")], 401, 7_000_215, "invalid_client"),
        (OTHER_TENANT, ABROAD, &[("client_secret", "secret")], 401, 7_000_215, "invalid_client"),
    ];
    for (tenant, number, proof, status, expected, error) in table {
        let mut run = Run::new(people());
        let answer = ask(&mut run, tenant, &client_id(number).to_string(), proof);
        let (actual, code, text) = verdict(&answer);
        assert_eq!((actual, code, &answer.body_json()["error"]), (status, expected, &json!(error)), "{number}: {text}");
        if code == 700_016 {
            assert_eq!(text, not_found(client_id(number), tenant));
        }
        let entry = run.engine.journal().last().unwrap();
        assert!(entry.is_by(client_id(number)), "the journal names who was claimed to be: {entry:?}");
    }
    // An application is not assigned to a host, nor is what nobody knows; others are somebody else's.
    for client_id in [client_id(APPLICATION), client_id(FOREIGN), Uuid::from_u128(99), Uuid::from_u128(98)] {
        let answer = ask_host(&mut Run::new(people()), Some(&client_id.to_string()));
        assert_eq!(answer.status, 400, "{client_id}");
        assert!(answer.body_json()["message"].as_str().unwrap().starts_with("No User Assigned"));
    }
}

#[test]
fn a_token_of_another_tenant_is_good_for_nothing_here() {
    let mut run = Run::new(people());
    let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", "any")];
    let answer = ask(&mut run, OTHER_TENANT, &client_id(ABROAD).to_string(), &proof);
    let refused = read_vault(&mut run, &answer);
    assert_eq!((refused.status.as_u16(), code(&refused).as_str()), (401, "InvalidAuthenticationTokenTenant"));
    let message = refused.body_json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("wrong issuer 'https://sts.windows.net/{OTHER_TENANT}/'")), "{message}");
    assert!(run.engine.journal().last().unwrap().is_by(object_id(ABROAD)));
}

#[test]
fn a_token_outlives_the_roles_of_its_principal_but_not_its_own_time() {
    let mut run = Run::new(people());
    let answer = ask_host(&mut run, None);
    assert_eq!(read_vault(&mut run, &answer).status, 200);
    assert!(run.engine.world_mut().remove_principal(object_id(HOST)));
    assert_eq!(read_vault(&mut run, &answer).status, 200, "the assignment is still there");
    run.engine.world_mut().role_assignments.clear();
    let refused = read_vault(&mut run, &answer);
    assert_eq!((refused.status.as_u16(), code(&refused).as_str()), (403, "AuthorizationFailed"));
    run.engine.revoke_tokens();
    assert_eq!(read_vault(&mut run, &answer).status, 401);
}

#[test]
fn a_world_without_principals_knows_clients_only() {
    let mut world = people();
    world.principals.clear();
    world.role_assignments.clear();
    let mut run = Run::new(world);
    let answer = ask(&mut run, TENANT, &client_id(APPLICATION).to_string(), &[("client_secret", "client secret")]);
    assert_eq!(read_vault(&mut run, &answer).status, 200);
    let entry = run.engine.journal().last().unwrap();
    assert_eq!(entry.caller.map(|caller| (caller.client_id, caller.object_id)), Some((client_id(APPLICATION), None)));
    assert_eq!(ask_host(&mut run, Some(&client_id(ASSIGNED).to_string())).status, 200);
    let unknown = ask(&mut run, TENANT, &client_id(FOREIGN).to_string(), &[("client_secret", "secret")]);
    assert_eq!(verdict(&unknown).1, 700_016);
}
