//! ARM resource ids.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// The id of an Azure resource or resource group. Two ids are equal when they differ in case only, as in Azure
/// Resource Manager; the casing of whoever wrote it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

/// A text that is no ARM resource id.
#[derive(Debug, thiserror::Error)]
#[error(
    "'{0}' is no ARM resource id: it must read /subscriptions/{{id}}/resourceGroups/{{name}}[/providers/{{namespace}}/{{type}}/{{name}}...]"
)]
pub struct InvalidResourceId(String);

impl ResourceId {
    /// Parses a resource group's or a resource's id.
    ///
    /// # Errors
    /// When the text does not have the shape of an ARM id.
    pub fn parse(text: &str) -> Result<Self, InvalidResourceId> {
        let invalid = || InvalidResourceId(text.to_owned());
        let trimmed = text.trim_end_matches('/');
        let segments: Vec<&str> = trimmed.strip_prefix('/').ok_or_else(invalid)?.split('/').collect();
        let keyword = |index: usize, word: &str| segments.get(index).is_some_and(|s| s.eq_ignore_ascii_case(word));
        let complete = segments.iter().all(|segment| !segment.is_empty());
        let group = segments.len() >= 4 && keyword(0, "subscriptions") && keyword(2, "resourceGroups");
        // After the group: nothing, or `providers/{namespace}` and pairs of type and name.
        let resource =
            segments.len() == 4 || (segments.len() >= 8 && segments.len().is_multiple_of(2) && keyword(4, "providers"));
        if complete && group && resource { Ok(Self(trimmed.to_owned())) } else { Err(invalid()) }
    }

    /// The id of a resource group.
    pub(crate) fn group(subscription: &str, group: &str) -> Self {
        Self(format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// The id of a Backup vault.
    pub(crate) fn vault(subscription: &str, group: &str, vault: &str) -> Self {
        Self(format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{vault}"
        ))
    }

    /// The id of a resource below this one.
    #[must_use]
    pub fn child(&self, kind: &str, name: &str) -> Self {
        Self(format!("{}/{kind}/{name}", self.0))
    }

    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The subscription's id.
    pub fn subscription(&self) -> &str {
        self.segment(1)
    }

    /// The resource group's id.
    #[must_use]
    pub fn resource_group(&self) -> Self {
        Self::group(self.segment(1), self.segment(3))
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The resource type, such as `Microsoft.DBforPostgreSQL/servers/databases`; empty for a resource group.
    pub fn resource_type(&self) -> String {
        let mut segments = self.0.split('/').skip(6);
        let mut kind: String = segments.next().unwrap_or_default().to_owned();
        for segment in segments.step_by(2) {
            kind.push('/');
            kind.push_str(segment);
        }
        kind
    }

    /// The resource this one is a child of; `None` for a top-level resource.
    pub fn parent(&self) -> Option<Self> {
        let segments: Vec<&str> = self.0.split('/').collect();
        (segments.len() > 9).then(|| Self(segments[..segments.len() - 2].join("/")))
    }

    /// Whether this id is `scope` or lies below it, as role assignments are inherited.
    pub fn is_within(&self, scope: &Self) -> bool {
        let (own, scope) = (self.key(), scope.key());
        own == scope || own.strip_prefix(&scope).is_some_and(|rest| rest.starts_with('/'))
    }

    fn segment(&self, index: usize) -> &str {
        self.0.split('/').nth(index + 1).unwrap_or_default()
    }

    fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        // From the end, where ids differ: those of a fleet share all but the name.
        let (own, other) = (self.0.as_bytes(), other.0.as_bytes());
        own.len() == other.len() && own.iter().rev().zip(other.iter().rev()).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

impl Eq for ResourceId {}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        let own = self.0.bytes().map(|byte| byte.to_ascii_lowercase());
        own.cmp(other.0.bytes().map(|byte| byte.to_ascii_lowercase()))
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for ResourceId {
    type Error = InvalidResourceId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const DATABASE: &str =
        "/subscriptions/s/resourcegroups/g/providers/Microsoft.DBforPostgreSQL/servers/a/databases/b";

    #[test]
    fn an_id_keeps_its_casing_and_compares_without_it() {
        let id = ResourceId::parse(DATABASE).unwrap();
        assert_eq!(id.as_str(), DATABASE);
        assert_eq!(id, ResourceId::parse(&DATABASE.to_uppercase()).unwrap());
        assert_eq!(id.resource_type(), "Microsoft.DBforPostgreSQL/servers/databases");
        assert_eq!(id.parent().unwrap().name(), "a");
        assert_eq!(id.parent().unwrap().parent(), None);
        assert!(id.is_within(&id.resource_group()));
    }

    #[test]
    fn a_sibling_with_a_common_prefix_is_not_within() {
        let server = ResourceId::parse("/subscriptions/s/resourceGroups/g/providers/n/t/a").unwrap();
        let sibling = ResourceId::parse("/subscriptions/s/resourceGroups/g/providers/n/t/ab").unwrap();
        assert!(!sibling.is_within(&server));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "/", "s/resourceGroups/g", "/subscriptions/s", "/subscriptions/s/resourceGroups/g/providers/n/t"]
        {
            assert!(ResourceId::parse(text).is_err(), "{text}");
        }
    }
}
