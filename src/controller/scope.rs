//! Which PostgresBackups the operator looks after.

use std::collections::BTreeSet;
use std::fmt;

/// All namespaces, or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of all namespaces.
    Cluster,
    /// Those of these namespaces. Nothing is read in others, and of the others themselves nothing either.
    Namespaces(BTreeSet<String>),
}

impl Scope {
    /// The scope of these namespaces; none given means all.
    #[must_use]
    pub fn of(namespaces: &[String]) -> Self {
        if namespaces.is_empty() { Self::Cluster } else { Self::Namespaces(namespaces.iter().cloned().collect()) }
    }
}

/// The field selector for the object of a name, to which a right to list can be limited.
#[must_use]
pub fn by_name(name: &str) -> String {
    format!("metadata.name={name}")
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("all"),
            Self::Namespaces(names) => f.write_str(&names.iter().map(String::as_str).collect::<Vec<_>>().join(",")),
        }
    }
}
