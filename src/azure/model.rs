//! What goes over the wire: the request for a backup instance, and what Azure shows of instances, deleted ones and vaults.

mod deleted;
mod instance;
mod merge;
mod request;
mod vault;

#[cfg(test)]
mod tests;

pub use deleted::DeletedInstance;
pub use instance::{Instance, ProtectionState};
pub use request::{InstanceRequest, OwnerTag, RequestHash};
pub use vault::{Immutability, SoftDelete, Vault};
