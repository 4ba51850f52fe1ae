//! The command line.

use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use jiff::SignedDuration;
use postgres_backup_operator::azure::{
    DatasourceId, DatasourceKind, Identity, Permit, PolicyId, PolicyName, SecretUri, UserAssignedIdentityId, VaultId,
};
use postgres_backup_operator::cli::AzureArgs;

use crate::assumption::{Assumption, Check};
use crate::assumptions;

/// Checks in a real Backup vault what the operator and its emulator assume of Azure.
///
/// A backup instance of its own is created for the database, stopped, resumed, deleted and undeleted, which takes 20 to 30
/// minutes. A vault whose soft delete is on then keeps it soft-deleted; until it is purged, the database can be protected
/// in that vault only by undeleting it. Use a database that nothing depends on.
///
/// Exit status: 0 if everything that was asked for is as assumed, 1 if something differs, 2 if something could not be
/// checked or was left behind.
#[derive(Debug, Parser)]
#[command(name = "azure-check", version)]
pub struct Options {
    /// ARM id of the database: a Flexible Server, or a database of a Single Server. Nothing may protect it.
    #[arg(long, value_name = "ID", required_unless_present = "list")]
    pub database: Option<DatasourceId>,
    /// ARM id of the Backup vault.
    #[arg(long, value_name = "ID", required_unless_present = "list")]
    pub vault: Option<VaultId>,
    /// Policy to protect the database under: its name, or its ARM id.
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    pub policy: Option<PolicyArg>,
    /// Another policy to change to and back. Without one, checks that need it are left out.
    #[arg(long, value_name = "NAME")]
    pub other_policy: Option<PolicyArg>,
    /// Key Vault secret with the login; for a database of a Single Server.
    #[arg(long, value_name = "URI")]
    pub key_vault_secret: Option<SecretUri>,
    /// ARM id of the identity with which the vault signs in, in place of its system-assigned one.
    #[arg(long, value_name = "ID")]
    pub user_assigned_identity: Option<UserAssignedIdentityId>,
    /// Check only this; may be given several times.
    #[arg(long, value_name = "ASSUMPTION", value_parser = checkable)]
    pub only: Vec<&'static Assumption>,
    /// List the assumptions and end.
    #[arg(long)]
    pub list: bool,
    /// Leave the backup instance as it is in the end, and leave out the checks that would delete it.
    #[arg(long)]
    pub keep: bool,
    /// Do not ask before the backup instance is created.
    #[arg(long)]
    pub yes: bool,
    /// Never wait longer than this between two looks, whatever Azure asks for; for an emulator that runs fast.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub poll_interval: Option<Duration>,
    /// How Azure is reached, as the operator is told.
    #[command(flatten)]
    pub azure: AzureArgs,
}

/// A policy, by its name or its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyArg {
    /// One of the vault.
    Name(PolicyName),
    /// One whose vault must be the one that is checked.
    Id(PolicyId),
}

/// What is to be checked, with everything in its place.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The database.
    pub database: DatasourceId,
    /// The vault.
    pub vault: VaultId,
    /// The policy to protect under.
    pub policy: PolicyId,
    /// Another one to change to.
    pub other_policy: Option<PolicyId>,
    /// Where the login of a Single Server is kept.
    pub secret: Option<SecretUri>,
    /// The identity that the vault signs in with.
    pub identity: Option<UserAssignedIdentityId>,
}

impl Subject {
    /// Permits requests about it: whoever runs the check has named it.
    #[must_use]
    pub fn permit(&self) -> Permit {
        let key_vault = self.secret.as_ref().map(SecretUri::key_vault);
        Permit::issue("command line", self.vault.clone(), self.database.clone(), key_vault, Identity::Own)
    }
}

/// Why options do not go together.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Something is missing.
    #[error("--{0} is required")]
    Missing(&'static str),
    /// The policy is another vault's.
    #[error("--{option} {policy} is no policy of the vault {vault}")]
    ForeignPolicy {
        /// The option.
        option: &'static str,
        /// The policy.
        policy: Box<PolicyId>,
        /// The vault that is checked.
        vault: Box<VaultId>,
    },
    /// The two policies are one.
    #[error("--other-policy must be another policy than --policy")]
    SamePolicy,
    /// A Single Server's database needs a secret.
    #[error("--key-vault-secret is required for a database of a Single Server")]
    SecretMissing,
    /// A Flexible Server takes none.
    #[error("--key-vault-secret must be left out for a Flexible Server")]
    SecretSuperfluous,
}

impl Options {
    /// What is to be checked.
    ///
    /// # Errors
    /// Which options do not go together.
    pub fn subject(&self) -> Result<Subject, OptionsError> {
        let database = self.database.clone().ok_or(OptionsError::Missing("database"))?;
        let vault = self.vault.clone().ok_or(OptionsError::Missing("vault"))?;
        let policy = self.policy.as_ref().ok_or(OptionsError::Missing("policy"))?.of(&vault, "policy")?;
        let other_policy = self.other_policy.as_ref().map(|other| other.of(&vault, "other-policy")).transpose()?;
        if other_policy.as_ref() == Some(&policy) {
            return Err(OptionsError::SamePolicy);
        }
        match (database.kind(), &self.key_vault_secret) {
            (DatasourceKind::SingleServerDatabase, None) => return Err(OptionsError::SecretMissing),
            (DatasourceKind::FlexibleServer, Some(_)) => return Err(OptionsError::SecretSuperfluous),
            _ => {}
        }
        let (secret, identity) = (self.key_vault_secret.clone(), self.user_assigned_identity.clone());
        Ok(Subject { database, vault, policy, other_policy, secret, identity })
    }
}

impl PolicyArg {
    fn of(&self, vault: &VaultId, option: &'static str) -> Result<PolicyId, OptionsError> {
        match self {
            Self::Name(name) => Ok(vault.policy(name)),
            Self::Id(id) if id.vault() == vault => Ok(id.clone()),
            Self::Id(id) => {
                let (policy, vault) = (Box::new(id.clone()), Box::new(vault.clone()));
                Err(OptionsError::ForeignPolicy { option, policy, vault })
            }
        }
    }
}

impl FromStr for PolicyArg {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') { Ok(Self::Id(text.parse()?)) } else { Ok(Self::Name(text.parse()?)) }
    }
}

fn checkable(id: &str) -> Result<&'static Assumption, String> {
    let assumption = assumptions::named(id).ok_or("there is no such assumption; --list shows them")?;
    match &assumption.check {
        Check::Trial(_) => Ok(assumption),
        Check::Impossible(why) => Err(format!("it cannot be checked: {why}")),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|_| "expected a duration like 200ms or 5s".to_owned())?;
    Duration::try_from(duration).map_err(|_| "expected a duration that is not negative".to_owned())
}
