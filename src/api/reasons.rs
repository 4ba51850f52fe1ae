//! The reasons that conditions and events carry: one closed table, each with its meaning for users.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why a condition has its status, or what an event is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason there is, in the order of the table.
            pub const ALL: &[Reason] = &[$(Reason::$name,)+];

            /// The word in `reason`, CamelCase as Kubernetes asks.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it means and what to do, for people.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc,)+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    /// Azure reports the database as protected, and nothing differs from the specification.
    Protected,
    /// The backup instance equals the specification.
    InSync,
    /// Azure's validation accepted the request.
    ValidationPassed,
    /// The backup instance exists, so Azure has accepted the request.
    Accepted,

    /// The operator has not come far enough to tell.
    Pending,
    /// Azure validates the request; nothing has been created yet.
    Validating,
    /// The backup instance is being created.
    Creating,
    /// The backup instance exists; Azure is still configuring protection.
    Configuring,
    /// The backup instance is being changed to what the specification says.
    Updating,
    /// The backup instance is being deleted.
    Deleting,
    /// A request was sent and its answer was lost; the operator looks at the backup instance until the outcome is certain.
    AwaitingOutcome,

    /// Azure limits the rate of requests; the operator goes on when Azure allows it.
    Throttled,
    /// Azure could not be reached or failed to answer; the operator tries again by itself.
    AzureUnavailable,
    /// Another operation runs on the backup instance or its vault; the operator tries again by itself.
    AzureBusy,
    /// The operator cannot sign in to Azure: check its credential settings and, for workload identity, the federated credential.
    CredentialUnavailable,
    /// The operator's own identity may not do this in Azure: grant it Backup Contributor on the vault; the message names the action.
    NotAuthorized,
    /// The vault's identity lacks a permission on the database server or the Key Vault: grant the role that `status.issues` names.
    MissingPermissions,
    /// Something the request refers to does not exist or cannot be reached yet: see `status.issues`.
    PrerequisiteMissing,
    /// The Backup vault or its resource group does not exist: create it, or correct `spec.vault.resourceId` in a new object.
    VaultNotFound,
    /// A resource guard protects the operation: have it approved.
    AwaitingApproval,

    /// The specification cannot be used as it is: the message says what to change.
    InvalidSpec,
    /// The Key Vault of `spec.keyVaultSecret.uri` does not belong to the cloud that the operator works with.
    KeyVaultNotInCloud,
    /// Another backup instance protects the database already: the message names its vault.
    AlreadyProtected,
    /// Azure refuses the request: `status.issues` has Azure's words and cure.
    RequestRefused,
    /// A backup instance of this name protects another database; the operator leaves it alone.
    DatasourceMismatch,
    /// The backup instance belongs to another PostgresBackup or another cluster; the operator leaves it alone.
    OwnedByAnother,
    /// Azure could not configure protection, or lost it: `status.issues` has Azure's words and cure.
    ProtectionError,
    /// Protection was stopped or suspended in Azure: resume it there.
    ProtectionStopped,
    /// The backup instance is soft-deleted in the vault.
    SoftDeleted,
    /// The backup instance is in a state that this operator does not know.
    UnknownState,
    /// The backup instance does not exist.
    NotCreated,

    /// The backup instance was deleted; the object is let go.
    Deleted,
    /// The object is let go and its backup instance left as it is.
    Retained,
    /// The object is let go; there was no backup instance to delete.
    NothingToDelete,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
