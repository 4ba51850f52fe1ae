//! The admin API below `/_admin`: looking at the emulator and changing what is in it. It needs no token and is not
//! journalled; it is not part of Azure.

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
use crate::id::ResourceId;
use crate::instance::timestamp;
use crate::journal::Entry;
use crate::route::Kind;
use crate::spec::SecretUri;
use crate::version::ApiVersion;
use crate::world::{Datasource, Grant, KeyVault, Policy, Vault, World};

/// Why an admin request was refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the body is not what this endpoint takes: {0}")]
    Body(#[from] serde_json::Error),
    #[error("there is no {what} '{name}'")]
    Unknown { what: &'static str, name: String },
    #[error("{0}")]
    Invalid(String),
    #[error("there is no {0} /_admin/{1}; see tests/emulator/README.md")]
    Endpoint(Method, String),
}

impl Refusal {
    fn unknown(what: &'static str, name: impl Into<String>) -> Self {
        Self::Unknown { what, name: name.into() }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Body(_) | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unknown { .. } | Self::Endpoint(..) => StatusCode::NOT_FOUND,
        }
    }
}

type Answer = Result<Response, Refusal>;

/// A permission: of whom, on what. One of the two ways to say whom.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GrantBody {
    principal_id: Option<Uuid>,
    /// The vault whose system-assigned identity is meant.
    vault: Option<ResourceId>,
    scope: ResourceId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyBody {
    vault: ResourceId,
    name: String,
    #[serde(default)]
    datasource_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IdBody {
    id: ResourceId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecretBody {
    uri: String,
}

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

    fn admin_world(&mut self, method: &Method, collection: &str, request: &Request) -> Answer {
        let world = &mut self.world;
        match (method, collection) {
            (&Method::GET, "grants") => return Ok(ok(&world.grants)),
            (&Method::POST, "grants") => {
                let grant = grant(world, body(request)?)?;
                world.grant(grant);
            }
            (&Method::DELETE, "grants") => {
                let grant = grant(world, body(request)?)?;
                return found(world.revoke(&grant), "grant on", grant.scope.as_str());
            }
            (&Method::PUT, "vaults") => world.put_vault(body::<Vault>(request)?),
            (&Method::DELETE, "vaults") => {
                let IdBody { id } = body(request)?;
                let before = world.vaults.len();
                world.vaults.retain(|vault| vault.id != id);
                return found(world.vaults.len() < before, "vault", id.as_str());
            }
            (&Method::PUT, "policies") => {
                let policy: PolicyBody = body(request)?;
                let datasource_types = policy.datasource_types;
                vault(world, &policy.vault)?.put_policy(Policy {
                    name: policy.name,
                    datasource_types,
                    policy_rules: None,
                });
            }
            (&Method::DELETE, "policies") => {
                let policy: PolicyBody = body(request)?;
                let policies = &mut vault(world, &policy.vault)?.policies;
                let before = policies.len();
                policies.retain(|known| !known.name.eq_ignore_ascii_case(&policy.name));
                return found(policies.len() < before, "policy", &policy.name);
            }
            (&Method::PUT, "datasources") => world.put_datasource(body::<Datasource>(request)?),
            (&Method::DELETE, "datasources") => {
                let IdBody { id } = body(request)?;
                let before = world.datasources.len();
                world.datasources.retain(|datasource| datasource.id != id);
                return found(world.datasources.len() < before, "datasource", id.as_str());
            }
            (&Method::PUT, "key-vaults") => world.put_key_vault(body::<KeyVault>(request)?),
            (&Method::DELETE, "key-vaults") => {
                let IdBody { id } = body(request)?;
                let before = world.key_vaults.len();
                world.key_vaults.retain(|key_vault| key_vault.id != id);
                return found(world.key_vaults.len() < before, "Key Vault", id.as_str());
            }
            (&Method::PUT, "secrets") => {
                let secret: SecretBody = body(request)?;
                let (name, secrets) = secrets(world, &secret.uri)?;
                secrets.retain(|known| !known.eq_ignore_ascii_case(&name));
                secrets.push(name);
            }
            (&Method::DELETE, "secrets") => {
                let secret: SecretBody = body(request)?;
                let (name, secrets) = secrets(world, &secret.uri)?;
                let before = secrets.len();
                secrets.retain(|known| !known.eq_ignore_ascii_case(&name));
                return found(secrets.len() < before, "secret", &name);
            }
            (method, collection) => return Err(Refusal::Endpoint(method.clone(), collection.to_owned())),
        }
        Ok(done())
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
                "error": operation.outcome.as_ref().and_then(|outcome| Some(outcome.failure.as_ref()?.error.code)),
            })
        });
        json!({
            "world": self.world,
            "backupInstances": instances,
            "deletedBackupInstances": deleted,
            "operations": operations.collect::<Vec<_>>(),
        })
    }

    /// All entries, or those of the `kind` and after the sequence number `after` of the query.
    fn read_journal(&self, request: &Request) -> Answer {
        let kind: Option<Kind> =
            request.query_value("kind").map(|kind| serde_json::from_value(Value::String(kind))).transpose()?;
        let after: u64 = match request.query_value("after") {
            Some(text) => {
                text.parse().map_err(|_| Refusal::Invalid(format!("after='{text}' is no sequence number")))?
            }
            None => 0,
        };
        let wanted = |entry: &&Entry| entry.sequence > after && kind.is_none_or(|kind| kind == entry.kind);
        let entries: Vec<&Entry> = self.journal().iter().filter(wanted).collect();
        Ok(ok(&entries))
    }
}

fn grant(world: &World, body: GrantBody) -> Result<Grant, Refusal> {
    let principal_id = match (body.principal_id, body.vault) {
        (Some(principal_id), None) => principal_id,
        (None, Some(id)) => {
            let vault = world.vault(&id).ok_or_else(|| Refusal::unknown("vault", id.as_str()))?;
            let identity = vault.identity.ok_or_else(|| {
                Refusal::Invalid(format!("the vault {id} has no system-assigned identity: give a principalId"))
            })?;
            identity.principal_id
        }
        _ => return Err(Refusal::Invalid("give either principalId or vault".to_owned())),
    };
    Ok(Grant { principal_id, scope: body.scope })
}

fn vault<'a>(world: &'a mut World, id: &ResourceId) -> Result<&'a mut Vault, Refusal> {
    let known = world.vaults.iter_mut().find(|vault| vault.id == *id);
    known.ok_or_else(|| Refusal::unknown("vault", id.as_str()))
}

/// The name of a secret, and the secrets of its Key Vault.
fn secrets<'a>(world: &'a mut World, uri: &str) -> Result<(String, &'a mut Vec<String>), Refusal> {
    let secret = SecretUri::parse(uri)
        .ok_or_else(|| Refusal::Invalid(format!("'{uri}' is not https://{{key vault}}/secrets/{{name}}")))?;
    let key_vault = world
        .key_vaults
        .iter_mut()
        .find(|key_vault| key_vault.host.eq_ignore_ascii_case(&secret.host))
        .ok_or_else(|| Refusal::unknown("Key Vault with the host", secret.host))?;
    Ok((secret.name, &mut key_vault.secrets))
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
