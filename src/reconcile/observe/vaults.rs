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
        self.keep(id.clone(), Arc::clone(&vault));
        Ok(vault)
    }

    /// Keeps a vault, and drops those that nobody has asked for since they were read too long ago.
    fn keep(&self, id: VaultId, vault: Arc<Vault>) {
        let mut vaults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        vaults.retain(|_, (read_at, _)| read_at.elapsed() < VAULT_TTL);
        vaults.insert(id, (Instant::now(), vault));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::reconcile::testing::VAULT;

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_nobody_asks_for_any_more_is_dropped() {
        let cache = VaultCache::default();
        let vault = Arc::new(Vault::parse(&json!({ "location": "westeurope" })).unwrap());
        let keep = |number: usize| cache.keep(format!("{VAULT}-{number}").parse().unwrap(), Arc::clone(&vault));
        (0..100).for_each(keep);
        tokio::time::advance(VAULT_TTL).await;
        keep(100);
        assert_eq!(cache.0.lock().unwrap().len(), 1);
    }
}
