//! The kinds of credential, as a user names them.

use std::fmt;
use std::str::FromStr;

/// How the operator proves who it is, as chosen by the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// Whatever the environment is set up for.
    #[default]
    Auto,
    /// A Kubernetes service account token exchanged at Microsoft Entra ID.
    WorkloadIdentity,
    /// The identity of the machine or of the hosting service.
    ManagedIdentity,
    /// A service principal with a client secret.
    ClientSecret,
    /// Who is signed in to the Azure CLI; for development.
    AzureCli,
}

impl CredentialKind {
    /// Every kind, as offered to the user.
    pub const ALL: [Self; 5] =
        [Self::Auto, Self::WorkloadIdentity, Self::ManagedIdentity, Self::ClientSecret, Self::AzureCli];

    /// The name of the kind in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::WorkloadIdentity => "workload-identity",
            Self::ManagedIdentity => "managed-identity",
            Self::ClientSecret => "client-secret",
            Self::AzureCli => "azure-cli",
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CredentialKind {
    type Err = UnknownCredentialKind;

    fn from_str(text: &str) -> Result<Self, UnknownCredentialKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownCredentialKind { given: text.to_owned() })
    }
}

/// A text that names no kind of credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a kind of credential; use one of {}", CredentialKind::ALL.map(CredentialKind::as_str).join(", "))]
pub struct UnknownCredentialKind {
    given: String,
}

/// Whose identity a request is sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// The operator's own.
    Operator,
    /// One of a ServiceAccount that a grant names.
    Workload,
}

impl IdentityKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Operator, Self::Workload];

    /// The kind as a label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Workload => "workload",
        }
    }
}
