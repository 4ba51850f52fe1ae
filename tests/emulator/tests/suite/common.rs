//! A world, a clock and a token.

use std::time::Duration;

use azure_emulator::{
    CustomRole, Datasource, Engine, EngineConfig, Grant, Identity, KeyVault, Policy, Principal, PrincipalKind, Request,
    ResourceId, Response, Role, RoleAssignment, Scope, SoftDelete, SoftDeleteState, Vault, World,
};
use http::{HeaderName, Method};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub(crate) const FLEXIBLE_SERVER: &str = "Microsoft.DBforPostgreSQL/flexibleServers";
pub(crate) const DATABASE: &str = "Microsoft.DBforPostgreSQL/servers/databases";

/// An engine under a time that only the test moves.
pub(crate) struct Run {
    pub(crate) engine: Engine,
    pub(crate) now: Timestamp,
    token: String,
}

impl Run {
    pub(crate) fn new(world: World) -> Self {
        Self::with(world, |_| {})
    }

    pub(crate) fn with(world: World, change: impl FnOnce(&mut EngineConfig)) -> Self {
        let now: Timestamp = "2026-01-05T08:00:00.1234567Z".parse().unwrap();
        let mut config = EngineConfig::new(world, now);
        config.token_lifetime = Duration::from_secs(365 * 24 * 3600);
        change(&mut config);
        let mut engine = Engine::new(config);
        let token = engine.issue_token(now, "https://management.azure.com");
        Self { engine, now, token }
    }

    pub(crate) fn send(&mut self, method: Method, url: &str, body: Option<&Value>) -> Response {
        self.send_with(method, url, body, &[])
    }

    pub(crate) fn send_with(
        &mut self,
        method: Method,
        url: &str,
        body: Option<&Value>,
        headers: &[(&'static str, &str)],
    ) -> Response {
        let mut request = Request::new(method, url).with_bearer(&self.token);
        if let Some(body) = body {
            request = request.with_json(body);
        }
        for (name, value) in headers {
            request = request.with_header(HeaderName::from_static(name), value);
        }
        self.engine.handle(self.now, &request)
    }

    /// From now on, requests come from the principal with this number.
    pub(crate) fn sign_in(&mut self, number: u128) {
        let token = self.engine.issue_token_for(self.now, object_id(number), "https://management.azure.com");
        self.token = token.unwrap();
    }

    pub(crate) fn get(&mut self, url: &str) -> Response {
        self.send(Method::GET, url, None)
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += jiff::SignedDuration::try_from(time).unwrap();
    }

    pub(crate) fn wait_seconds(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }
}

pub(crate) fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

pub(crate) fn principal(number: u128) -> Identity {
    Identity { principal_id: Uuid::from_u128(number), client_id: Uuid::from_u128(number << 64) }
}

pub(crate) fn object_id(number: u128) -> Uuid {
    principal(number).principal_id
}

pub(crate) fn client_id(number: u128) -> Uuid {
    principal(number).client_id
}

/// An application that may sign in, with the ids of this number.
pub(crate) fn application(number: u128) -> Principal {
    Principal {
        object_id: object_id(number),
        client_id: client_id(number),
        tenant_id: None,
        kind: PrincipalKind::Application,
        client_secret: None,
        federated_credentials: Vec::new(),
    }
}

/// A role for the principal of this number.
pub(crate) fn assignment(number: u128, scope: &str, role: impl Into<Role>) -> RoleAssignment {
    RoleAssignment { principal_id: object_id(number), scope: Scope::parse(scope).unwrap(), role: role.into() }
}

/// A custom role.
pub(crate) fn actions(actions: &[&str], not_actions: &[&str]) -> Role {
    let list = |actions: &[&str]| actions.iter().map(|action| (*action).to_owned()).collect();
    Role::Custom(CustomRole { actions: list(actions), not_actions: list(not_actions) })
}

/// A vault with the identity 1, whose soft delete is off, and the given policies.
pub(crate) fn vault(vault: &str, location: &str, policies: &[(&str, &str)]) -> Vault {
    let policies = policies.iter().map(|(name, datasource_type)| Policy {
        name: (*name).to_owned(),
        datasource_types: vec![(*datasource_type).to_owned()],
        policy_rules: None,
    });
    Vault {
        id: id(vault),
        location: location.to_owned(),
        identity: Some(principal(1)),
        user_assigned_identities: Vec::new(),
        soft_delete: SoftDelete { state: SoftDeleteState::Off, retention_duration_in_days: 14 },
        policies: policies.collect(),
    }
}

pub(crate) fn datasource(datasource: &str, location: &str) -> Datasource {
    Datasource { id: id(datasource), location: location.to_owned() }
}

pub(crate) fn key_vault(key_vault: &str, host: &str, secrets: &[&str]) -> KeyVault {
    KeyVault {
        id: id(key_vault),
        host: host.to_owned(),
        secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
    }
}

/// The identity 1 is permitted on this.
pub(crate) fn grant(scope: &str) -> Grant {
    Grant { principal_id: principal(1).principal_id, scope: id(scope) }
}
