//! What is backed up: a Flexible Server, or a database of a Single Server.

use super::name::{NameRule, SubscriptionId, alphanumeric_ends};
use super::resource::{ParseIdError, ResourceId, Shape};
use std::fmt;
use std::str::FromStr;

const NAMESPACE: &str = "Microsoft.DBforPostgreSQL";

const SERVER_NAME: NameRule = NameRule {
    what: "a PostgreSQL server",
    min: 3,
    max: 63,
    text: "letters, digits and '-', beginning and ending with a letter or digit",
    accepts: |text| alphanumeric_ends(text, "-"),
};

/// PostgreSQL itself has a limit of 63 bytes; names with other characters cannot be addressed by an id.
const DATABASE_NAME: NameRule = NameRule {
    what: "a PostgreSQL database",
    min: 1,
    max: 63,
    text: "letters, digits, '-', '_' and '.', beginning with a letter, digit or '_' and not ending with '.'",
    accepts: |text| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && !text.ends_with('.')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    },
};

/// The id of a PostgreSQL datasource that Azure Backup can protect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DatasourceId {
    /// Azure Database for PostgreSQL, Flexible Server. It is protected as a whole.
    FlexibleServer(FlexibleServerId),
    /// One database of a Single Server, the product that was retired in March 2025.
    SingleServerDatabase(SingleServerDatabaseId),
}

/// The id of a Flexible Server (`Microsoft.DBforPostgreSQL/flexibleServers`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlexibleServerId(ResourceId);

/// The id of a database of a Single Server (`Microsoft.DBforPostgreSQL/servers/databases`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SingleServerDatabaseId(ResourceId);

/// The kind of a datasource, without its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasourceKind {
    /// A whole Flexible Server; needs no Key Vault secret.
    FlexibleServer,
    /// A database of a Single Server; Azure Backup signs in with a Key Vault secret.
    SingleServerDatabase,
}

impl DatasourceKind {
    /// The type Azure Backup knows the datasource by: `datasourceType` and `resourceType` of a backup instance.
    pub fn resource_type(self) -> &'static str {
        match self {
            Self::FlexibleServer => "Microsoft.DBforPostgreSQL/flexibleServers",
            Self::SingleServerDatabase => "Microsoft.DBforPostgreSQL/servers/databases",
        }
    }
}

impl DatasourceId {
    const FLEXIBLE_SERVER: Shape = Shape {
        what: "a PostgreSQL Flexible Server",
        namespace: NAMESPACE,
        types: &[("flexibleServers", SERVER_NAME)],
    };
    const SINGLE_SERVER_DATABASE: Shape = Shape {
        what: "a database of a PostgreSQL Single Server",
        namespace: NAMESPACE,
        types: &[("servers", SERVER_NAME), ("databases", DATABASE_NAME)],
    };

    /// Parses the id of either kind. The error speaks of the kind the text comes closest to.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        // Behind /subscriptions/{s}/resourceGroups/{g}/providers/{namespace} stands the type.
        let single_server = text.split('/').nth(7).is_some_and(|kind| kind.eq_ignore_ascii_case("servers"));
        if single_server {
            Self::SINGLE_SERVER_DATABASE.parse(text).map(SingleServerDatabaseId).map(Self::SingleServerDatabase)
        } else {
            Self::FLEXIBLE_SERVER.parse(text).map(FlexibleServerId).map(Self::FlexibleServer)
        }
    }

    /// Parses the id of a Single Server, which is no datasource itself: its databases are.
    pub(super) fn parse_single_server(text: &str) -> Result<ResourceId, ParseIdError> {
        const SERVER: Shape =
            Shape { what: "a PostgreSQL Single Server", namespace: NAMESPACE, types: &[("servers", SERVER_NAME)] };
        SERVER.parse(text)
    }

    /// Which kind of datasource this is.
    pub fn kind(&self) -> DatasourceKind {
        match self {
            Self::FlexibleServer(_) => DatasourceKind::FlexibleServer,
            Self::SingleServerDatabase(_) => DatasourceKind::SingleServerDatabase,
        }
    }

    /// The subscription the server is in; it may differ from the vault's.
    pub fn subscription(&self) -> &SubscriptionId {
        self.resource().subscription()
    }

    /// The name of the server.
    pub fn server_name(&self) -> &str {
        self.resource().child(0)
    }

    /// The name of the database; none for a Flexible Server.
    pub fn database_name(&self) -> Option<&str> {
        match self {
            Self::FlexibleServer(_) => None,
            Self::SingleServerDatabase(SingleServerDatabaseId(id)) => Some(id.child(1)),
        }
    }

    /// The id of the server: of a Flexible Server, the datasource itself.
    pub fn server(&self) -> ResourceId {
        self.resource().parent()
    }

    pub(super) fn resource(&self) -> &ResourceId {
        match self {
            Self::FlexibleServer(FlexibleServerId(id)) => id,
            Self::SingleServerDatabase(SingleServerDatabaseId(id)) => id,
        }
    }
}

impl FromStr for DatasourceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for DatasourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resource().fmt(f)
    }
}
