//! Remembers what vaults look like.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::azure::{AzureError, DataProtection, Vault, VaultId};

/// How long a vault's location and settings are taken as read.
const VAULT_TTL: Duration = Duration::from_secs(60 * 60);

/// Vaults as last read, shared by all objects.
#[derive(Debug, Default)]
pub struct VaultCache(Mutex<HashMap<VaultId, (Instant, Arc<Vault>)>>);

impl VaultCache {
    /// The vault as last read, or as it is read now.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn get(&self, azure: &DataProtection, id: &VaultId) -> Result<Arc<Vault>, AzureError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((read_at, vault)) = known
            && read_at.elapsed() < VAULT_TTL
        {
            return Ok(vault);
        }
        let vault = Arc::new(azure.vault(id).await?);
        let mut vaults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        vaults.insert(id.clone(), (Instant::now(), Arc::clone(&vault)));
        Ok(vault)
    }
}
