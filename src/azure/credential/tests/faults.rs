//! Token endpoints and token files that fail, lie, or talk nonsense: no request waits for long, nothing is asked for over and
//! over, and no secret is given away.

use super::*;
use std::fs;

/// A token of the endpoint, with a lifetime as it stands in the answer.
fn lasting(lifetime: &str) -> Reply {
    let body = format!(r#"{{"token_type":"Bearer","access_token":"{CANARY}","expires_in":{lifetime}}}"#);
    Reply::Answer { status: 200, headers: Vec::new(), body: body.into_bytes() }
}

fn text(status: u16, body: &str) -> Reply {
    Reply::Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn signing_in(replies: impl IntoIterator<Item = Reply>) -> (Arc<FakeAzure>, Credential) {
    let azure = FakeAzure::new(replies);
    let credential = Credential::new(client_secret(), &Cloud::public(), azure.clone()).unwrap();
    (azure, credential)
}

#[tokio::test]
async fn a_lifetime_that_cannot_be_is_refused_and_a_token_that_is_spent_is_used_once() {
    for (lifetime, accepted) in [
        ("3600", true),
        ("300", true),
        ("0", true),
        ("-1", true),
        ("9223372036854775807", false),
        ("-9223372036854775808", false),
        ("99999999999999", false),
        ("1e300", false),
        ("18446744073709551615", false),
        ("[]", false),
    ] {
        let (azure, credential) = signing_in([lasting(lifetime), lasting(lifetime)]);
        for asked in 1..=2 {
            let token = credential.token().await;
            assert_eq!(token.is_ok(), accepted, "{lifetime}");
            let sent = if lifetime == "3600" { 1 } else { asked };
            assert_eq!(azure.sent().len(), sent, "{lifetime}: one sign-in for a request, at most");
            if let Err(error) = token {
                assert_eq!(error.class(), ErrorClass::Transient, "{lifetime}");
                assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_no_token_and_is_not_repeated() {
    let nonsense = [
        text(200, ""),
        text(200, "<html>Sign in</html>"),
        text(200, &format!("{{\"access_token\":\"{CANARY}")),
        text(200, &format!("[\"{CANARY}\"]")),
        text(200, &format!("{{\"access_token\":7,\"refresh_token\":\"{CANARY}\"}}")),
        text(302, ""),
        text(400, &format!("client_secret={CANARY} is wrong")),
        Reply::BreakOff,
        Reply::Endless,
        text(200, &format!("{{\"access_token\":\"{}\"}}", CANARY.repeat(100_000))),
    ];
    for (number, reply) in nonsense.into_iter().enumerate() {
        // What is worth another try gets the same again.
        let again = [Reply::Fail(ErrorKind::Io), Reply::Fail(ErrorKind::Io), Reply::Fail(ErrorKind::Io)];
        let (azure, credential) = signing_in([reply].into_iter().chain(again));
        let started = Instant::now();
        let Err(error) = credential.token().await else { panic!("{number} is taken for a token") };
        assert!(started.elapsed() <= TOKEN_TIMEOUT, "{number}");
        assert!(azure.sent().len() <= 3, "{number}: {} requests", azure.sent().len());
        assert!(!format!("{error} {error:?}").contains(CANARY), "{number}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_answers_with_errors_is_asked_a_few_times_and_classed() {
    for (status, class) in [
        (400, ErrorClass::Permission),
        (401, ErrorClass::Permission),
        (403, ErrorClass::Permission),
        (429, ErrorClass::Transient),
        (500, ErrorClass::Transient),
        (503, ErrorClass::Transient),
    ] {
        let refusals = (0..3).map(|_| json(status, json!({ "error": "x", "error_description": "no" })));
        let (azure, credential) = signing_in(refusals);
        let started = Instant::now();
        let error = credential.check().await.unwrap_err();
        assert_eq!(error.class(), class, "{status}: {error:?}");
        assert!(started.elapsed() <= TOKEN_TIMEOUT && azure.sent().len() <= 3, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_behind_a_sign_in_that_hangs_waits_no_longer_than_it() {
    let (_, credential) = signing_in((0..16).map(|_| Reply::Hang));
    let started = Instant::now();
    let outcomes = futures::future::join_all((0..16).map(|_| credential.token())).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(CredentialError::Timeout { .. }))));
    assert_eq!(started.elapsed(), TOKEN_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_back_gives_tokens_again() {
    let outage = (0..3).map(|_| Reply::Fail(ErrorKind::Connection));
    let (_, credential) = signing_in(outage.chain([token("one")]));
    assert!(credential.check().await.is_err());
    assert_eq!(credential.token().await.unwrap().secret.secret(), "one");
}

#[tokio::test]
async fn a_token_file_that_rotates_is_read_again_and_one_that_is_missing_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let token_file = directory.path().join("token");
    fs::write(&token_file, "first").unwrap();
    let config = CredentialConfig::WorkloadIdentity {
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        token_file: token_file.clone(),
    };
    let azure = FakeAzure::new(["one", "two", "three"].map(token));
    let credential = Credential::new(config, &Cloud::public(), azure.clone()).unwrap();
    let assertion = |sent: usize| {
        let form = azure.sent()[sent].form.clone();
        form.split('&').find_map(|field| field.strip_prefix("client_assertion=")).unwrap().to_owned()
    };
    let one = credential.token().await.unwrap();
    assert_eq!(assertion(0), "first");

    // Gone at the moment that Azure refuses the token: the old one is all there is, and nothing is built over and over.
    fs::remove_file(&token_file).unwrap();
    assert!(!credential.replace(one.generation));
    assert_eq!(credential.token().await.unwrap().secret.secret(), "one");

    fs::write(&token_file, "second").unwrap();
    tokio::time::pause();
    tokio::time::advance(REBUILD_INTERVAL).await;
    assert!(credential.replace(one.generation));
    assert_eq!(credential.token().await.unwrap().secret.secret(), "two");
    assert_eq!(assertion(1), "second");
}
