//! Who can sign in, as Microsoft Entra ID knows them: applications, managed identities, and how each proves who it is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::federation::{FederatedCredential, TokenIssuer};
use crate::roles::RoleAssignment;
use crate::token::Caller;
use crate::world::World;

/// An application that may sign in to a world without principals. In one with principals it adds a client secret to
/// the principal of its client id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// The application (client) id.
    pub client_id: Uuid,
    /// A client secret. Left out: only federated assertions are accepted.
    #[serde(default, skip_serializing)]
    pub client_secret: Option<String>,
}

/// The identities assigned to the host, as the App Service endpoint serves them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedIdentity {
    /// The client id of the identity that a request gets which names none.
    pub client_id: Uuid,
    /// The client ids of the other ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_assigned: Vec<Uuid>,
    /// What the caller must send as `X-IDENTITY-HEADER` (the environment's `IDENTITY_HEADER`).
    #[serde(skip_serializing)]
    pub identity_header: String,
}

/// A service principal: who may sign in, and whom roles are assigned to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Principal {
    /// The object id, to which roles are assigned.
    pub object_id: Uuid,
    /// The client (application) id, with which it signs in.
    pub client_id: Uuid,
    /// Its tenant. Left out: that of the world, to which all subscriptions belong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<Uuid>,
    /// What it is.
    pub kind: PrincipalKind,
    /// A client secret; only an application has one.
    #[serde(default, skip_serializing)]
    pub client_secret: Option<String>,
    /// Whose tokens it may sign in with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub federated_credentials: Vec<FederatedCredential>,
}

/// The kinds of principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PrincipalKind {
    /// An application registration's.
    Application,
    /// A managed identity; the App Service endpoint serves it when it is assigned to the host.
    ManagedIdentity,
}

/// Someone of whom the token endpoint knows how they sign in.
pub(crate) struct Account<'a> {
    pub(crate) caller: Caller,
    secrets: Vec<&'a str>,
    pub(crate) federated_credentials: &'a [FederatedCredential],
}

impl Account<'_> {
    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        self.secrets.contains(&secret)
    }
}

impl Principal {
    /// Trusts an issuer's tokens for a subject; does nothing when it does so already.
    pub fn trust(&mut self, credential: FederatedCredential) {
        if !self.federated_credentials.contains(&credential) {
            self.federated_credentials.push(credential);
        }
    }

    /// Trusts them no longer. Returns whether it did.
    pub fn distrust(&mut self, credential: &FederatedCredential) -> bool {
        let before = self.federated_credentials.len();
        self.federated_credentials.retain(|known| known != credential);
        self.federated_credentials.len() < before
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller { client_id: self.client_id, object_id: Some(self.object_id) }
    }
}

impl World {
    /// The principal with this object id.
    pub fn principal(&self, object_id: Uuid) -> Option<&Principal> {
        self.principals.iter().find(|principal| principal.object_id == object_id)
    }

    /// Adds a principal, or replaces the one of the same object id.
    pub fn put_principal(&mut self, principal: Principal) {
        self.principals.retain(|known| known.object_id != principal.object_id);
        self.principals.push(principal);
    }

    /// Removes a principal, so that it signs in no more; its tokens and role assignments stay. Returns whether there was
    /// one.
    pub fn remove_principal(&mut self, object_id: Uuid) -> bool {
        let before = self.principals.len();
        self.principals.retain(|known| known.object_id != object_id);
        self.principals.len() < before
    }

    /// Assigns a role; does nothing when it is assigned already.
    pub fn assign_role(&mut self, assignment: RoleAssignment) {
        if !self.role_assignments.contains(&assignment) {
            self.role_assignments.push(assignment);
        }
    }

    /// Takes a role away. Returns whether it was assigned.
    pub fn remove_role(&mut self, assignment: &RoleAssignment) -> bool {
        let before = self.role_assignments.len();
        self.role_assignments.retain(|known| known != assignment);
        self.role_assignments.len() < before
    }

    /// Adds an issuer of tokens, or replaces its keys.
    pub fn put_token_issuer(&mut self, issuer: TokenIssuer) {
        self.token_issuers.retain(|known| known.issuer != issuer.issuer);
        self.token_issuers.push(issuer);
    }

    /// Whether role assignments decide what a caller may do: as soon as there is a principal, or an assignment.
    pub fn enforces_roles(&self) -> bool {
        !self.principals.is_empty() || !self.role_assignments.is_empty()
    }

    /// Whether assertions are verified: as soon as somebody trusts an issuer, or an issuer's keys are known.
    pub fn verifies_assertions(&self) -> bool {
        !self.token_issuers.is_empty()
            || self.principals.iter().any(|principal| !principal.federated_credentials.is_empty())
    }

    pub(crate) fn tenant_of(&self, principal: &Principal) -> Uuid {
        principal.tenant_id.unwrap_or(self.tenant_id)
    }

    /// The tenant of this id.
    pub(crate) fn tenant(&self, id: &str) -> Option<Uuid> {
        let own = self.principals.iter().map(|principal| self.tenant_of(principal));
        std::iter::once(self.tenant_id).chain(own).find(|tenant| id.eq_ignore_ascii_case(&tenant.to_string()))
    }

    /// Who signs in with this client id in this tenant.
    pub(crate) fn account(&self, tenant: Uuid, client_id: &str) -> Option<Account<'_>> {
        let is_named = |id: Uuid| client_id.eq_ignore_ascii_case(&id.to_string());
        let mut clients = self.clients.iter().filter(|client| tenant == self.tenant_id && is_named(client.client_id));
        if !self.enforces_roles() {
            let client = clients.next()?;
            let caller = Caller { client_id: client.client_id, object_id: None };
            let secrets = client.client_secret.as_deref().into_iter().collect();
            return Some(Account { caller, secrets, federated_credentials: &[] });
        }
        let mut principals = self.principals.iter();
        let principal =
            principals.find(|principal| is_named(principal.client_id) && self.tenant_of(principal) == tenant)?;
        let own = principal.client_secret.as_deref();
        let secrets = match principal.kind {
            PrincipalKind::Application => {
                own.into_iter().chain(clients.filter_map(|client| client.client_secret.as_deref())).collect()
            }
            PrincipalKind::ManagedIdentity => Vec::new(),
        };
        let federated_credentials = &principal.federated_credentials;
        Some(Account { caller: principal.caller(), secrets, federated_credentials })
    }

    /// The identity of the host that a request gets which names this client id, or none.
    pub(crate) fn host_identity(&self, client_id: Option<&str>) -> Option<Caller> {
        let host = self.managed_identity.as_ref()?;
        let client_id = match client_id {
            None => host.client_id,
            Some(wanted) => *std::iter::once(&host.client_id)
                .chain(&host.user_assigned)
                .find(|id| wanted.eq_ignore_ascii_case(&id.to_string()))?,
        };
        if !self.enforces_roles() {
            return Some(Caller { client_id, object_id: None });
        }
        let is_served = |principal: &&Principal| {
            principal.client_id == client_id
                && principal.kind == PrincipalKind::ManagedIdentity
                && self.tenant_of(principal) == self.tenant_id
        };
        self.principals.iter().find(is_served).map(Principal::caller)
    }
}
