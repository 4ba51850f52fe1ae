//! The operator's two seams to Azure: the HTTP client and the credential.

use std::fmt;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, StatusCode};
use azure_core::time::{Duration as TimeSpan, OffsetDateTime};
use azure_emulator::{Entry, Request as EmulatedRequest, Response};
use bytes::Bytes;
use http::HeaderName;
use jiff::Timestamp;

use super::{Azure, Look, SignIn};
use crate::role;
use crate::wire::{Answered, Call, Carried, Reply};

/// How long a request takes.
pub const LATENCY: Duration = Duration::from_millis(60);

/// The only place that the operator may send a token to.
const ENDPOINT: &str = "https://management.azure.com";

/// How long before its end a token is no longer used, as in azure_identity.
const EARLY: Duration = Duration::from_secs(5 * 60);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Azure")
    }
}

/// An answer, and the backup instance that the request was about as it was then.
struct Served {
    answer: Response,
    look: Look,
}

impl Answered for Served {
    fn status(&self) -> u16 {
        self.answer.status.as_u16()
    }

    fn altered(mut self, change: fn(&mut http::Response<Bytes>)) -> Self {
        let mut answer = http::Response::new(self.answer.body);
        *answer.status_mut() = self.answer.status;
        *answer.headers_mut() = self.answer.headers;
        change(&mut answer);
        let (head, body) = answer.into_parts();
        self.answer = Response { status: head.status, headers: head.headers, body, ..Response::empty(head.status) };
        self
    }
}

impl HttpClient for Azure {
    fn execute_request<'client, 'request, 'future>(
        &'client self,
        request: &'request Request,
    ) -> Boxed<'future, azure_core::Result<AsyncRawResponse>>
    where
        'client: 'future,
        'request: 'future,
        Self: 'future,
    {
        if request.url().origin().ascii_serialization() != ENDPOINT {
            self.wire.violation(format!("the operator sent a request to {}", request.url()));
        }
        let emulated = emulated(request);
        let path = emulated.path.clone();
        let call = call(request.method(), &path).unwrap_or_else(|| {
            self.wire.violation(format!("the operator sent {} {path} to Azure", request.method()));
            Call::GetInstance
        });
        let azure = self.clone();
        Box::pin(async move {
            let about = subject(&path);
            let wire = azure.wire.clone();
            let (server, name) = (azure.clone(), about.to_owned());
            let serve = move || {
                let answer = server.serve(&emulated);
                Served { look: server.look_at(&name), answer }
            };
            match wire.carry(call, about, LATENCY, serve).await {
                Carried::Answer(Served { answer, look }) => {
                    if call == Call::GetInstance && matches!(answer.status.as_u16(), 200 | 404) {
                        azure.looks.lock().unwrap().insert(about.to_ascii_lowercase(), look);
                    }
                    Ok(received(&answer))
                }
                Carried::Instead(reply) => {
                    if call == Call::GetInstance && reply.status == 200 {
                        let look = Look { forged: true, ..azure.look_at(about) };
                        azure.looks.lock().unwrap().insert(about.to_ascii_lowercase(), look);
                    }
                    Ok(instead(&reply))
                }
                Carried::Refused => Err(azure_core::Error::with_message(ErrorKind::Connection, "connection refused")),
                Carried::Broken => Err(azure_core::Error::with_message(ErrorKind::Io, "connection reset")),
            }
        })
    }
}

impl Azure {
    /// Answers a request of the operator, which may be none that its documented role does not permit.
    fn serve(&self, request: &EmulatedRequest) -> Response {
        let mut engine = self.engine();
        let answer = engine.handle(self.time.now(), request);
        if let Some(entry) = engine.journal().last().filter(|entry| !role::permits(entry)) {
            let Entry { method, path, action, .. } = entry;
            self.wire
                .violation(format!("{method} {path} needs {action:?}, which the role of the operator does not have"));
        }
        answer
    }
}

/// The backup instance that a request is about, or whatever its path ends with.
fn subject(path: &str) -> &str {
    let mut segments = path.split('/').skip_while(|segment| !segment.to_ascii_lowercase().ends_with("backupinstances"));
    segments.nth(1).or_else(|| path.rsplit('/').next()).unwrap_or_default()
}

/// What a request is for; `None` for what the operator has no reason to send.
fn call(method: Method, path: &str) -> Option<Call> {
    let segments: Vec<&str> = path.rsplit('/').collect();
    match (method, segments.as_slice()) {
        (Method::Get, [_, "operationStatus" | "operationResults", ..]) => Some(Call::Poll),
        (Method::Get, [_, "backupVaults", ..]) => Some(Call::GetVault),
        (Method::Get, [_, "backupInstances", ..]) => Some(Call::GetInstance),
        (Method::Get, [_, "deletedBackupInstances", ..]) => Some(Call::GetDeleted),
        (Method::Get, ["backupInstances", ..]) => Some(Call::ListInstances),
        (Method::Put, [_, "backupInstances", ..]) => Some(Call::Put),
        (Method::Delete, [_, "backupInstances", ..]) => Some(Call::Delete),
        (Method::Post, ["validateForBackup", ..]) => Some(Call::Validate),
        (Method::Post, [action, _, "backupInstances", ..]) => match *action {
            "validateForModifyBackup" => Some(Call::ValidateChange),
            "sync" => Some(Call::Sync),
            "resumeProtection" => Some(Call::Resume),
            "suspendBackups" => Some(Call::Suspend),
            "stopProtection" => Some(Call::Stop),
            _ => None,
        },
        (Method::Post, ["undelete", _, "deletedBackupInstances", ..]) => Some(Call::Undelete),
        _ => None,
    }
}

fn emulated(request: &Request) -> EmulatedRequest {
    let method = request.method().as_str().parse().unwrap();
    let mut emulated = EmulatedRequest::new(method, request.url().as_str());
    for (name, value) in request.headers().iter() {
        emulated = emulated.with_header(HeaderName::from_bytes(name.as_str().as_bytes()).unwrap(), value.as_str());
    }
    let Body::Bytes(body) = request.body() else { panic!("the operator sends whole bodies") };
    emulated.body = body.clone();
    emulated
}

fn received(response: &Response) -> AsyncRawResponse {
    let mut headers = Headers::new();
    for (name, value) in &response.headers {
        headers.insert(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
    }
    AsyncRawResponse::from_bytes(StatusCode::from(response.status.as_u16()), headers, response.body.to_vec())
}

fn instead(reply: &Reply) -> AsyncRawResponse {
    let mut headers = Headers::new();
    if let Some(seconds) = reply.retry_after {
        headers.insert("retry-after", seconds.to_string());
    }
    for (name, value) in &reply.headers {
        headers.insert(*name, value.clone());
    }
    AsyncRawResponse::from_bytes(StatusCode::from(reply.status), headers, reply.body.to_string().into_bytes())
}

/// The operator's identity: keeps a token until shortly before it expires.
pub struct Identity {
    azure: Azure,
    token: Mutex<Option<(String, Timestamp)>>,
}

impl Identity {
    pub fn new(azure: Azure) -> Self {
        Self { azure, token: Mutex::default() }
    }

    async fn token(&self, audience: &str) -> azure_core::Result<String> {
        let now = self.azure.time.now();
        if let Some((token, until)) = &*self.token.lock().unwrap()
            && now < *until
        {
            return Ok(token.clone());
        }
        self.azure.sign_ins.fetch_add(1, Ordering::Relaxed);
        let behaviour = *self.azure.sign_in.lock().unwrap();
        let lifetime = match behaviour {
            SignIn::Works => LIFETIME - EARLY,
            SignIn::GivesSpentTokens => Duration::ZERO,
            SignIn::Hangs => std::future::pending().await,
            SignIn::Fails => {
                return Err(azure_core::Error::with_message(ErrorKind::Connection, "connection refused"));
            }
        };
        let issued = self.azure.engine().issue_token(now, audience);
        *self.token.lock().unwrap() = Some((issued.clone(), now + lifetime));
        Ok(issued)
    }
}

/// How long the engine's tokens are good.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl TokenCredential for Identity {
    fn get_token<'client, 'scopes, 'scope, 'options, 'future>(
        &'client self,
        scopes: &'scopes [&'scope str],
        _: Option<TokenRequestOptions<'options>>,
    ) -> Boxed<'future, azure_core::Result<AccessToken>>
    where
        'client: 'future,
        'scopes: 'future,
        'scope: 'future,
        'options: 'future,
        Self: 'future,
    {
        let audience = scopes[0].trim_end_matches(".default").trim_end_matches('/').to_owned();
        Box::pin(async move {
            let expires = OffsetDateTime::now_utc() + TimeSpan::hours(1);
            Ok(AccessToken::new(self.token(&audience).await?, expires))
        })
    }
}
