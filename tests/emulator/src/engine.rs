//! The engine: the whole emulated Azure as one value. Requests and the time go in, responses come out; it reads no
//! clock, opens no socket and needs no runtime, so that tests can run it under a time of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::agenda::{Agenda, Landing};
use crate::clock::{Clock, Moment, TimeScale, Timing};
use crate::errors::{Failure, FrontDoorError};
use crate::faults::{Fault, Faults};
use crate::http::{Request, Response};
use crate::id::ResourceId;
use crate::instance::{Instance, Tombstone};
use crate::journal::{Circumstances, Entry, Journal};
use crate::operations::Operation;
use crate::permissions::Permissions;
use crate::random::Random;
use crate::ratelimit::RateLimits;
use crate::roles::RoleAssignment;
use crate::route::Route;
use crate::settings::Journaling;
use crate::throttle::Throttle;
use crate::token::{Caller, Tokens};
use crate::traffic::Traffic;
use crate::world::{Grant, World};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// What exists at the start.
    pub world: World,
    /// Where clients reach it, without a final slash: poll URLs begin with it.
    pub base_url: String,
    /// When it starts.
    pub start: Timestamp,
    /// How fast Azure's time passes.
    pub time_scale: TimeScale,
    /// How long Azure takes.
    pub timing: Timing,
    /// How long tokens are good, in real time.
    pub token_lifetime: Duration,
    /// Decides every GUID and every duration within its range.
    pub seed: u64,
}

impl EngineConfig {
    /// Azure's own pace, Azure's own host, tokens for an hour.
    pub fn new(world: World, start: Timestamp) -> Self {
        Self {
            world,
            base_url: "https://management.azure.com".to_owned(),
            start,
            time_scale: TimeScale::REAL,
            timing: Timing::default(),
            token_lifetime: Duration::from_secs(3600),
            seed: 0,
        }
    }
}

/// The emulated Azure.
#[derive(Debug)]
pub struct Engine {
    pub(crate) world: World,
    pub(crate) instances: BTreeMap<ResourceId, Instance>,
    pub(crate) tombstones: BTreeMap<ResourceId, Tombstone>,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) incarnations: u64,
    pub(crate) agenda: Agenda,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
    pub(crate) random: Random,
    pub(crate) tokens: Tokens,
    pub(crate) rate_limits: RateLimits,
    pub(crate) throttle: Throttle,
    pub(crate) permissions: Permissions<Grant>,
    pub(crate) role_assignments: Permissions<RoleAssignment>,
    /// Until when a DELETE that a resource guard protects is unlocked.
    pub(crate) unlocked: BTreeMap<ResourceId, Moment>,
    /// Until when everything that was due has happened.
    pub(crate) settled: Moment,
    /// Whether somebody may have changed the world since it was last looked at.
    pub(crate) world_changed: bool,
    pub(crate) faults: Faults,
    pub(crate) base_url: String,
    /// The certificate in signed URLs: the longest part of them.
    pub(crate) certificate: String,
    journal: Journal,
    traffic: Traffic,
}

impl Engine {
    /// A new engine.
    pub fn new(config: EngineConfig) -> Self {
        let mut random = Random::seeded(config.seed);
        // As long as in the recordings, where a whole URL has some 3,300 characters.
        let certificate = random.base64url(1965);
        Self {
            permissions: Permissions::of(&config.world.grants),
            role_assignments: Permissions::of(&config.world.role_assignments),
            world: config.world,
            instances: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            operations: BTreeMap::new(),
            incarnations: 0,
            agenda: Agenda::default(),
            clock: Clock::new(config.start, config.time_scale),
            timing: config.timing,
            random,
            tokens: Tokens::new(config.token_lifetime),
            rate_limits: RateLimits::default(),
            throttle: Throttle::default(),
            unlocked: BTreeMap::new(),
            settled: Moment::ZERO,
            world_changed: false,
            faults: Faults::default(),
            base_url: config.base_url,
            certificate,
            journal: Journal::default(),
            traffic: Traffic::default(),
        }
    }

    /// Answers a request that comes at `now`, after everything that was due before has happened. A `now` before an
    /// earlier one is allowed; time then stands still.
    pub fn handle(&mut self, now: Timestamp, request: &Request) -> Response {
        self.settle(now);
        let route = Route::of(request);
        if let Route::Admin(path) = &route {
            return self.admin(now, request, path);
        }
        let kind = route.kind(&request.method);
        let caller = self.caller(request, &route);
        let fault = self.faults.strike(request, kind);
        let instead = fault.as_ref().and_then(|(_, effect)| effect.instead());
        if let (Some(after), Route::Arm(arm)) = (fault.as_ref().and_then(|(_, effect)| effect.lands_after()), &route) {
            let landing = Landing { request: request.clone(), route: arm.clone(), kind };
            self.schedule_landing(landing, self.clock.moment(now) + after);
        }
        let response = instead.unwrap_or_else(|| {
            let doom = fault.as_ref().and_then(|(_, effect)| effect.doom());
            let mut response = match &route {
                Route::Arm(arm) => self.arm(now, request, arm, kind, doom),
                Route::OAuthToken { tenant } => self.oauth_token(now, request, tenant),
                Route::OpenIdConfiguration { tenant } => self.openid_configuration(tenant),
                Route::ManagedIdentityToken => self.managed_identity_token(now, request),
                Route::Admin(_) | Route::Unknown => not_found(request),
            };
            if let Some((_, effect)) = &fault {
                response.delivery = effect.delivery();
            }
            response
        });
        self.traffic.count(now, kind, &request.method, response.status);
        if self.world.settings.journal == Journaling::Everything {
            let access = if let Route::Arm(arm) = &route { arm.access(&request.method) } else { None };
            let action = access.map(|access| access.action);
            let circumstances = Circumstances { kind, caller, action, fault: fault.map(|(id, _)| id) };
            self.journal.record(now, circumstances, request, &response);
        }
        response
    }

    /// Who sends the request, as it says itself.
    fn caller(&self, request: &Request, route: &Route) -> Option<Caller> {
        match route {
            Route::Arm(_) => self.tokens.caller(request.bearer()?),
            Route::OAuthToken { tenant } => self.token_client(request, tenant),
            Route::ManagedIdentityToken => self.world.host_identity(request.query_value("client_id").as_deref()),
            Route::OpenIdConfiguration { .. } | Route::Admin(_) | Route::Unknown => None,
        }
    }

    /// What exists besides backup instances.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The same, to be changed: permissions, policies, datasources, secrets, settings. A change counts from the time of
    /// the last request or [`Engine::advance`] on.
    pub fn world_mut(&mut self) -> &mut World {
        self.world_changed = true;
        &mut self.world
    }

    /// The backup instances as of the last request; see [`Engine::advance`].
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values()
    }

    /// The soft-deleted instances.
    pub fn tombstones(&self) -> impl Iterator<Item = &Tombstone> {
        self.tombstones.values()
    }

    /// The operations, running and ended.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    /// Lets everything happen that is due by `now`, without a request.
    pub fn advance(&mut self, now: Timestamp) {
        self.settle(now);
    }

    /// The requests so far, oldest first.
    pub fn journal(&self) -> &[Entry] {
        self.journal.entries()
    }

    /// Forgets the requests so far. Numbers go on.
    pub fn clear_journal(&mut self) {
        self.journal.clear();
    }

    /// How many requests there were.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Counts anew.
    pub fn clear_traffic(&mut self) {
        self.traffic = Traffic::default();
    }

    /// How fast Azure's time passes.
    pub fn time_scale(&self) -> TimeScale {
        self.clock.scale()
    }

    /// From `now` on, Azure's time passes at this pace. What is under way goes on from where it is.
    pub fn set_time_scale(&mut self, now: Timestamp, scale: TimeScale) {
        self.settle(now);
        self.clock.rescale(now, scale);
    }

    /// Sets a fault. Returns its number.
    pub fn add_fault(&mut self, fault: Fault) -> u64 {
        self.faults.add(fault)
    }

    /// Takes all faults away.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Makes every token issued so far unknown, as after a change of keys.
    pub fn revoke_tokens(&mut self) {
        self.tokens.revoke_all();
    }

    /// How long tokens issued from now on are good, in real time.
    pub fn set_token_lifetime(&mut self, lifetime: Duration) {
        self.tokens.lifetime = lifetime;
    }

    /// Starts over with another world: no instances, operations, tokens or faults. Clock and journal go on.
    pub fn reset(&mut self, world: World) {
        self.world = world;
        self.instances.clear();
        self.tombstones.clear();
        self.operations.clear();
        self.agenda = Agenda::default();
        self.tokens.revoke_all();
        self.faults.clear();
        self.throttle = Throttle::default();
        self.unlocked.clear();
        self.permissions = Permissions::of(&self.world.grants);
        self.role_assignments = Permissions::of(&self.world.role_assignments);
    }

    /// The first half of a vault's operation ids, always the same for one vault.
    pub(crate) fn vault_guid(&self, vault: &ResourceId) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, vault.as_str().to_ascii_lowercase().as_bytes())
    }
}

fn not_found(request: &Request) -> Response {
    let message = format!("The path '{}' does not exist.", request.path);
    Failure::from(FrontDoorError::not_found("NotFound", message)).response("")
}
