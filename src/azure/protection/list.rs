//! What a vault holds.

use super::DataProtection;
use crate::azure::arm::Call;
use crate::azure::error::AzureError;
use crate::azure::id::VaultId;
use crate::azure::model::Instance;
use crate::azure::next_page::{NextPage, NextPageError};
use crate::azure::page::Page;
use crate::azure::request::Operation;
use azure_core::http::Method;

impl DataProtection {
    /// Lists the backup instances of a vault, of every kind of datasource: the first page, or the one the page before named.
    /// An entry that cannot be read, or has no name, is left out and counted.
    ///
    /// The caller decides how many pages to follow; only a page that names itself as the next is refused.
    pub async fn instances(&self, vault: &VaultId, page: Option<&NextPage>) -> Result<Page<Instance>, AzureError> {
        let operation = Operation::ListBackupInstances;
        let refuse = |source| Err(AzureError::PageUrl { operation, source });
        let first = format!("api-version={}", self.version);
        let query = match page {
            Some(page) if page.vault() != vault => return refuse(NextPageError::Elsewhere { vault: vault.clone() }),
            Some(page) => page.query(),
            None => &first,
        };
        let call = Call {
            operation,
            method: Method::Get,
            subscription: vault.subscription(),
            path_and_query: format!("{}/{}?{query}", vault.path(), NextPage::COLLECTION),
            body: None,
            expected: &[200],
        };
        let answer = self.send(vault, call).await?;
        let named = |entry| Instance::parse(entry).filter(|instance| !instance.name.is_empty());
        let found = Page::read(operation, &answer, self.arm.cloud(), vault, named)?;
        if found.next.as_ref().is_some_and(|next| next.query() == query) {
            return refuse(NextPageError::Circular);
        }
        Ok(found)
    }
}
