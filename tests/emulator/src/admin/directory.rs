//! Changes of who can sign in, and of what they may do.

use http::Method;
use serde::Deserialize;
use uuid::Uuid;

use super::{Answer, Refusal, body, done, found, ok};
use crate::directory::Principal;
use crate::engine::Engine;
use crate::federation::{FederatedCredential, TokenIssuer};
use crate::http::Request;
use crate::roles::RoleAssignment;
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PrincipalBody {
    object_id: Uuid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssuerBody {
    issuer: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CredentialBody {
    /// The object id of the principal.
    principal_id: Uuid,
    credential: FederatedCredential,
}

impl Engine {
    pub(super) fn admin_principals(&mut self, method: &Method, request: &Request) -> Answer {
        match *method {
            Method::GET => return Ok(ok(&self.world.principals)),
            Method::PUT => self.world_mut().put_principal(body::<Principal>(request)?),
            Method::DELETE => {
                let PrincipalBody { object_id } = body(request)?;
                let removed = self.world_mut().remove_principal(object_id);
                return found(removed, "principal", &object_id.to_string());
            }
            _ => return Err(Refusal::Endpoint(method.clone(), "principals".to_owned())),
        }
        Ok(done())
    }

    pub(super) fn admin_role_assignments(&mut self, method: &Method, request: &Request) -> Answer {
        match *method {
            Method::GET => return Ok(ok(&self.world.role_assignments)),
            Method::POST => {
                let assignment: RoleAssignment = body(request)?;
                let world = self.world_mut();
                principal(world, assignment.principal_id)?;
                world.assign_role(assignment);
            }
            Method::DELETE => {
                let assignment: RoleAssignment = body(request)?;
                let removed = self.world_mut().remove_role(&assignment);
                return found(removed, "role assignment on", assignment.scope.as_str());
            }
            _ => return Err(Refusal::Endpoint(method.clone(), "role-assignments".to_owned())),
        }
        Ok(done())
    }

    pub(super) fn admin_federated_credentials(&mut self, method: &Method, request: &Request) -> Answer {
        match *method {
            Method::POST => {
                let CredentialBody { principal_id, credential } = body(request)?;
                principal(self.world_mut(), principal_id)?.trust(credential);
                Ok(done())
            }
            Method::DELETE => {
                let CredentialBody { principal_id, credential } = body(request)?;
                let removed = principal(self.world_mut(), principal_id)?.distrust(&credential);
                found(removed, "federated credential for", &credential.subject)
            }
            _ => Err(Refusal::Endpoint(method.clone(), "federated-credentials".to_owned())),
        }
    }

    pub(super) fn admin_token_issuers(&mut self, method: &Method, request: &Request) -> Answer {
        match *method {
            Method::GET => return Ok(ok(&self.world.token_issuers)),
            Method::PUT => self.world_mut().put_token_issuer(body::<TokenIssuer>(request)?),
            Method::DELETE => {
                let IssuerBody { issuer } = body(request)?;
                let issuers = &mut self.world_mut().token_issuers;
                let before = issuers.len();
                issuers.retain(|known| known.issuer != issuer);
                return found(issuers.len() < before, "issuer of tokens", &issuer);
            }
            _ => return Err(Refusal::Endpoint(method.clone(), "token-issuers".to_owned())),
        }
        Ok(done())
    }
}

fn principal(world: &mut World, object_id: Uuid) -> Result<&mut Principal, Refusal> {
    let known = world.principals.iter_mut().find(|principal| principal.object_id == object_id);
    known.ok_or_else(|| Refusal::unknown("principal", object_id.to_string()))
}
