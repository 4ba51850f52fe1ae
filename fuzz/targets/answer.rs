//! Whole answers of Resource Manager, to every request that the operator sends.

use super::{DATABASE, vault};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use azure_core::time::{Duration as TimeSpan, OffsetDateTime};
use postgres_backup_operator::azure::{
    ApiVersion, ArmClient, ArmOptions, AzureError, Cloud, Credential, DataProtection, Identity, OperationPath,
    OperationState, Permit, RunningOperation, Started,
};
use postgres_backup_operator::error_chain;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Must not be in anything that is made of an answer, even of one that repeats it.
const TOKEN: &str = "canary-7f3a";

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer as it is written down: the status in the first line, headers, an empty line, the body.
#[derive(Debug)]
struct Written(Vec<u8>);

impl HttpClient for Written {
    fn execute_request<'client, 'request, 'future>(
        &'client self,
        _: &'request Request,
    ) -> Boxed<'future, azure_core::Result<AsyncRawResponse>>
    where
        'client: 'future,
        'request: 'future,
        Self: 'future,
    {
        let end = self.0.windows(2).position(|pair| pair == b"\n\n").unwrap_or(self.0.len());
        let head = String::from_utf8_lossy(&self.0[..end]).into_owned();
        let body = self.0.get(end + 2..).unwrap_or_default().to_vec();
        let mut lines = head.lines();
        // `HTTP/1.1 202 Accepted`
        let status = lines.next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u16>().ok()).unwrap_or(200);
        let mut headers = Headers::new();
        // Others do not get past the HTTP client.
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        for (name, value) in lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| is_name(name)) {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        Box::pin(async move { Ok(AsyncRawResponse::from_bytes(StatusCode::from(status), headers, body)) })
    }
}

#[derive(Debug)]
struct SignedIn;

impl TokenCredential for SignedIn {
    fn get_token<'client, 'scopes, 'scope, 'options, 'future>(
        &'client self,
        _: &'scopes [&'scope str],
        _: Option<TokenRequestOptions<'options>>,
    ) -> Boxed<'future, azure_core::Result<AccessToken>>
    where
        'client: 'future,
        'scopes: 'future,
        'scope: 'future,
        'options: 'future,
        Self: 'future,
    {
        let expires = OffsetDateTime::now_utc() + TimeSpan::hours(1);
        Box::pin(async move { Ok(AccessToken::new(TOKEN, expires)) })
    }
}

/// An answer of Resource Manager, as it may come to each kind of request.
pub fn answer(data: &[u8]) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(ask(data));
}

async fn ask(data: &[u8]) {
    let cloud = Cloud::public();
    let credential = Credential::from_builder(&cloud, || Ok(Arc::new(SignedIn))).unwrap();
    let permit = Permit::issue("fuzzing", vault(), DATABASE.parse().unwrap(), None, Identity::Own);
    // A pause that the answer asks for must not keep the next request from being answered.
    let azure = || {
        let arm =
            ArmClient::new(cloud.clone(), credential.clone(), Arc::new(Written(data.to_vec())), ArmOptions::default());
        DataProtection::new(arm, ApiVersion::default(), permit.clone())
    };
    let instance = vault().instance("orders-orders-1".parse().unwrap());
    tells_no_secret(&azure().vault(&vault()).await);
    tells_no_secret(&azure().instance(&instance).await);
    tells_no_secret(&azure().deleted_instance(&instance).await);
    tells_no_secret(&azure().instances(&vault(), None).await);
    let deleted = azure().delete_instance(&instance).await;
    tells_no_secret(&deleted);
    if let Ok(Started::Running(operation)) = deleted {
        let wait = operation.poll_after();
        assert!((Duration::from_secs(1)..=Duration::from_secs(600)).contains(&wait), "{wait:?}");
    }
    for kind in ["operationStatus", "operationResults"] {
        let path = format!("{}/{kind}/7?api-version=x", vault().path());
        let path = OperationPath::parse_stored(&path, vault().subscription()).unwrap();
        let state = azure().poll(&vault(), &RunningOperation::new(path, Duration::from_secs(10))).await;
        tells_no_secret(&state);
        if let Ok(OperationState::Running { poll_after: Some(wait) }) = state {
            assert!((Duration::from_secs(1)..=Duration::from_secs(600)).contains(&wait), "{wait:?}");
        }
    }
}

/// An error can be put into words and classed, asks for no wait beyond reason, and gives the token away to nobody.
fn tells_no_secret<T>(outcome: &Result<T, AzureError>) {
    let Err(error) = outcome else { return };
    let _ = (error.class(), error.delivery(), error.is_gone());
    if let Some(wait) = error.retry_after() {
        assert!((Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&wait), "{wait:?}");
    }
    let told = format!("{} {error:?} {:?}", error_chain::one_line(error), error.service_error());
    assert!(!told.contains(TOKEN), "{told}");
}
