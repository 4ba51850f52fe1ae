//! Requests taken apart, and answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Collected, Full, StreamBody};
use k8s_openapi::api::events::v1::Event;
use kube::client::Body;
use postgres_backup_operator::api::FIELD_MANAGER;
use serde_json::{Value, json};
use tower::BoxError;

use super::leases::LeaseRequest;
use super::resource::{Key, Refusal};
use super::{ApiServer, CLUSTER_UID, Collection, LATENCY};
use crate::wire::{Answered, Call, Carried, Reply};
use crate::{contract, secrets};

type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// A request that the fake knows.
enum Action {
    List {
        what: Collection,
        namespace: Option<String>,
        metadata_only: bool,
        limit: Option<usize>,
        from: Option<String>,
    },
    Watch {
        what: Collection,
        namespace: Option<String>,
        version: u64,
        timeout: Duration,
    },
    TellGrant {
        name: String,
        status: Value,
    },
    Get {
        key: Key,
    },
    GetKubeSystem,
    PatchObject {
        key: Key,
        patch: Value,
    },
    ApplyStatus {
        key: Key,
        status: Value,
    },
    CreateEvent {
        event: Value,
    },
    PatchEvent {
        name: String,
        patch: Value,
    },
    Lease(LeaseRequest),
    Unknown {
        what: String,
    },
}

impl Action {
    fn call(&self) -> Call {
        match self {
            Self::List { what: Collection::Backups, .. } => Call::List,
            Self::Watch { what: Collection::Backups, .. } => Call::Watch,
            Self::List { .. } => Call::ListPermissions,
            Self::Watch { .. } => Call::WatchPermissions,
            Self::TellGrant { .. } => Call::TellGrant,
            Self::Get { .. } | Self::GetKubeSystem | Self::Unknown { .. } => Call::Get,
            Self::PatchObject { .. } => Call::PatchFinalizers,
            Self::ApplyStatus { .. } => Call::ApplyStatus,
            Self::CreateEvent { .. } | Self::PatchEvent { .. } => Call::PublishEvent,
            Self::Lease(request) => request.call(),
        }
    }

    fn about(&self) -> String {
        match self {
            Self::Get { key } | Self::PatchObject { key, .. } | Self::ApplyStatus { key, .. } => key.1.clone(),
            Self::CreateEvent { event } => event["reason"].as_str().unwrap_or_default().to_owned(),
            Self::PatchEvent { name, .. } | Self::TellGrant { name, .. } => name.clone(),
            Self::GetKubeSystem => "kube-system".to_owned(),
            Self::Lease(request) => request.about(),
            Self::Unknown { what } => what.clone(),
            Self::List { .. } | Self::Watch { .. } => String::new(),
        }
    }
}

/// Answers a request of the operator.
pub async fn serve(server: ApiServer, request: Request<Body>) -> Result<Response<ResponseBody>, BoxError> {
    let (head, body) = request.into_parts();
    let body = body.collect_bytes().await?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
    let action = parse(&head, body);
    let (call, about) = (action.call(), action.about());
    let wire = server.wire.clone();
    match wire.carry(call, &about, LATENCY, move || server.act(action)).await {
        Carried::Answer(answer) => Ok(answer),
        Carried::Instead(reply) => Ok(instead(&reply)),
        Carried::Refused => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()),
        Carried::Broken => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
    }
}

impl Answered for Response<ResponseBody> {
    fn status(&self) -> u16 {
        self.status().as_u16()
    }

    fn altered(self, change: fn(&mut Response<Bytes>)) -> Self {
        let (head, body) = self.into_parts();
        // A stream that goes on is cut off.
        let whole = body.collect().now_or_never().and_then(Result::ok).map(Collected::to_bytes);
        let mut answer = Response::from_parts(head, whole.unwrap_or_default());
        change(&mut answer);
        answer.map(|body| Full::new(body).boxed_unsync())
    }
}

fn parse(head: &http::request::Parts, body: Value) -> Action {
    let path: Vec<&str> = head.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parameter = |name: &str| query.get(name).cloned();
    let key = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    let collection = |what: Collection, namespace: Option<&str>| {
        let namespace = namespace.map(str::to_owned);
        if parameter("watch").as_deref() == Some("true") {
            let timeout = parameter("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(1800);
            let version = parameter("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or_default();
            return Action::Watch { what, namespace, version, timeout: Duration::from_secs(timeout) };
        }
        Action::List {
            what,
            namespace,
            metadata_only: header(ACCEPT).contains("as=PartialObjectMetadataList"),
            limit: parameter("limit").and_then(|limit| limit.parse().ok()),
            from: parameter("continue"),
        }
    };
    const GROUP: [&str; 3] = ["apis", "pgbackup.dev", "v1alpha1"];
    const EVENTS: [&str; 3] = ["apis", "events.k8s.io", "v1"];
    const LEASES: [&str; 3] = ["apis", "coordination.k8s.io", "v1"];
    let content = header(CONTENT_TYPE);
    match (&head.method, path.split_first_chunk::<3>()) {
        (&Method::GET, Some((&GROUP, ["postgresbackups"]))) => collection(Collection::Backups, None),
        (&Method::GET, Some((&GROUP, ["postgresbackupgrants"]))) => collection(Collection::Grants, None),
        (&Method::PATCH, Some((&GROUP, ["postgresbackupgrants", name, "status"])))
            if content == "application/apply-patch+yaml"
                && parameter("fieldManager").as_deref() == Some(FIELD_MANAGER)
                && parameter("force").as_deref() == Some("true") =>
        {
            Action::TellGrant { name: (*name).to_owned(), status: body }
        }
        (&Method::GET, Some((&["api", "v1", "namespaces"], []))) => collection(Collection::Namespaces, None),
        (&Method::GET, Some((&GROUP, ["namespaces", namespace, "postgresbackups"]))) => {
            collection(Collection::Backups, Some(namespace))
        }
        (&Method::GET, Some((&GROUP, ["namespaces", namespace, "postgresbackups", name]))) => {
            Action::Get { key: key(namespace, name) }
        }
        (&Method::PATCH, Some((&GROUP, ["namespaces", namespace, "postgresbackups", name])))
            if content == "application/json-patch+json" =>
        {
            Action::PatchObject { key: key(namespace, name), patch: body }
        }
        (&Method::PATCH, Some((&GROUP, ["namespaces", namespace, "postgresbackups", name, "status"])))
            if content == "application/apply-patch+yaml"
                && parameter("fieldManager").as_deref() == Some(FIELD_MANAGER)
                && parameter("force").as_deref() == Some("true") =>
        {
            Action::ApplyStatus { key: key(namespace, name), status: body }
        }
        (&Method::POST, Some((&EVENTS, ["namespaces", _, "events"]))) => Action::CreateEvent { event: body },
        (&Method::PATCH, Some((&EVENTS, ["namespaces", _, "events", name])))
            if content == "application/merge-patch+json" =>
        {
            Action::PatchEvent { name: (*name).to_owned(), patch: body }
        }
        (method, Some((&LEASES, ["namespaces", namespace, "leases", rest @ ..]))) => {
            Action::Lease(LeaseRequest::parse(method, namespace, rest, body))
        }
        (&Method::GET, Some((&["api", "v1", "namespaces"], ["kube-system"]))) => Action::GetKubeSystem,
        (method, _) => Action::Unknown { what: format!("{method} {} ({content})", head.uri) },
    }
}

impl ApiServer {
    fn act(&self, action: Action) -> Response<ResponseBody> {
        let result = match action {
            Action::List { what, namespace, metadata_only, limit, from } => {
                Ok(self.list(what, namespace.as_deref(), metadata_only, limit, from))
            }
            Action::Watch { what, namespace, version, timeout } => {
                let lines = self.watch(what, namespace, version, timeout);
                let body = StreamBody::new(lines.map(|line| Ok::<_, Infallible>(Frame::data(line))));
                return Response::new(body.boxed_unsync());
            }
            Action::TellGrant { name, status } => self.tell_grant(&name, &status),
            Action::Get { key } => self.stored(&key),
            Action::GetKubeSystem => Ok(json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": { "name": "kube-system", "uid": CLUSTER_UID, "resourceVersion": "1" },
            })),
            Action::PatchObject { key, patch } => self.patch_object(&key, &patch),
            Action::ApplyStatus { key, status } => self.apply_status(&key, &status),
            Action::CreateEvent { event } => Ok(self.create_event(event)),
            Action::PatchEvent { name, patch } => self.patch_event(&name, &patch),
            Action::Lease(request) => self.serve_lease(request),
            Action::Unknown { what } => {
                self.wire.violation(format!("the fake API server does not know {what}"));
                Err(Refusal::new(501, "NotImplemented", what))
            }
        };
        match result {
            Ok(body) => answer(StatusCode::OK, &body),
            Err(refusal) => answer(StatusCode::from_u16(refusal.code).unwrap(), &refusal.status()),
        }
    }

    /// The objects in the order of their keys; those that do not fit the limit on the next page.
    fn list(
        &self,
        what: Collection,
        namespace: Option<&str>,
        metadata_only: bool,
        limit: Option<usize>,
        from: Option<String>,
    ) -> Value {
        let horizon = self.horizon(what);
        let store = self.collection(what);
        let (objects, version) = match horizon {
            Some(horizon) => store.as_of(horizon),
            None => (store.objects().clone(), store.version()),
        };
        let mut items = objects
            .iter()
            .filter(|(key, _)| namespace.is_none_or(|namespace| key.0 == namespace))
            .skip_while(|(key, _)| from.as_ref().is_some_and(|from| format!("{}/{}", key.0, key.1) < *from));
        let page: Vec<Value> =
            items.by_ref().take(limit.unwrap_or(usize::MAX)).map(|(_, object)| object.clone()).collect();
        let next = items.next().map(|(key, _)| format!("{}/{}", key.0, key.1));
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if let Some(next) = next {
            metadata["continue"] = json!(next);
        }
        if metadata_only {
            let items: Vec<Value> = page.iter().map(|object| json!({ "metadata": object["metadata"] })).collect();
            return json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": metadata, "items": items,
            });
        }
        let (api_version, kind) = what.kind();
        json!({
            "apiVersion": api_version, "kind": format!("{kind}List"), "metadata": metadata, "items": page,
        })
    }

    fn create_event(&self, event: Value) -> Value {
        secrets::overhear(&event.to_string());
        let typed: Event = serde_json::from_value(event.clone()).expect("the operator publishes an event");
        contract::event_breaches(&typed).into_iter().for_each(|breach| self.wire.violation(breach));
        self.store().add_event(typed);
        event
    }

    fn patch_event(&self, name: &str, patch: &Value) -> Result<Value, Refusal> {
        let mut store = self.store();
        let event = store.event_mut(name).ok_or_else(|| Refusal::not_found(name))?;
        let mut value = serde_json::to_value(&*event).unwrap();
        json_patch::merge(&mut value, patch);
        *event = serde_json::from_value(value.clone()).expect("the operator publishes an event");
        Ok(value)
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<ResponseBody> {
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(body).unwrap()
}

fn instead(reply: &Reply) -> Response<ResponseBody> {
    let mut response = answer(StatusCode::from_u16(reply.status).unwrap(), &reply.body);
    if let Some(seconds) = reply.retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    for (name, value) in &reply.headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}
