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
    /// Backups are suspended, as `spec.protection: Suspended` asks.
    Suspended,
    /// Backups are stopped and the recovery points kept, as `spec.protection: Stopped` or the deletion policy asks.
    Stopped,
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
    /// Backups are being resumed.
    Resuming,
    /// Backups are being suspended.
    Suspending,
    /// Backups are being stopped; the recovery points are kept.
    Stopping,
    /// The soft-deleted backup instance is being brought back, with its recovery points.
    Undeleting,
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
    /// A resource guard protects the operation: somebody with rights on the guard has to carry it out or lift the guard.
    AwaitingApproval,
    /// The annotation `pgbackup.dev/paused` holds the operator off: remove it to go on.
    Paused,
    /// Many objects are being deleted at once, so this deletion waits: see `kubectl get pgb -A`, and keep what is still needed.
    HeldByBrake,
    /// Deleting the backup instance could not be undone: confirm it with the annotation that the message names.
    AwaitingConfirmation,

    /// The operator could not finish its work on the object, most likely because of a defect: its log says more. It tries again by itself.
    PassFailed,
    /// The operator cannot read the object as it is stored: install the CustomResourceDefinition of the operator's version and correct the object.
    Unreadable,

    /// No PostgresBackupGrant permits what the object asks for, so nothing is sent to Azure: the message says what to ask an administrator for.
    NotPermitted,
    /// Several PostgresBackupGrants permit it as different identities, so nothing is sent to Azure: an administrator has to leave one.
    GrantConflict,
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
    /// Another PostgresBackup, older than this one, is about the same backup instance: delete one of the two.
    DuplicateOf,
    /// The backup instance differs from the specification, and the mode does not allow a change: see `status.drift`.
    DriftDetected,
    /// Somebody keeps undoing the operator's correction: find out who, or change the specification; then request a reconcile.
    ConflictingWriter,
    /// Azure cannot say whether it would accept the specification: the message says why.
    CannotValidate,
    /// The operator's api-version does not have what the specification asks for: give it a newer one with `--api-version`.
    NotSupported,
    /// Azure could not configure protection, or lost it: `status.issues` has Azure's words and cure.
    ProtectionError,
    /// Azure takes no backups: protection is stopped or suspended.
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
    /// The object is let go; another PostgresBackup takes its backup instance over.
    HandedOver,
    /// The object is let go; there was no backup instance to delete.
    NothingToDelete,
    /// Somebody had changed the backup instance, and the operator has changed it back.
    DriftCorrected,

    /// Of a grant: every line of it can be used.
    InEffect,
    /// Of a grant: a list or selector in it is empty, and so it permits nothing.
    MatchesNothing,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
