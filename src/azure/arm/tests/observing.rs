//! What the observer of requests is told.

use std::pin::Pin;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};

use super::*;
use crate::azure::{AssertionError, BoxedAssertion, IdentityKind, Operation, RateLimit};

const TENANT: &str = "22222222-2222-4222-8222-222222222222";

#[derive(Debug, Default)]
struct Recorder {
    finished: Mutex<Vec<(Operation, Option<u16>, Duration)>>,
    remaining: Mutex<Vec<(Operation, &'static str, u32)>>,
    without_token: Mutex<Vec<IdentityKind>>,
}

impl RequestObserver for Recorder {
    fn finished(&self, operation: Operation, subscription: &SubscriptionId, status: Option<u16>, elapsed: Duration) {
        assert_eq!(subscription, vault().subscription());
        self.finished.lock().unwrap().push((operation, status, elapsed));
    }

    fn remaining(&self, operation: Operation, subscription: &SubscriptionId, limit: RateLimit, remaining: u32) {
        assert_eq!(subscription, vault().subscription());
        self.remaining.lock().unwrap().push((operation, limit.name(), remaining));
    }

    fn no_token(&self, identity: IdentityKind) {
        self.without_token.lock().unwrap().push(identity);
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_is_observed() {
    let observer = Arc::new(Recorder::default());
    let options = ArmOptions { timeout: Duration::from_secs(9), observer: observer.clone(), ..ArmOptions::default() };
    let azure = FakeAzure::new([json(200, vault_body()), refused(500, "CloudInternalError"), Reply::Hang]);
    let client = DataProtection::new(testing::arm(&azure, options), ApiVersion::default(), testing::permit());
    client.vault(&vault()).await.unwrap();
    client.instance(&instance()).await.unwrap_err();
    client.delete_instance(&instance()).await.unwrap_err();
    let expected = [
        (Operation::GetVault, Some(200), Duration::ZERO),
        (Operation::GetBackupInstance, Some(500), Duration::ZERO),
        (Operation::DeleteBackupInstance, None, Duration::from_secs(9)),
    ];
    assert_eq!(*observer.finished.lock().unwrap(), expected);
}

#[tokio::test]
async fn what_azure_says_is_left_is_observed_on_success_and_on_refusal() {
    let (reads, requests) =
        ("x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-subscription-resource-requests");
    let azure = FakeAzure::new([
        empty(404, &[(reads, "249"), (requests, " 12 ")]),
        empty(429, &[(reads, "0"), (requests, "many"), ("retry-after", "1")]),
    ]);
    let observer = Arc::new(Recorder::default());
    let options = ArmOptions { observer: observer.clone(), ..ArmOptions::default() };
    let client = DataProtection::new(testing::arm(&azure, options), ApiVersion::default(), testing::permit());
    client.vault(&vault()).await.unwrap_err();
    client.vault(&vault()).await.unwrap_err();
    let expected = [("subscription-reads", 249), ("subscription-resource-requests", 12), ("subscription-reads", 0)];
    let expected = expected.map(|(limit, remaining)| (Operation::GetVault, limit, remaining));
    assert_eq!(*observer.remaining.lock().unwrap(), expected);
}

/// An identity that is refused every token, and a cluster that issues none.
#[derive(Debug)]
struct Nobody;

impl TokenCredential for Nobody {
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
        Box::pin(async { Err(azure_core::Error::with_message(ErrorKind::Credential, "no")) })
    }
}

impl AssertionSource for Nobody {
    fn assertion(&self) -> BoxedAssertion<'_> {
        Box::pin(async { Err(AssertionError::Refused("no".to_owned())) })
    }
}

#[tokio::test]
async fn who_gets_no_token_is_observed() {
    let observer = Arc::new(Recorder::default());
    let options = ArmOptions { observer: observer.clone(), ..ArmOptions::default() };
    let azure = FakeAzure::new([]);
    let http: Arc<dyn HttpClient> = azure.clone();
    let credential = Credential::from_builder(&Cloud::public(), || Ok(Arc::new(Nobody))).unwrap();
    let own = ArmClient::new(Cloud::public(), credential, http, options);
    let workload = own.acting_as(TENANT, TENANT, Arc::new(Nobody)).unwrap();
    for arm in [own, workload] {
        let client = DataProtection::new(arm, ApiVersion::default(), testing::permit());
        let error = client.vault(&vault()).await.unwrap_err();
        assert!(matches!(error, AzureError::Credential(_)), "{error}");
    }
    assert_eq!(*observer.without_token.lock().unwrap(), [IdentityKind::Operator, IdentityKind::Workload]);
    assert_eq!((observer.finished.lock().unwrap().len(), azure.sent().len()), (0, 0));
}
