//! One page of a list.

use super::arm::Answer;
use super::cloud::Cloud;
use super::error::AzureError;
use super::id::VaultId;
use super::json::member;
use super::next_page::NextPage;
use super::request::Operation;
use serde_json::Value;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What could be read, in Azure's order. A page may be empty and still not the last.
    pub items: Vec<T>,
    /// How many entries could not be read and are left out.
    pub unreadable: usize,
    /// The next page; nothing on the last.
    pub next: Option<NextPage>,
}

impl<T> Page<T> {
    /// Reads the answer to a list request: `value`, whose entries are read by `parse`, and `nextLink`.
    pub(super) fn read(
        operation: Operation,
        answer: &Answer,
        cloud: &Cloud,
        vault: &VaultId,
        parse: impl Fn(Value) -> Option<T>,
    ) -> Result<Self, AzureError> {
        let body = answer.json()?;
        let entries = member(&body, "value")
            .and_then(Value::as_array)
            .ok_or_else(|| answer.unreadable("the list has no value"))?;
        let next = match member(&body, "nextLink") {
            None => None,
            Some(Value::String(link)) if link.trim().is_empty() => None,
            Some(Value::String(link)) => Some(
                NextPage::from_link(link, cloud, vault).map_err(|source| AzureError::PageUrl { operation, source })?,
            ),
            // Taken for the end of the list, it would silently lose the rest.
            Some(_) => return Err(answer.unreadable("the link to the next page is not a text")),
        };
        let items: Vec<T> = entries.iter().cloned().filter_map(parse).collect();
        Ok(Self { unreadable: entries.len() - items.len(), items, next })
    }
}
