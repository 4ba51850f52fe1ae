//! Azure: the emulator's engine behind the operator's HTTP client, under simulated time.

mod client;
mod inventory;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_emulator::{
    Engine, EngineConfig, Entry, Grant, Instance, Kind, Removal, Request, ResourceId, SoftDeleteState, Timing,
    Tombstone,
};
use http::Method;
use postgres_backup_operator::azure::{
    ApiVersion, ArmClient, ArmOptions, Cloud, Credential, RequestObserver, WriteGate,
};
use postgres_backup_operator::reconcile::naming::OWNER_TAG;
use serde_json::{Value, json};

pub use inventory::{DATABASE, KEY_VAULT, SECRET_URI, SERVERS, USER_ASSIGNED, VAULT, datasource, key_vault, server_id};

use crate::time::Time;
use crate::wire::Wire;
use client::Identity;
pub use client::LATENCY;

/// The policies that exist from the beginning; they differ in their names only.
pub const POLICIES: [&str; 2] = ["weekly", "daily"];

/// The emulated Azure. Clones are the same one.
#[derive(Clone)]
pub struct Azure {
    engine: Arc<Mutex<Engine>>,
    wire: Wire,
    time: Time,
    identities: Arc<AtomicUsize>,
    sign_in: Arc<Mutex<SignIn>>,
    sign_ins: Arc<AtomicUsize>,
    looks: Arc<Mutex<BTreeMap<String, Look>>>,
    meddled: Arc<Mutex<Option<Duration>>>,
}

/// How the token endpoint behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignIn {
    /// It gives tokens.
    #[default]
    Works,
    /// Nobody can connect to it.
    Fails,
    /// It never answers.
    Hangs,
    /// It says that its tokens are spent already, whatever they are.
    GivesSpentTokens,
}

/// A backup instance as it was when Azure answered a GET of the operator, and the answer arrived.
#[derive(Clone, Debug)]
pub struct Look {
    /// When Azure answered, since the simulation began.
    pub at: Duration,
    /// What was there.
    pub instance: Option<Instance>,
    /// Whether the operator was told something else, since the test has it so.
    pub forged: bool,
}

impl Azure {
    pub fn new(wire: Wire, time: Time, timing: Timing) -> Self {
        let config = EngineConfig { timing, ..EngineConfig::new(inventory::world(), time.now()) };
        Self {
            engine: Arc::new(Mutex::new(Engine::new(config))),
            wire,
            time,
            identities: Arc::default(),
            sign_in: Arc::default(),
            sign_ins: Arc::default(),
            looks: Arc::default(),
            meddled: Arc::default(),
        }
    }

    /// The same Azure at the other end of another wire.
    pub fn on(&self, wire: Wire) -> Self {
        Self { wire, ..self.clone() }
    }

    /// A client of it, as the operator uses one.
    pub fn arm(&self, cloud: &Cloud, observer: Arc<dyn RequestObserver>, gate: Arc<dyn WriteGate>) -> ArmClient {
        let azure = self.clone();
        let build = move || {
            azure.identities.fetch_add(1, Ordering::Relaxed);
            Ok(Arc::new(Identity::new(azure.clone())) as Arc<dyn TokenCredential>)
        };
        let credential = Credential::from_builder(cloud, build).unwrap();
        let options = ArmOptions { observer, gate, ..ArmOptions::default() };
        ArmClient::new(cloud.clone(), credential, Arc::new(self.clone()), options)
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.time.elapsed()
    }

    /// How often the operator has built its identity.
    pub fn identities_built(&self) -> usize {
        self.identities.load(Ordering::Relaxed)
    }

    /// Has the token endpoint behave like this from now on.
    pub fn sign_in(&self, behaviour: SignIn) {
        *self.sign_in.lock().unwrap() = behaviour;
    }

    /// How often the operator has asked the token endpoint.
    pub fn sign_ins(&self) -> usize {
        self.sign_ins.load(Ordering::Relaxed)
    }

    /// The backup instances as they are now.
    pub fn instances(&self) -> Vec<Instance> {
        self.engine().instances().cloned().collect()
    }

    /// The operator's last look at the backup instance of this name.
    pub fn last_look(&self, name: &str) -> Option<Look> {
        self.looks.lock().unwrap().get(&name.to_ascii_lowercase()).cloned()
    }

    /// When anybody but the operator last did something in Azure, since the simulation began.
    pub fn last_meddled(&self) -> Option<Duration> {
        *self.meddled.lock().unwrap()
    }

    fn meddle(&self) -> MutexGuard<'_, Engine> {
        *self.meddled.lock().unwrap() = Some(self.time.elapsed());
        self.engine()
    }

    /// How many backup instances are for the same database and have the same owner tag as this one, itself included.
    pub fn siblings(&self, name: &str) -> usize {
        let engine = self.engine();
        let mark = |instance: &Instance| {
            let owner = instance.tags.get(OWNER_TAG)?.clone();
            Some((owner, instance.spec.datasource.resource_id.clone()))
        };
        let found = engine.instances().find(|instance| instance.name().eq_ignore_ascii_case(name)).and_then(mark);
        found.map_or(0, |own| engine.instances().filter(|instance| mark(instance).as_ref() == Some(&own)).count())
    }

    /// Whether the vault exists.
    pub fn has_vault(&self, path: &str) -> bool {
        self.engine().world().vaults.iter().any(|vault| vault.id.as_str().eq_ignore_ascii_case(path))
    }

    /// What a GET of the backup instance of this name shows now.
    fn look_at(&self, name: &str) -> Look {
        Look { at: self.time.elapsed(), instance: self.instance_named(name), forged: false }
    }

    /// The backup instance of this name, if there is one now.
    pub fn instance_named(&self, name: &str) -> Option<Instance> {
        self.engine().instances().find(|instance| instance.name().eq_ignore_ascii_case(name)).cloned()
    }

    /// Does something past the API and its checks: in the portal, or as Azure itself.
    pub fn in_portal<T>(&self, act: impl FnOnce(&mut Engine) -> T) -> T {
        act(&mut self.meddle())
    }

    /// How many backup instances are soft-deleted.
    pub fn tombstones(&self) -> usize {
        self.engine().tombstones().count()
    }

    /// The one backup instance that is soft-deleted.
    pub fn tombstone(&self) -> Tombstone {
        let mut tombstones: Vec<_> = self.engine().tombstones().cloned().collect();
        assert_eq!(tombstones.len(), 1, "{tombstones:#?}");
        tombstones.remove(0)
    }

    /// The one backup instance that there is.
    pub fn instance(&self) -> Instance {
        let mut instances = self.instances();
        assert_eq!(instances.len(), 1, "{instances:#?}");
        instances.remove(0)
    }

    /// How the operator reads the one backup instance.
    pub fn shown(&self) -> Value {
        self.send(Method::GET, &self.instance().id.to_string(), &Value::Null).1
    }

    /// Somebody asks Azure for an action on the one backup instance, `stopProtection` for instance.
    pub fn act(&self, action: &str) {
        let (answer, body) = self.send(Method::POST, &format!("{}/{action}", self.instance().id), &json!({}));
        assert_eq!(answer, 202, "{body:#}");
    }

    /// Changes the one backup instance as only Azure itself can.
    pub fn befall(&self, change: impl FnOnce(&mut Instance)) {
        let id = self.instance().id;
        change(self.meddle().instance_mut(&id).unwrap());
    }

    /// Lets the operation of the next request of a kind fail, after Azure has accepted it.
    pub fn doom(&self, kind: Kind, code: &str) {
        let error = json!({ "code": code, "message": "It broke." });
        let fault = json!({ "kind": kind, "effect": { "failOperation": { "error": error } } });
        self.engine().add_fault(serde_json::from_value(fault).unwrap());
    }

    /// Somebody protects a server under another name, past all checks.
    pub fn protect_by_hand(&self, name: &str, server: &str) {
        self.meddle().create_in_portal(&instance_id(name), &id(&server_id(server)), "daily").unwrap();
    }

    /// Somebody deletes a backup instance for good.
    pub fn remove_by_hand(&self, name: &str) {
        assert!(self.meddle().delete_in_portal(&instance_id(name), Removal::Final), "there is no {name}");
    }

    /// The bodies of the requests of a kind, as Azure received them.
    pub fn received(&self, kind: Kind) -> Vec<Entry> {
        self.engine().journal().iter().filter(|entry| entry.kind == kind).cloned().collect()
    }

    /// Permits the vault's identity on a server, a Key Vault or a resource group.
    pub fn grant(&self, scope: &str) {
        self.engine().world_mut().grant(permission(scope));
    }

    /// Takes that permission away.
    pub fn revoke(&self, scope: &str) {
        assert!(self.engine().world_mut().revoke(&permission(scope)), "there was no permission on {scope}");
    }

    /// Servers besides those of the beginning.
    pub fn add_servers(&self, names: impl Iterator<Item = String>) {
        let mut engine = self.engine();
        engine.world_mut().datasources.extend(names.map(|name| datasource(&server_id(&name))));
    }

    pub fn create_policy(&self, name: &str) {
        let mut engine = self.engine();
        let vault = engine.world_mut().vaults.iter_mut().find(|vault| vault.id == id(VAULT)).unwrap();
        vault.put_policy(inventory::policy(name));
    }

    /// Changes the inventory: what exists besides backup instances.
    pub fn change(&self, change: impl FnOnce(&mut azure_emulator::World)) {
        change(self.meddle().world_mut());
    }

    /// Lets a DELETE be final, with the api-versions that know such a thing.
    pub fn turn_soft_delete_off(&self) {
        self.change(|azure| azure.vaults[0].soft_delete.state = SoftDeleteState::Off);
    }

    /// Assigns a user-assigned identity to the vault, and permits it wherever the vault's own is permitted.
    pub fn assign_identity(&self, identity: &str) {
        let mut engine = self.engine();
        let world = engine.world_mut();
        world.vaults[0].user_assigned_identities.push(inventory::user_assigned(identity));
        for grant in world.grants.clone() {
            world.grant(Grant { principal_id: inventory::USER_PRINCIPAL, ..grant });
        }
    }

    /// Sends a request on somebody else's behalf, past the wire. Returns the answer's status and body.
    pub fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.send_as(ApiVersion::default(), method, path, body)
    }

    /// The same with another api-version.
    pub fn send_as(&self, version: ApiVersion, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let now = self.time.now();
        let mut engine = self.meddle();
        let token = engine.issue_token(now, "https://management.azure.com");
        let target = format!("{path}?api-version={version}");
        let request = Request::new(method, &target).with_bearer(&token).with_json(body);
        let response = engine.handle(now, &request);
        (response.status.as_u16(), response.body_json())
    }

    /// Makes every access token worthless.
    pub fn revoke_tokens(&self) {
        self.engine().revoke_tokens();
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        let mut engine = self.engine.lock().unwrap();
        engine.advance(self.time.now());
        engine
    }
}

/// An ARM id that is known to be one.
pub fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn instance_id(name: &str) -> ResourceId {
    id(&format!("{VAULT}/backupInstances/{name}"))
}

fn permission(scope: &str) -> Grant {
    Grant { principal_id: inventory::VAULT_PRINCIPAL, scope: id(scope) }
}
