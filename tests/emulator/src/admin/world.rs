//! Changes of what exists besides backup instances.

use http::Method;
use serde::Deserialize;
use uuid::Uuid;

use super::{Answer, Refusal, body, done, found, ok};
use crate::engine::Engine;
use crate::http::Request;
use crate::id::ResourceId;
use crate::security::VaultSecurity;
use crate::spec::SecretUri;
use crate::world::{Datasource, Grant, KeyVault, Policy, Vault, World};

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

impl Engine {
    pub(super) fn admin_world(&mut self, method: &Method, collection: &str, request: &Request) -> Answer {
        let world = if *method == Method::GET { &mut self.world } else { self.world_mut() };
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
            (&Method::PUT, "vault-security") => world.put_vault_security(body::<VaultSecurity>(request)?),
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
