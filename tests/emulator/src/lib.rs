//! An emulator of Azure Resource Manager's `Microsoft.DataProtection` provider, as far as the protection of PostgreSQL
//! databases needs it, together with the token endpoints in front of it.
//!
//! ```text
//!   Request ─→ Engine::handle(now, request) ─→ Response          pure: no clock, no socket, no runtime
//!                 │
//!                 ├─ route      which operation it is for
//!                 ├─ admin      the admin API
//!                 ├─ identity   the token endpoints: directory (who can sign in), federation (with whose tokens)
//!                 ├─ arm        what ARM checks and adds: token (who calls), access (what needs which permission), roles
//!                 │    └─ provider                          which request of a vault is answered by what
//!                 │         ├─ instances, actions, deleted  backup instances
//!                 │         ├─ vaults, guard, operations    what is around them
//!                 │         └─ schema, refuse, validate     what is refused, and what Azure Backup checks
//!                 └─ agenda     what happens as time passes, and changes: what the end of an operation does
//!
//!   Emulator::start(config)     the engine behind HTTPS on a local port
//! ```
//!
//! What it does is taken from recordings of the real service and from Microsoft's documentation; where neither says
//! anything, the code says "inferred". The README lists all of that, the admin API and the format of the seed file.

mod access;
mod actions;
mod admin;
mod agenda;
mod arm;
mod changes;
mod clock;
mod deleted;
mod directory;
mod engine;
mod entra;
mod errors;
mod faults;
mod federation;
mod guard;
mod http;
mod id;
mod identity;
mod instance;
mod instances;
mod journal;
mod json;
mod operations;
mod paging;
mod permissions;
mod portal;
mod provider;
mod random;
mod ratelimit;
mod refuse;
mod roles;
mod route;
mod schema;
mod scope;
mod security;
mod server;
mod settings;
mod spec;
mod state;
mod tags;
mod throttle;
mod tls;
mod token;
mod traffic;
mod validate;
mod vaults;
mod version;
mod world;

pub use clock::{InvalidTimeScale, TimeScale, Timing};
pub use directory::{Client, ManagedIdentity, Principal, PrincipalKind};
pub use engine::{Engine, EngineConfig};
pub use errors::{Incident, UserFacingError};
pub use faults::{Effect, Fault};
pub use federation::{FederatedCredential, TokenIssuer};
pub use http::{Delivery, Request, Response};
pub use id::{InvalidResourceId, ResourceId};
pub use instance::{Instance, ProvisioningState, Tags, Tombstone};
pub use journal::Entry;
pub use operations::{Operation, Outcome};
pub use portal::{PortalError, Removal};
pub use roles::{BuiltInRole, CustomRole, Role, RoleAssignment};
pub use route::Kind;
pub use scope::{InvalidScope, Scope};
pub use security::{Immutability, ResourceGuard, SoftDelete, SoftDeleteState, VaultSecurity};
pub use server::{Emulator, EmulatorConfig, StartError};
pub use settings::{Journaling, PutOnFailed, PutOnStopped, Settings, StopWhilePaused, Throttling};
pub use spec::{AuthCredentials, DatasourceInfo, IdentityDetails, InstanceSpec, PolicyInfo, SecretStoreResource};
pub use state::{InvalidStateName, ProtectionState, StateName};
pub use tls::TlsError;
pub use token::Caller;
pub use traffic::{Busiest, Tally, Traffic};
pub use version::{ApiVersion, Feature};
pub use world::{Datasource, Grant, Identity, KeyVault, Policy, SeedError, UserAssignedIdentity, Vault, World};
