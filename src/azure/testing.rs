//! Stand-ins for Azure and for Microsoft Entra ID in the tests of this module.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::arm::{ArmClient, ArmOptions};
use super::cloud::Cloud;
use super::credential::Credential;
use super::id::{BackupInstanceId, VaultId};
use super::permit::{Identity, Permit};
use super::protection::DataProtection;
use super::version::ApiVersion;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, StatusCode};
use azure_core::time::{Duration as TimeSpan, OffsetDateTime};
use azure_core::{Bytes, Error};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(super) const VAULT: &str = "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/resourceGroups/backup/\
     providers/Microsoft.DataProtection/backupVaults/team-vault";

/// The article's database.
pub(super) const DATABASE: &str = "/subscriptions/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx/resourceGroups/ossdemoRG/\
     providers/Microsoft.DBforPostgreSQL/servers/testpostgresql/databases/empdb11";

pub(super) fn vault() -> VaultId {
    VAULT.parse().unwrap()
}

pub(super) fn instance() -> BackupInstanceId {
    vault().instance("orders-orders-1".parse().unwrap())
}

// What every token of the tests contains; must never be seen outside of an Authorization header.
pub(super) use test_support::secrets::CANARY;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the fake does with a request.
pub(super) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    Fail(ErrorKind),
    /// The answer begins and breaks off.
    BreakOff,
    /// The answer never ends.
    Endless,
    Hang,
}

pub(super) fn json(status: u16, body: Value) -> Reply {
    Reply::Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

pub(super) fn empty(status: u16, headers: &[(&'static str, &str)]) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Reply::Answer { status, headers, body: Vec::new() }
}

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Value>,
    /// The body of a form.
    pub(super) form: String,
}

/// An HTTP client that gives prepared answers in order and remembers what it was sent.
#[derive(Default)]
pub(super) struct FakeAzure {
    replies: Mutex<VecDeque<Reply>>,
    sent: Mutex<Vec<Sent>>,
}

impl FakeAzure {
    pub(super) fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        Arc::new(Self { replies: Mutex::new(replies.into_iter().collect()), sent: Mutex::default() })
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

impl std::fmt::Debug for FakeAzure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeAzure")
    }
}

impl HttpClient for FakeAzure {
    fn execute_request<'client, 'request, 'future>(
        &'client self,
        request: &'request Request,
    ) -> Boxed<'future, azure_core::Result<AsyncRawResponse>>
    where
        'client: 'future,
        'request: 'future,
        Self: 'future,
    {
        let Body::Bytes(body) = request.body() else { panic!("bodies are bytes") };
        self.sent.lock().unwrap().push(Sent {
            method: request.method(),
            url: request.url().to_string(),
            headers: request.headers().iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
            body: serde_json::from_slice(body).ok(),
            form: String::from_utf8_lossy(body).into_owned(),
        });
        let reply = self.replies.lock().unwrap().pop_front().expect("no reply prepared");
        Box::pin(async move {
            match reply {
                Reply::Answer { status, headers, body } => {
                    let mut given = Headers::new();
                    headers.into_iter().for_each(|(name, value)| given.insert(name, value));
                    Ok(AsyncRawResponse::from_bytes(StatusCode::from(status), given, body))
                }
                Reply::Fail(kind) => Err(Error::with_message(kind, "the network is down")),
                Reply::BreakOff => {
                    let chunks = [Ok(Bytes::from_static(b"{")), Err(Error::with_message(ErrorKind::Io, "reset"))];
                    let stream = Box::pin(futures::stream::iter(chunks));
                    Ok(AsyncRawResponse::new(StatusCode::Ok, Headers::new(), stream))
                }
                Reply::Endless => {
                    let stream = futures::stream::repeat_with(|| Ok(Bytes::from(vec![b' '; 64 * 1024])));
                    Ok(AsyncRawResponse::new(StatusCode::Ok, Headers::new(), Box::pin(stream)))
                }
                Reply::Hang => std::future::pending().await,
            }
        })
    }
}

/// A credential whose tokens are numbered by the instance that gave them.
#[derive(Debug)]
struct FakeCredential(usize);

impl TokenCredential for FakeCredential {
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
        let token = format!("{CANARY}-{}", self.0);
        let expires = OffsetDateTime::now_utc() + TimeSpan::hours(1);
        Box::pin(async move { Ok(AccessToken::new(token, expires)) })
    }
}

/// A credential, and how often it was built.
pub(super) fn credential() -> (Credential, Arc<AtomicUsize>) {
    let built = Arc::new(AtomicUsize::new(0));
    let counter = built.clone();
    let credential = Credential::from_builder(&Cloud::public(), move || {
        Ok(Arc::new(FakeCredential(counter.fetch_add(1, Ordering::SeqCst))))
    });
    (credential.unwrap(), built)
}

pub(super) fn arm(azure: &Arc<FakeAzure>, options: ArmOptions) -> ArmClient {
    ArmClient::new(Cloud::public(), credential().0, azure.clone(), options)
}

pub(super) fn protection(azure: &Arc<FakeAzure>) -> DataProtection {
    DataProtection::new(arm(azure, ArmOptions::default()), ApiVersion::default(), permit())
}

/// Permits requests about the vault of most tests.
pub(super) fn permit() -> Permit {
    permit_for(&vault())
}

/// Permits requests about a vault and the article's database.
pub(super) fn permit_for(vault: &VaultId) -> Permit {
    Permit::issue("test", vault.clone(), DATABASE.parse().unwrap(), None, Identity::Own)
}
