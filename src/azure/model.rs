//! What goes over the wire: the request for a backup instance, and what Azure shows of instances and vaults.

mod instance;
mod merge;
mod request;
mod vault;

#[cfg(test)]
mod tests;

pub use instance::{Instance, ProtectionState};
pub use request::{InstanceRequest, OwnerTag, RequestHash};
pub use vault::{SoftDelete, Vault};
