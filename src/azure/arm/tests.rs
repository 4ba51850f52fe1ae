#![allow(clippy::unwrap_used, clippy::expect_used)]

mod gate;
mod observing;

use super::call::USER_AGENT;
use super::*;
use crate::azure::class::ErrorClass;
use crate::azure::error::Delivery;
use crate::azure::testing::{self, CANARY, FakeAzure, Reply, empty, instance, json, protection, vault};
use crate::azure::{ApiVersion, DataProtection};
use serde_json::{Value, json};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use tracing_subscriber::fmt::MakeWriter;
use uuid::Uuid;

fn vault_body() -> Value {
    json!({ "location": "westeurope", "properties": {} })
}

fn refused(status: u16, code: &str) -> Reply {
    json(status, json!({ "error": { "code": code, "message": "No." } }))
}

fn throttled(status: u16, retry_after: &str) -> Reply {
    empty(status, &[("retry-after", retry_after)])
}

#[tokio::test]
async fn a_request_carries_what_azure_wants() {
    let azure = FakeAzure::new([
        json(200, vault_body()),
        json(200, vault_body()),
        empty(
            202,
            &[("azure-asyncoperation", &format!("https://management.azure.com{}/operationStatus/x", testing::VAULT))],
        ),
    ]);
    let context = CallContext::new();
    let client = protection(&azure).for_pass(context.clone());
    client.vault(&vault()).await.unwrap();
    client.vault(&vault()).await.unwrap();
    client.put_instance(&instance(), &json!({ "properties": {} })).await.unwrap();
    let sent = azure.sent();
    for request in &sent {
        assert_eq!(request.headers["authorization"], format!("Bearer {CANARY}-0"));
        assert_eq!(request.headers["accept-language"], "en-US");
        assert_eq!(request.headers["user-agent"], USER_AGENT);
        assert_eq!(request.headers["x-ms-return-client-request-id"], "true");
        assert_eq!(request.headers["x-ms-correlation-request-id"], context.correlation_id().to_string());
        request.headers["x-ms-client-request-id"].parse::<Uuid>().unwrap();
    }
    assert_ne!(sent[0].headers["x-ms-client-request-id"], sent[1].headers["x-ms-client-request-id"]);
    assert_eq!((sent[0].body.as_ref(), sent[0].headers.get("content-type")), (None, None));
    assert_eq!(sent[2].headers["content-type"], "application/json");
    assert_eq!(sent[2].body, Some(json!({ "properties": {} })));
}

/// A client whose credential is counted.
fn counted(azure: &Arc<FakeAzure>) -> (DataProtection, Arc<std::sync::atomic::AtomicUsize>) {
    let (credential, built) = testing::credential();
    let arm = ArmClient::new(Cloud::public(), credential, azure.clone(), ArmOptions::default());
    (DataProtection::new(arm, ApiVersion::default(), testing::permit()), built)
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_token_is_refused_is_sent_again_with_a_new_one() {
    let expired = || refused(401, "ExpiredAuthenticationToken");
    let azure = FakeAzure::new([expired(), json(200, vault_body()), expired(), json(200, vault_body())]);
    let (client, built) = counted(&azure);
    client.vault(&vault()).await.unwrap();
    assert_eq!(built.load(Ordering::SeqCst), 2);
    let error = client.vault(&vault()).await.unwrap_err();
    assert_eq!((error.status(), error.class()), (Some(401), ErrorClass::Permission));
    assert_eq!(built.load(Ordering::SeqCst), 2, "not again within 30 s");
    let tokens: Vec<String> = azure.sent().iter().map(|sent| sent.headers["authorization"].clone()).collect();
    assert_eq!(tokens, ["0", "1", "1"].map(|n| format!("Bearer {CANARY}-{n}")));
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_token_is_refused_is_left_to_the_next_pass() {
    let azure = FakeAzure::new([refused(401, "InvalidAuthenticationToken"), empty(204, &[])]);
    let (client, built) = counted(&azure);
    let error = client.delete_instance(&instance()).await.unwrap_err();
    assert_eq!((error.status(), error.delivery()), (Some(401), Delivery::Refused));
    assert_eq!((azure.sent().len(), built.load(Ordering::SeqCst)), (1, 2));
    client.delete_instance(&instance()).await.unwrap();
    assert_eq!(azure.sent()[1].headers["authorization"], format!("Bearer {CANARY}-1"));
}

#[tokio::test(start_paused = true)]
async fn one_throttled_request_stops_the_whole_subscription_for_as_long_as_azure_says() {
    let azure = FakeAzure::new([throttled(429, "17"), json(200, vault_body()), json(200, vault_body())]);
    let client = protection(&azure);
    let error = client.vault(&vault()).await.unwrap_err();
    assert_eq!((error.class(), error.delivery()), (ErrorClass::Throttled, Delivery::Refused));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));

    tokio::time::advance(Duration::from_secs(7)).await;
    let other = vault().instance("another".parse().unwrap());
    let error = client.clone().put_instance(&other, &json!({})).await.unwrap_err();
    assert_eq!((error.class(), error.delivery()), (ErrorClass::Throttled, Delivery::NotSent));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
    assert_eq!(client.arm().paused(vault().subscription()), Some(Duration::from_secs(10)));

    let elsewhere = testing::VAULT.replace("7b1f36a2", "00000000").parse().unwrap();
    let arm = client.arm().clone();
    let another = DataProtection::new(arm, ApiVersion::default(), testing::permit_for(&elsewhere));
    another.vault(&elsewhere).await.unwrap();
    assert_eq!(azure.sent().len(), 2);

    tokio::time::advance(Duration::from_secs(10)).await;
    client.vault(&vault()).await.unwrap();
    assert_eq!(client.arm().paused(vault().subscription()), None);
}

#[tokio::test(start_paused = true)]
async fn how_long_a_pause_is() {
    let cases = [
        (throttled(429, "0"), Some(1)),
        (throttled(429, "99999999999999999999"), Some(3_600)),
        (throttled(429, "soon"), Some(30)),
        (empty(429, &[]), Some(30)),
        (throttled(503, "5"), Some(5)),
        (empty(503, &[]), None),
        (throttled(500, "5"), None),
        (throttled(409, "5"), None),
    ];
    for (reply, seconds) in cases {
        let client = protection(&FakeAzure::new([reply]));
        client.vault(&vault()).await.unwrap_err();
        assert_eq!(client.arm().paused(vault().subscription()), seconds.map(Duration::from_secs));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_never_shortened() {
    let pause = SubscriptionPause::default();
    let subscription = vault().subscription().clone();
    pause.extend(&subscription, Duration::from_secs(60));
    pause.extend(&subscription, Duration::from_secs(1));
    assert_eq!(pause.remaining(&subscription), Some(Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn whether_a_lost_request_may_have_been_carried_out() {
    let cases = [
        (Reply::Fail(ErrorKind::Connection), Delivery::NotSent),
        (Reply::Fail(ErrorKind::Other), Delivery::NotSent),
        (Reply::Fail(ErrorKind::Io), Delivery::Unknown),
        (Reply::Hang, Delivery::Unknown),
        (Reply::BreakOff, Delivery::Unknown),
        (Reply::Endless, Delivery::Unknown),
        (Reply::Answer { status: 201, headers: vec![], body: vec![b'x'; 8 * 1024 * 1024 + 1] }, Delivery::Unknown),
    ];
    for (reply, delivery) in cases {
        let started = Instant::now();
        let client = protection(&FakeAzure::new([reply]));
        let error = client.put_instance(&instance(), &json!({})).await.unwrap_err();
        assert_eq!((error.delivery(), error.class()), (delivery, ErrorClass::Transient), "{error}");
        assert!(started.elapsed() <= Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_leads_nowhere() {
    let azure = FakeAzure::new([empty(307, &[("location", "https://evil.example/")])]);
    let error = protection(&azure).vault(&vault()).await.unwrap_err();
    assert!(matches!(error, AzureError::UnexpectedStatus { status: 307, .. }), "{error}");
    assert_eq!(azure.sent().len(), 1);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_never_shown() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // While there is only one dispatcher, tracing asks the thread that meets a span first whether anybody listens, and
    // remembers the answer; that thread may be another test's. With two it asks the dispatchers.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());

    let echo = format!("Bearer {CANARY}-0");
    let bare = format!("{CANARY}-0");
    let echoes = vec![("x-ms-request-id", bare.clone()), ("x-ms-error-code", bare)];
    let azure = FakeAzure::new([
        json(200, vault_body()),
        json(400, json!({ "error": { "code": "Echo", "message": echo } })),
        Reply::Answer { status: 502, headers: echoes, body: echo.into_bytes() },
        refused(401, "ExpiredAuthenticationToken"),
        Reply::Hang,
    ]);
    let options = ArmOptions { timeout: Duration::from_millis(1), ..ArmOptions::default() };
    let client = DataProtection::new(testing::arm(&azure, options), ApiVersion::default(), testing::permit());
    let mut shown = format!("{client:?} {:?}", client.arm().credential());
    client.vault(&vault()).await.unwrap();
    for _ in 0..3 {
        let error = client.vault(&vault()).await.unwrap_err();
        shown += &format!("{error} {error:?} {:?}", error.service_error());
    }
    shown += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("azure_request") && shown.contains("operation=\"get_vault\""), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
}
