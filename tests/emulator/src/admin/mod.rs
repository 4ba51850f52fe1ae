//! The admin API below `/_admin`: looking at the emulator and changing what is in it. It needs no token and is not
//! journalled; it is not part of Azure.

mod directory;
mod instances;
mod world;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::TimeScale;
use crate::engine::Engine;
use crate::faults::Fault;
use crate::http::{Request, Response};
use crate::instance::timestamp;
use crate::journal::Entry;
use crate::portal::PortalError;
use crate::route::Kind;
use crate::settings::Settings;
use crate::version::ApiVersion;
use crate::world::World;

/// Why an admin request was refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the body is not what this endpoint takes: {0}")]
    Body(#[from] serde_json::Error),
    #[error("there is no {what} '{name}'")]
    Unknown { what: &'static str, name: String },
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Portal(#[from] PortalError),
    #[error("there is no {0} /_admin/{1}; see tests/emulator/ADMIN.md")]
    Endpoint(Method, String),
}

impl Refusal {
    fn unknown(what: &'static str, name: impl Into<String>) -> Self {
        Self::Unknown { what, name: name.into() }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Body(_) | Self::Invalid(_) | Self::Portal(PortalError::NotAnInstance(_)) => StatusCode::BAD_REQUEST,
            Self::Unknown { .. } | Self::Endpoint(..) | Self::Portal(PortalError::NoVault(_)) => StatusCode::NOT_FOUND,
        }
    }
}

type Answer = Result<Response, Refusal>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimeScaleBody {
    time_scale: TimeScale,
}

impl Engine {
    pub(crate) fn admin(&mut self, now: Timestamp, request: &Request, path: &[String]) -> Response {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.admin_request(now, request, &path)
            .unwrap_or_else(|refusal| Response::json(refusal.status(), &json!({ "error": refusal.to_string() })))
    }

    fn admin_request(&mut self, now: Timestamp, request: &Request, path: &[&str]) -> Answer {
        match (&request.method, path) {
            (&Method::GET, ["world"]) => Ok(ok(&self.world_with_state())),
            (&Method::PUT, ["world"]) => {
                let world: World = body(request)?;
                self.reset(world);
                Ok(done())
            }
            (&Method::GET, ["journal"]) => self.read_journal(request),
            (&Method::DELETE, ["journal"]) => {
                self.clear_journal();
                Ok(done())
            }
            (&Method::GET, ["traffic"]) => Ok(ok(self.traffic())),
            (&Method::DELETE, ["traffic"]) => {
                self.clear_traffic();
                Ok(done())
            }
            (&Method::GET, ["time-scale"]) => Ok(ok(&TimeScaleBody { time_scale: self.time_scale() })),
            (&Method::PUT, ["time-scale"]) => {
                let wanted: TimeScaleBody = body(request)?;
                self.set_time_scale(now, wanted.time_scale);
                Ok(ok(&wanted))
            }
            (&Method::DELETE, ["tokens"]) => {
                self.revoke_tokens();
                Ok(done())
            }
            (&Method::GET, ["settings"]) => Ok(ok(&self.world.settings)),
            (&Method::PUT, ["settings"]) => {
                let settings: Settings = body(request)?;
                self.world_mut().settings = settings;
                Ok(ok(&self.world.settings))
            }
            (method, ["principals"]) => self.admin_principals(method, request),
            (method, ["role-assignments"]) => self.admin_role_assignments(method, request),
            (method, ["federated-credentials"]) => self.admin_federated_credentials(method, request),
            (method, ["token-issuers"]) => self.admin_token_issuers(method, request),
            (method, ["instances"]) => self.admin_instances(method, request),
            (method, ["faults", rest @ ..]) => self.admin_faults(method, rest, request),
            (method, [collection]) => self.admin_world(method, collection, request),
            (method, path) => Err(Refusal::Endpoint(method.clone(), path.join("/"))),
        }
    }

    fn admin_faults(&mut self, method: &Method, path: &[&str], request: &Request) -> Answer {
        match (method, path) {
            (&Method::GET, []) => Ok(ok(self.faults.pending())),
            (&Method::POST, []) => {
                let fault: Fault = body(request)?;
                let id = self.add_fault(fault);
                Ok(Response::json(StatusCode::CREATED, &json!({ "id": id })))
            }
            (&Method::DELETE, []) => {
                self.clear_faults();
                Ok(done())
            }
            (&Method::DELETE, [id]) => {
                let removed = id.parse().is_ok_and(|id| self.faults.remove(id));
                found(removed, "fault", id)
            }
            (method, path) => Err(Refusal::Endpoint(method.clone(), format!("faults/{}", path.join("/")))),
        }
    }

    /// The inventory in the form of the seed file, and what came of it.
    fn world_with_state(&self) -> Value {
        let latest = ApiVersion::all().next_back();
        let show = |version: ApiVersion| {
            let instances: Vec<_> = self.instances.values().map(|instance| instance.resource(version)).collect();
            let deleted: Vec<_> = self.tombstones.values().map(|tombstone| tombstone.resource(version)).collect();
            (json!(instances), json!(deleted))
        };
        let (instances, deleted) = latest.map(show).unwrap_or_default();
        let operations = self.operations.values().map(|operation| {
            json!({
                "id": operation.id,
                "vault": operation.vault,
                "apiVersion": operation.version.as_str(),
                "startTime": timestamp(operation.started),
                "endTime": operation.outcome.as_ref().map(|outcome| timestamp(outcome.ended)),
                "error": operation.outcome.as_ref().and_then(|outcome| Some(&outcome.failure.as_ref()?.error.code)),
            })
        });
        json!({
            "world": self.world,
            "backupInstances": instances,
            "deletedBackupInstances": deleted,
            "operations": operations.collect::<Vec<_>>(),
        })
    }

    /// All entries, or those of the `kind`, sent by the `principal` and after the sequence number `after` of the query.
    fn read_journal(&self, request: &Request) -> Answer {
        let kind: Option<Kind> =
            request.query_value("kind").map(|kind| serde_json::from_value(Value::String(kind))).transpose()?;
        let after: u64 = match request.query_value("after") {
            Some(text) => {
                text.parse().map_err(|_| Refusal::Invalid(format!("after='{text}' is no sequence number")))?
            }
            None => 0,
        };
        let principal = match request.query_value("principal") {
            Some(text) => {
                let id = Uuid::parse_str(&text);
                Some(id.map_err(|_| Refusal::Invalid(format!("principal='{text}' is no object id or client id")))?)
            }
            None => None,
        };
        let wanted = |entry: &&Entry| {
            entry.sequence > after
                && kind.is_none_or(|kind| kind == entry.kind)
                && principal.is_none_or(|id| entry.is_by(id))
        };
        let entries: Vec<&Entry> = self.journal().iter().filter(wanted).collect();
        Ok(ok(&entries))
    }
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    Ok(serde_json::from_slice(&request.body)?)
}

fn ok(body: &impl Serialize) -> Response {
    Response::json(StatusCode::OK, body)
}

fn done() -> Response {
    Response::empty(StatusCode::NO_CONTENT)
}

fn found(found: bool, what: &'static str, name: &str) -> Answer {
    if found { Ok(done()) } else { Err(Refusal::unknown(what, name)) }
}
