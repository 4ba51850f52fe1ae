//! Where an operation is polled: a URL the server made up and that will receive our token.

use crate::azure::cloud::Cloud;
use crate::azure::id::{SubscriptionId, VaultId};
use std::fmt;
use url::Url;

/// The path and query of a poll URL, exactly as Azure spelled them.
///
/// Poll URLs are signed and about 3,400 characters long; any change, even of an escape, can make them invalid. They come from
/// the network, or from the status of an object that others may be able to write, so only one of the forms known from Data
/// Protection is taken: an `operationStatus` or `operationResults` of this provider, in the subscription of the vault. The
/// host is not kept: a path is always sent to the configured Resource Manager.
#[derive(Clone, PartialEq, Eq)]
pub struct OperationPath {
    text: String,
    kind: Kind,
}

/// What is at the end of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::azure) enum Kind {
    /// A document about the operation, whose `status` decides.
    Status,
    /// The result itself, once there is one.
    Results,
}

/// Longest path and query; four times the longest that was recorded.
const LONGEST: usize = 16 * 1024;

impl OperationPath {
    /// Takes the URL of an `Azure-AsyncOperation` or `Location` header.
    pub fn from_url(url: &str, cloud: &Cloud, subscription: &SubscriptionId) -> Result<Self, OperationPathError> {
        let not_arm = || OperationPathError::ForeignHost { expected: cloud.arm_endpoint().to_owned() };
        let scheme = url.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let rest = &url[scheme.ok_or(OperationPathError::NotHttps)?.len()..];
        let (authority, _) = rest.split_once('/').ok_or_else(not_arm)?;
        // Compared as origins: case of the host and a stated default port do not matter, a user name does.
        let origin = Url::parse(&format!("https://{authority}/")).map_err(|_| not_arm())?;
        if origin.as_str().trim_end_matches('/') != cloud.arm_endpoint() {
            return Err(not_arm());
        }
        Self::parse_stored(&rest[authority.len()..], subscription)
    }

    /// Takes the path and query of an operation that was stored before.
    pub fn parse_stored(text: &str, subscription: &SubscriptionId) -> Result<Self, OperationPathError> {
        if text.len() > LONGEST {
            return Err(OperationPathError::TooLong);
        }
        // The URL library resolves `..` and escapes what it finds odd. A text it would send differently is not sent at all.
        let sent = Url::parse(&format!("https://arm{text}")).map_err(|_| OperationPathError::NotVerbatim)?;
        if !text.starts_with('/') || text.contains('#') || sent.as_str().strip_prefix("https://arm") != Some(text) {
            return Err(OperationPathError::NotVerbatim);
        }
        let kind = kind_of(sent.path(), subscription)
            .ok_or_else(|| OperationPathError::NotAnOperation { subscription: subscription.clone() })?;
        Ok(Self { text: text.to_owned(), kind })
    }

    /// Path and query, to be stored.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the operation may be one of this vault: it is in the vault's subscription, and where its path names a
    /// resource group and a vault, they are the vault's. Resource Manager ignores the case.
    pub fn may_belong_to(&self, vault: &VaultId) -> bool {
        let path: Vec<&str> = self.text.split('?').next().unwrap_or_default().split('/').collect();
        let vault = vault.path();
        let own: Vec<&str> = vault.split('/').collect();
        // Up to the subscription, or up to the vault.
        let is_scoped = path.get(3).is_some_and(|word| word.eq_ignore_ascii_case("resourceGroups"));
        let depth = if is_scoped { own.len() } else { 3 };
        path.len() > depth && path.iter().zip(&own).take(depth).all(|(found, own)| found.eq_ignore_ascii_case(own))
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }
}

/// Without the query, which carries a signature.
impl fmt::Debug for OperationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.text.split('?').next().unwrap_or_default();
        f.debug_tuple("OperationPath").field(&path).finish()
    }
}

/// `/subscriptions/{s}[/resourceGroups/{g}]/providers/Microsoft.DataProtection/…/operationStatus|operationResults/{id}`.
fn kind_of(path: &str, subscription: &SubscriptionId) -> Option<Kind> {
    let folded = path.to_ascii_lowercase();
    if ["%2f", "%5c", "%2e", "%25"].iter().any(|escape| folded.contains(escape)) {
        return None;
    }
    let segments: Vec<&str> = folded.strip_prefix('/')?.split('/').collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    let (head, id_and_kind) = segments.split_at_checked(segments.len().checked_sub(2)?)?;
    let below = match head {
        ["subscriptions", id, "resourcegroups", _, "providers", "microsoft.dataprotection", below @ ..]
        | ["subscriptions", id, "providers", "microsoft.dataprotection", below @ ..]
            if id.eq_ignore_ascii_case(subscription.as_str()) =>
        {
            below
        }
        _ => return None,
    };
    // Pairs of type and name, or nothing.
    match (below.len() % 2, id_and_kind) {
        (0, ["operationstatus", _]) => Some(Kind::Status),
        (0, ["operationresults", _]) => Some(Kind::Results),
        _ => None,
    }
}

/// A poll URL that is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationPathError {
    /// Not an absolute https URL.
    #[error("the poll URL is not an absolute https URL")]
    NotHttps,
    /// Not on the Resource Manager we talk to.
    #[error("the poll URL is not on {expected}; the access token is sent nowhere else")]
    ForeignHost {
        /// The configured Resource Manager.
        expected: String,
    },
    /// Longer than anything Azure sends.
    #[error("the poll URL is longer than {LONGEST} characters")]
    TooLong,
    /// It could not be sent exactly as it is.
    #[error("the poll URL has parts that cannot be sent unchanged")]
    NotVerbatim,
    /// Another address of Resource Manager.
    #[error("the poll URL is not an operation of Microsoft.DataProtection in subscription {subscription}")]
    NotAnOperation {
        /// The subscription of the vault.
        subscription: SubscriptionId,
    },
}
