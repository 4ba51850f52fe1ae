//! The gate is asked when a request that changes something is about to leave, not when it was decided on.

use super::*;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration as TimeSpan, OffsetDateTime};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;

#[derive(Debug, Default)]
struct Gate(AtomicBool);

impl WriteGate for Gate {
    fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Takes a while for a token, in which the gate closes.
#[derive(Debug)]
struct Slow(Arc<Gate>);

impl TokenCredential for Slow {
    fn get_token<'client, 'scopes, 'scope, 'options, 'future>(
        &'client self,
        _: &'scopes [&'scope str],
        _: Option<TokenRequestOptions<'options>>,
    ) -> Pin<Box<dyn Future<Output = azure_core::Result<AccessToken>> + Send + 'future>>
    where
        'client: 'future,
        'scopes: 'future,
        'scope: 'future,
        'options: 'future,
        Self: 'future,
    {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            self.0.0.store(false, Ordering::SeqCst);
            Ok(AccessToken::new("token", OffsetDateTime::now_utc() + TimeSpan::hours(1)))
        })
    }
}

fn client(azure: &Arc<FakeAzure>, credential: Credential, gate: &Arc<Gate>) -> DataProtection {
    let options = ArmOptions { gate: gate.clone(), ..ArmOptions::default() };
    let arm = ArmClient::new(Cloud::public(), credential, azure.clone(), options);
    DataProtection::new(arm, ApiVersion::default(), testing::permit())
}

fn expect_withheld<T: std::fmt::Debug>(outcome: Result<T, AzureError>) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, AzureError::Withheld { .. }), "{error}");
    assert_eq!((error.delivery(), error.class()), (Delivery::NotSent, ErrorClass::Transient));
}

#[tokio::test]
async fn a_closed_gate_lets_only_reads_through() {
    let (azure, gate) = (FakeAzure::new([json(200, vault_body()), empty(204, &[])]), Arc::new(Gate::default()));
    let client = client(&azure, testing::credential().0, &gate);
    expect_withheld(client.put_instance(&instance(), &json!({})).await);
    expect_withheld(client.delete_instance(&instance()).await);
    expect_withheld(client.stop_protection(&instance()).await);
    expect_withheld(client.undelete(&instance()).await);
    client.vault(&vault()).await.unwrap();
    gate.0.store(true, Ordering::SeqCst);
    client.delete_instance(&instance()).await.unwrap();
    assert_eq!(azure.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_closes_while_a_token_is_fetched_holds_the_request_back() {
    let (azure, gate) = (FakeAzure::new([]), Arc::new(Gate(AtomicBool::new(true))));
    let slow = gate.clone();
    let credential = Credential::from_builder(&Cloud::public(), move || Ok(Arc::new(Slow(slow.clone())))).unwrap();
    let client = client(&azure, credential, &gate);
    assert!(client.arm().may_write());
    expect_withheld(client.put_instance(&instance(), &json!({})).await);
    assert_eq!(azure.sent().len(), 0);
}
