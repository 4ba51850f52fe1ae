//! The address of a Key Vault secret.

use super::name::clip;
use crate::azure::cloud::Cloud;
use std::fmt;
use std::str::FromStr;

/// The versionless URI of a Key Vault secret: `https://{vault}.{suffix}/secrets/{name}`.
///
/// Azure Backup reads the newest version at every backup, so that a rotated password works without a change here; a URI
/// with a version is therefore refused. Key Vault names are case-insensitive: two URIs that differ in case are equal.
#[derive(Clone)]
pub struct SecretUri {
    host: String,
    name: String,
}

/// The host of a Key Vault in lower case, such as `team-kv.vault.azure.net`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyVaultHost(String);

impl KeyVaultHost {
    /// The host.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyVaultHost {
    type Err = ParseKeyVaultHostError;

    fn from_str(text: &str) -> Result<Self, ParseKeyVaultHostError> {
        if is_key_vault_host(text) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ParseKeyVaultHostError { given: clip(text) })
        }
    }
}

impl fmt::Display for KeyVaultHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not the host of a Key Vault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not the host of a Key Vault; expected for example team-kv.vault.azure.net")]
pub struct ParseKeyVaultHostError {
    given: String,
}

impl SecretUri {
    /// The host of the Key Vault in lower case, such as `team-kv.vault.azure.net`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The Key Vault that holds the secret.
    pub fn key_vault(&self) -> KeyVaultHost {
        KeyVaultHost(self.host.clone())
    }

    /// The name of the secret, as the user spelled it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the host is a Key Vault of `cloud`, judged by its DNS suffix.
    pub fn belongs_to(&self, cloud: &Cloud) -> bool {
        self.host.split_once('.').is_some_and(|(_, suffix)| suffix == cloud.key_vault_suffix())
    }

    fn identity(&self) -> (&str, String) {
        (&self.host, self.name.to_ascii_lowercase())
    }
}

impl PartialEq for SecretUri {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for SecretUri {}

impl std::hash::Hash for SecretUri {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl FromStr for SecretUri {
    type Err = ParseSecretUriError;

    fn from_str(text: &str) -> Result<Self, ParseSecretUriError> {
        parse(text).map_err(|reason| ParseSecretUriError { given: clip(text), reason })
    }
}

impl fmt::Display for SecretUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/secrets/{}", self.host, self.name)
    }
}

impl fmt::Debug for SecretUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn parse(text: &str) -> Result<SecretUri, Reason> {
    let scheme = text.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://")).ok_or(Reason::Scheme)?;
    let rest = &text[scheme.len()..];
    if rest.contains(['?', '#']) {
        return Err(Reason::QueryOrFragment);
    }
    let (host, path) = rest.split_once('/').ok_or(Reason::Path)?;
    if host.contains('@') {
        return Err(Reason::UserInfo);
    }
    if host.contains(':') {
        return Err(Reason::Port);
    }
    if !is_key_vault_host(host) {
        return Err(Reason::Host);
    }
    let mut segments = path.split('/');
    if !segments.next().is_some_and(|segment| segment.eq_ignore_ascii_case("secrets")) {
        return Err(Reason::Path);
    }
    let name = segments.next().filter(|name| is_secret_name(name)).ok_or(Reason::Name)?;
    match segments.next() {
        None => Ok(SecretUri { host: host.to_ascii_lowercase(), name: name.to_owned() }),
        Some("") => Err(Reason::Path),
        Some(_) => Err(Reason::Version),
    }
}

fn is_key_vault_host(text: &str) -> bool {
    text.split_once('.').is_some_and(|(vault, suffix)| is_vault_name(vault) && suffix.split('.').all(is_dns_label))
}

/// 3 to 24 letters, digits and `-`, beginning with a letter (Azure's naming rules for Key Vault).
fn is_vault_name(text: &str) -> bool {
    (3..=24).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_alphabetic()) && is_dns_label(text)
}

fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// 1 to 127 letters, digits and `-` (Azure's naming rules for secrets).
fn is_secret_name(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A text that is not the versionless URI of a Key Vault secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not the URI of a Key Vault secret: {reason}; \
     expected for example https://team-kv.vault.azure.net/secrets/orders-login"
)]
pub struct ParseSecretUriError {
    given: String,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("it does not begin with https://")]
    Scheme,
    #[error("leave out the user name before '@'")]
    UserInfo,
    #[error("leave out the port")]
    Port,
    #[error("leave out everything from '?' or '#' on")]
    QueryOrFragment,
    #[error("the host is not the name of a Key Vault (3 to 24 letters, digits and '-') followed by a domain")]
    Host,
    #[error("the path is not /secrets/<name>")]
    Path,
    #[error("the name of the secret is not 1 to 127 letters, digits and '-'")]
    Name,
    #[error("leave out the version, so that a rotated secret works")]
    Version,
}

#[cfg(test)]
mod tests;
