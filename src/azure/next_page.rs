//! Where a list goes on: a URL the server made up and that would receive our token.

use super::cloud::Cloud;
use super::id::VaultId;
use std::fmt;
use url::Url;

/// The next page of the backup instances of a vault.
///
/// Of the `nextLink` only the query is kept; host and path are known and not taken from the network.
#[derive(Clone, PartialEq, Eq)]
pub struct NextPage {
    vault: VaultId,
    query: String,
}

/// Longest link that is followed; Resource Manager asks clients to take 4 KB.
const LONGEST: usize = 16 * 1024;

impl NextPage {
    /// The last part of the path of the list.
    pub(super) const COLLECTION: &str = "backupInstances";

    /// Takes a `nextLink` that was given for the list of the backup instances of `vault`.
    ///
    /// # Errors
    /// Why the link is not followed.
    pub fn from_link(link: &str, cloud: &Cloud, vault: &VaultId) -> Result<Self, NextPageError> {
        if link.len() > LONGEST {
            return Err(NextPageError::TooLong);
        }
        let url = Url::parse(link.trim()).map_err(|_| NextPageError::NotHttps)?;
        if url.scheme() != "https" {
            return Err(NextPageError::NotHttps);
        }
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        if !is_anonymous || url.origin().ascii_serialization() != cloud.arm_endpoint() {
            return Err(NextPageError::ForeignHost { expected: cloud.arm_endpoint().to_owned() });
        }
        let elsewhere = || NextPageError::Elsewhere { vault: vault.clone() };
        if list_of(url.path()).as_ref() != Some(vault) {
            return Err(elsewhere());
        }
        // Without a query it would be the first page again.
        let query = url.query().filter(|query| !query.is_empty()).ok_or_else(elsewhere)?;
        Ok(Self { vault: vault.clone(), query: query.to_owned() })
    }

    /// The vault whose backup instances are listed.
    pub fn vault(&self) -> &VaultId {
        &self.vault
    }

    /// The query of the request, with api-version and the mark where to go on.
    pub(super) fn query(&self) -> &str {
        &self.query
    }
}

/// Without the query, which is long and says nothing to people.
impl fmt::Debug for NextPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextPage").field("vault", &self.vault).finish_non_exhaustive()
    }
}

/// The vault whose backup instances are listed at a path.
fn list_of(path: &str) -> Option<VaultId> {
    let path = percent_decoded(path)?;
    let (vault, collection) = path.trim_end_matches('/').rsplit_once('/')?;
    collection.eq_ignore_ascii_case(NextPage::COLLECTION).then(|| vault.parse().ok()).flatten()
}

/// Decoded once: an escape that is left makes no valid name, and so no id.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// A link to a next page that is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NextPageError {
    /// Not an absolute https URL.
    #[error("the link to the next page is not an absolute https URL")]
    NotHttps,
    /// Not on the Resource Manager we talk to.
    #[error("the link to the next page is not on {expected}; the access token is sent nowhere else")]
    ForeignHost {
        /// The configured Resource Manager.
        expected: String,
    },
    /// Longer than anything Azure sends.
    #[error("the link to the next page is longer than {LONGEST} characters")]
    TooLong,
    /// Not a further page of this list.
    #[error("the link to the next page does not go on with the backup instances of {vault}")]
    Elsewhere {
        /// The vault whose backup instances are listed.
        vault: VaultId,
    },
    /// The page that was just read.
    #[error("the link to the next page leads back to the same page")]
    Circular,
}

#[cfg(test)]
mod tests;
