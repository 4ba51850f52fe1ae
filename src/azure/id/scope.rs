//! What an administrator can allow at once: a resource, a resource group, or a whole subscription.

use super::datasource::DatasourceId;
use super::name::{NameRule, ParseNameError, RESOURCE_GROUP, SubscriptionId, clip};
use super::resource::{ParseIdError, ResourceId};
use super::vault::VaultId;
use std::str::FromStr;

/// Vaults that are meant together: `/subscriptions/{id}`, `/subscriptions/{id}/resourceGroups/{name}`, or the id of one vault.
#[derive(Clone, Debug)]
pub struct VaultScope(Scope);

/// Databases that are meant together: a subscription, a resource group, a flexible server, a Single Server with all its
/// databases, or one database of a Single Server.
#[derive(Clone, Debug)]
pub struct DatabaseScope(Scope);

/// A part of Azure, compared segment by segment and never by how the text begins.
///
/// Letters of the ASCII alphabet are compared without regard to case, as Resource Manager does; others exactly. Resource
/// Manager may take fewer letters for the same than Unicode's rules do (`K`, the sign for kelvin, becomes `k` in lower case),
/// and what is allowed must not reach further than what was written.
#[derive(Clone, Debug)]
struct Scope {
    subscription: SubscriptionId,
    resource_group: Option<String>,
    /// The provider's namespace, then types and names.
    resource: Vec<String>,
}

impl VaultScope {
    /// Whether the vault is one of them.
    pub fn contains(&self, vault: &VaultId) -> bool {
        self.0.contains(vault.resource())
    }
}

impl DatabaseScope {
    /// Whether the database is one of them.
    pub fn contains(&self, database: &DatasourceId) -> bool {
        self.0.contains(database.resource())
    }
}

impl Scope {
    fn of(id: &ResourceId) -> Self {
        Self {
            subscription: id.subscription().clone(),
            resource_group: Some(id.resource_group().to_owned()),
            resource: id.segments().map(str::to_owned).collect(),
        }
    }

    /// A subscription or a resource group; nothing for anything longer.
    fn container(text: &str) -> Option<Result<Self, Reason>> {
        let segments: Vec<&str> = text.strip_prefix('/')?.split('/').collect();
        let (subscription, resource_group) = match segments[..] {
            [word, id] if word.eq_ignore_ascii_case("subscriptions") => (id, None),
            [word, id, group, name]
                if word.eq_ignore_ascii_case("subscriptions") && group.eq_ignore_ascii_case("resourceGroups") =>
            {
                (id, Some(name))
            }
            _ => return None,
        };
        let checked = |name: &str, rule: &NameRule| rule.check(name).map(|name| name.as_str().to_owned());
        let parse = || {
            Ok(Self {
                subscription: subscription.parse()?,
                resource_group: resource_group.map(|name| checked(name, &RESOURCE_GROUP)).transpose()?,
                resource: Vec::new(),
            })
        };
        Some(parse())
    }

    fn contains(&self, id: &ResourceId) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let mut segments = id.segments();
        same(self.subscription.as_str(), id.subscription().as_str())
            && self.resource_group.as_deref().is_none_or(|group| same(group, id.resource_group()))
            && self.resource.iter().all(|expected| segments.next().is_some_and(|segment| same(expected, segment)))
    }
}

impl FromStr for VaultScope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        let vault = |text: &str| text.parse::<VaultId>().map(|vault| Scope::of(vault.resource()));
        parse(text, "vaults", |text| vault(text).map_err(Reason::Id)).map(Self)
    }
}

impl FromStr for DatabaseScope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        let database = |text: &str| {
            DatasourceId::parse(text).map(|database| Scope::of(database.resource())).or_else(|error| {
                DatasourceId::parse_single_server(text).map(|server| Scope::of(&server)).map_err(|_| error)
            })
        };
        parse(text, "databases", |text| database(text).map_err(Reason::Id)).map(Self)
    }
}

fn parse(
    text: &str,
    what: &'static str,
    resource: impl FnOnce(&str) -> Result<Scope, Reason>,
) -> Result<Scope, ParseScopeError> {
    let scope = Scope::container(text).unwrap_or_else(|| resource(text));
    scope.map_err(|reason| ParseScopeError { given: clip(text), what, reason: Box::new(reason) })
}

/// A text that does not say which vaults or databases are meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} does not say which {what} are meant: {reason}")]
pub struct ParseScopeError {
    given: String,
    what: &'static str,
    reason: Box<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Name(#[from] ParseNameError),
    #[error(transparent)]
    Id(ParseIdError),
}

#[cfg(test)]
mod tests;
