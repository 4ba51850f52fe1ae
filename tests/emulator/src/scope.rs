//! Where a role is assigned, and where a request acts.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ResourceId;

/// A subscription, a resource group, or a resource. Scopes that differ in case only are equal; the casing of whoever
/// wrote it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

/// A text that is no scope.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no scope: it must read /subscriptions/{{id}}, or be the id of a resource group or a resource")]
pub struct InvalidScope(String);

impl Scope {
    /// Parses a subscription's, a resource group's or a resource's id.
    ///
    /// # Errors
    /// When the text is none of them.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let trimmed = text.trim_end_matches('/');
        let segments: Vec<&str> = trimmed.split('/').collect();
        match segments.as_slice() {
            ["", keyword, id] if keyword.eq_ignore_ascii_case("subscriptions") && !id.is_empty() => {
                Ok(Self(trimmed.to_owned()))
            }
            _ => ResourceId::parse(trimmed).map(Self::from).map_err(|_| InvalidScope(text.to_owned())),
        }
    }

    pub(crate) fn subscription(id: &str) -> Self {
        Self(format!("/subscriptions/{id}"))
    }

    /// The scope as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is assigned here counts there: whether `inner` is this scope or lies below it.
    pub fn contains(&self, inner: &Self) -> bool {
        let head = inner.0.get(..self.0.len());
        let tail = inner.0.get(self.0.len()..).unwrap_or_default();
        head.is_some_and(|head| head.eq_ignore_ascii_case(&self.0)) && (tail.is_empty() || tail.starts_with('/'))
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Scope {}

impl Ord for Scope {
    fn cmp(&self, other: &Self) -> Ordering {
        let own = self.0.bytes().map(|byte| byte.to_ascii_lowercase());
        own.cmp(other.0.bytes().map(|byte| byte.to_ascii_lowercase()))
    }
}

impl PartialOrd for Scope {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<ResourceId> for Scope {
    fn from(id: ResourceId) -> Self {
        Self(id.into())
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_scope_contains_what_lies_below_it_in_any_casing() {
        let instance = "/subscriptions/s/resourceGroups/g/providers/n/t/vault/backupInstances/one";
        let table = [
            ("/subscriptions/s", true),
            ("/SUBSCRIPTIONS/S/", true),
            ("/subscriptions/s/resourcegroups/G", true),
            ("/subscriptions/s/resourceGroups/g/providers/N/t/VAULT", true),
            (instance, true),
            ("/subscriptions/s2", false),
            ("/subscriptions/s/resourceGroups/g/providers/n/t/vau", false),
            ("/subscriptions/s/resourceGroups/g/providers/n/t/vault/backupInstances/one/sub/two", false),
        ];
        let instance = Scope::parse(instance).unwrap();
        for (outer, expected) in table {
            let outer = Scope::parse(outer);
            assert_eq!(outer.as_ref().unwrap().contains(&instance), expected, "{outer:?}");
        }
    }

    #[test]
    fn a_scope_is_a_subscription_or_a_resource() {
        for text in ["", "/", "/subscriptions", "/subscriptions/", "subscriptions/s", "/subscriptions/s/resourceGroups"]
        {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }
}
