//! Signing in with another issuer's tokens: whose, for whom, for what, for how long, and with which key.

use azure_emulator::{FederatedCredential, Principal, Response, TokenIssuer, World};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::common::{Run, application, client_id};
use crate::entra::{JWT_BEARER, Key, ask, part, verdict};
use crate::fixture::world;

const ISSUER: &str = "https://kubernetes.default.svc";
const AUDIENCE: &str = "api://AzureADTokenExchange";
const SUBJECT: &str = "system:serviceaccount:team-a:pgbackup";

fn issuer(keys: &[&Key]) -> TokenIssuer {
    TokenIssuer { issuer: ISSUER.to_owned(), jwks: JwkSet { keys: keys.iter().map(|key| key.published()).collect() } }
}

fn credential() -> FederatedCredential {
    FederatedCredential::of_service_account(ISSUER, "team-a", "pgbackup")
}

/// The principal 7 trusts team A's service account, 8 trusts nobody.
fn federated(key: &Key) -> Run {
    let principal = Principal { federated_credentials: vec![credential()], ..application(7) };
    Run::new(World { principals: vec![principal, application(8)], token_issuers: vec![issuer(&[key])], ..world() })
}

/// What an API server says of a service account, for ten minutes.
fn claims(run: &Run) -> Value {
    let now = run.now.as_second();
    json!({ "iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 600 })
}

/// Asks for a token for the principal of this number.
fn exchange(run: &mut Run, principal: u128, assertion: &str) -> Response {
    let tenant = run.engine.world().tenant_id;
    let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
    ask(run, tenant, &client_id(principal).to_string(), &proof)
}

#[test]
fn a_token_of_the_trusted_service_account_is_exchanged() {
    for key in [Key::rsa("rsa"), Key::elliptic("ec")] {
        let mut run = federated(&key);
        let mut claims = claims(&run);
        for audience in [json!([AUDIENCE]), json!(AUDIENCE), json!(["https://kubernetes.default.svc", AUDIENCE])] {
            claims["aud"] = audience;
            let response = exchange(&mut run, 7, &key.sign(&key.header(), &claims));
            assert_eq!(response.status, 200, "{}: {}", key.id, response.body_json());
        }
    }
}

#[test]
fn anything_else_about_the_token_is_refused() {
    type Change = fn(&mut Value);
    const MALFORMED: (u16, u64, &str) = (400, 50_027, "JWT token is invalid or malformed.");
    let hint = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    let no_match = |claim: &str, value: &str| {
        format!("No matching federated identity record found for presented assertion {claim} '{value}'. {hint}")
    };
    let validity = |from: &str, to: &str| {
        format!(
            "Client assertion is not within its valid time range. Current time: 2026-01-05T08:00:00.1234567Z, assertion valid from {from}, expiry time of assertion {to}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
        )
    };
    let table: [(&str, Change, u16, u64, String); 12] = [
        (
            "another issuer",
            |claims| claims["iss"] = json!("https://other.example"),
            401,
            700_211,
            no_match("issuer", "https://other.example"),
        ),
        (
            "a slash too many",
            |claims| claims["iss"] = json!(format!("{ISSUER}/")),
            401,
            700_211,
            no_match("issuer", &format!("{ISSUER}/")),
        ),
        (
            "the API server's own audience",
            |claims| claims["aud"] = json!([ISSUER]),
            401,
            700_212,
            no_match("audience", ISSUER),
        ),
        ("no audience", |claims| claims["aud"] = json!([]), 401, 700_212, no_match("audience", "")),
        (
            "another namespace",
            |claims| claims["sub"] = json!("system:serviceaccount:team-b:pgbackup"),
            401,
            700_213,
            no_match("subject", "system:serviceaccount:team-b:pgbackup"),
        ),
        (
            "another service account whose name begins alike",
            |claims| claims["sub"] = json!(format!("{SUBJECT}2")),
            401,
            700_213,
            no_match("subject", &format!("{SUBJECT}2")),
        ),
        (
            "other casing",
            |claims| claims["sub"] = json!(SUBJECT.to_uppercase()),
            401,
            700_213,
            no_match("subject", &SUBJECT.to_uppercase()),
        ),
        (
            "expired",
            |claims| claims["exp"] = json!(1_767_600_000),
            401,
            700_024,
            validity("2026-01-05T08:00:00.0000000Z", "2026-01-05T08:00:00.0000000Z"),
        ),
        (
            "not yet valid",
            |claims| claims["nbf"] = json!(1_767_600_001),
            401,
            700_024,
            validity("2026-01-05T08:00:01.0000000Z", "2026-01-05T08:10:00.0000000Z"),
        ),
        ("no subject", |claims| claims["sub"] = Value::Null, MALFORMED.0, MALFORMED.1, MALFORMED.2.to_owned()),
        ("no expiry", |claims| claims["exp"] = Value::Null, MALFORMED.0, MALFORMED.1, MALFORMED.2.to_owned()),
        ("no claims", |claims| *claims = json!([]), MALFORMED.0, MALFORMED.1, MALFORMED.2.to_owned()),
    ];
    let key = Key::elliptic("ec");
    for (what, change, status, code, text) in table {
        let mut run = federated(&key);
        let mut claims = claims(&run);
        change(&mut claims);
        let response = exchange(&mut run, 7, &key.sign(&key.header(), &claims));
        assert_eq!(verdict(&response), (status, code, text), "{what}");
        let error = if status == 401 { "invalid_client" } else { "invalid_request" };
        assert_eq!(response.body_json()["error"], error, "{what}");
        for member in ["timestamp", "trace_id", "correlation_id"] {
            assert!(response.body_json()[member].is_string(), "{what}: {member}");
        }
        assert_eq!(response.body_json().get("access_token"), None, "{what}");
    }
    // What is no token at all.
    for assertion in ["a.federated.token", "x", "..", &part(&json!({}))] {
        let response = exchange(&mut federated(&key), 7, assertion);
        assert_eq!(verdict(&response), (MALFORMED.0, MALFORMED.1, MALFORMED.2.to_owned()), "{assertion}");
    }
}

#[test]
fn a_signature_counts_only_if_the_issuers_key_made_it() {
    let key = Key::rsa("key-1");
    let (forger, elliptic) = (Key::rsa("key-1"), Key::elliptic("key-1"));
    let sha384 = key.with_sha384();
    let mut run = federated(&key);
    let claims = claims(&run);
    let signed = key.sign(&key.header(), &claims);
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let mut foreign = claims.clone();
    foreign["sub"] = json!("system:serviceaccount:team-b:pgbackup");
    let foreign = key.sign(&key.header(), &foreign);
    let foreign_signature = foreign.rsplit_once('.').unwrap().1;
    // A public key is no secret: it must not be taken for one.
    let secret = EncodingKey::from_secret(key.public());
    let confused = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "key-1" })), part(&claims));
    let mac = jsonwebtoken::crypto::sign(confused.as_bytes(), &secret, Algorithm::HS256).unwrap();
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none", "kid": "key-1" })), part(&claims));
    let malformed = "JWT token is invalid or malformed.";
    let failed = "JWT token is invalid or malformed. External ID token from issuer failed signature verification.";
    let unknown = |id: &str| {
        format!(
            "The certificate with identifier {id} used to sign the federated credential could not be found in the metadata of identity provider {ISSUER}. Please validate that your Identity Provider's metadata exposes the key used to sign the incoming token."
        )
    };
    let table = [
        ("somebody else's key of the same name", forger.sign(&key.header(), &claims), 400, 50_027, failed.to_owned()),
        ("another kind of key", elliptic.sign(&elliptic.header(), &claims), 400, 50_027, failed.to_owned()),
        ("the signature of another token", format!("{message}.{foreign_signature}"), 400, 50_027, failed.to_owned()),
        ("half a signature", format!("{message}.{}", &signature[..100]), 400, 50_027, failed.to_owned()),
        ("no signature", format!("{message}."), 400, 50_027, failed.to_owned()),
        ("the public key as a secret", format!("{confused}.{mac}"), 400, 50_027, failed.to_owned()),
        ("an algorithm that is not taken", sha384.sign(&sha384.header(), &claims), 400, 50_027, failed.to_owned()),
        ("the algorithm none", unsigned, 400, 50_027, malformed.to_owned()),
        (
            "a key that is not published",
            key.sign(&json!({ "alg": "RS256", "kid": "key-2" }), &claims),
            401,
            7_000_272,
            unknown("key-2"),
        ),
        ("a key without a name", key.sign(&json!({ "alg": "RS256" }), &claims), 401, 7_000_272, unknown("")),
    ];
    for (what, assertion, status, code, text) in table {
        assert_eq!(verdict(&exchange(&mut run, 7, &assertion)), (status, code, text), "{what}");
    }
    assert_eq!(exchange(&mut run, 7, &signed).status, 200);

    // The issuer changes its keys.
    let next = Key::elliptic("key-2");
    run.engine.world_mut().put_token_issuer(issuer(&[&key, &next]));
    for key in [&key, &next] {
        assert_eq!(exchange(&mut run, 7, &key.sign(&key.header(), &claims)).status, 200);
    }
    run.engine.world_mut().put_token_issuer(issuer(&[&next]));
    assert_eq!(verdict(&exchange(&mut run, 7, &signed)), (401, 7_000_272, unknown("key-1")));
    run.engine.world_mut().token_issuers.clear();
    let unreachable = (400, 50_166, "Request to External OIDC endpoint failed.".to_owned());
    assert_eq!(verdict(&exchange(&mut run, 7, &signed)), unreachable);
}

#[test]
fn only_the_principal_with_the_credential_is_meant() {
    let key = Key::elliptic("ec");
    let mut run = federated(&key);
    let assertion = key.sign(&key.header(), &claims(&run));
    let nothing =
        |number| format!("The client '{}'() has no configured federated identity credentials.", client_id(number));
    assert_eq!(verdict(&exchange(&mut run, 8, &assertion)), (401, 70_025, nothing(8)));
    assert_eq!(verdict(&exchange(&mut run, 9, &assertion)).1, 700_016);
    // Nobody is let in because the last credential is gone.
    let world = run.engine.world_mut();
    assert!(world.principals.iter_mut().any(|principal| principal.distrust(&credential())));
    assert_eq!(verdict(&exchange(&mut run, 7, &assertion)), (401, 70_025, nothing(7)));
    // A principal may trust several.
    let world = run.engine.world_mut();
    let other = FederatedCredential { audience: "other".to_owned(), ..credential() };
    for principal in &mut world.principals {
        principal.trust(other.clone());
        principal.trust(credential());
    }
    assert_eq!(exchange(&mut run, 7, &assertion).status, 200);
    assert_eq!(exchange(&mut run, 8, &assertion).status, 200);
}

#[test]
fn without_federated_credentials_and_issuers_any_assertion_will_do() {
    let mut run = Run::new(World { principals: vec![application(7)], ..world() });
    assert!(!run.engine.world().verifies_assertions());
    assert_eq!(exchange(&mut run, 7, "a.federated.token").status, 200);
}
