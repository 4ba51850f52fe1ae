//! Which Azure: the endpoints of a cloud.

use std::fmt;
use std::str::FromStr;
use url::Url;

/// The endpoints of one Azure cloud.
///
/// | cloud | Resource Manager | audience | authority | Key Vault |
/// | --- | --- | --- | --- | --- |
/// | public | `https://management.azure.com` | the same | `https://login.microsoftonline.com` | `vault.azure.net` |
/// | us-government | `https://management.usgovcloudapi.net` | `https://management.core.usgovcloudapi.net` | `https://login.microsoftonline.us` | `vault.usgovcloudapi.net` |
/// | china | `https://management.chinacloudapi.cn` | `https://management.core.chinacloudapi.cn` | `https://login.chinacloudapi.cn` | `vault.azure.cn` |
///
/// Every endpoint is an https origin: scheme, host and, where it is not 443, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    name: CloudName,
    arm_endpoint: String,
    audience: String,
    authority_host: String,
    key_vault_suffix: String,
}

/// The clouds whose endpoints are known, and `custom`, whose endpoints all have to be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CloudName {
    /// Azure, as everybody means it.
    #[default]
    Public,
    /// Azure Government.
    UsGovernment,
    /// Azure in China, operated by 21Vianet.
    China,
    /// Any other: Azure Stack, an air-gapped cloud, an emulator.
    Custom,
}

/// Endpoints that replace those of a cloud; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudOverrides {
    /// Azure Resource Manager, such as `https://management.azure.com` (`AZURE_RESOURCE_MANAGER_ENDPOINT`).
    pub arm_endpoint: Option<String>,
    /// The audience of the access token (`AZURE_RESOURCE_MANAGER_AUDIENCE`). A custom cloud's is its Resource Manager
    /// endpoint when left out.
    pub audience: Option<String>,
    /// Microsoft Entra ID, such as `https://login.microsoftonline.com` (`AZURE_AUTHORITY_HOST`).
    pub authority_host: Option<String>,
    /// What the host of a Key Vault ends with, such as `vault.azure.net`.
    pub key_vault_suffix: Option<String>,
}

impl Cloud {
    /// Azure public cloud.
    pub fn public() -> Self {
        Self::known(
            CloudName::Public,
            "https://management.azure.com",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "vault.azure.net",
        )
    }

    /// Azure Government.
    pub fn us_government() -> Self {
        Self::known(
            CloudName::UsGovernment,
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "vault.usgovcloudapi.net",
        )
    }

    /// Azure in China, operated by 21Vianet.
    pub fn china() -> Self {
        Self::known(
            CloudName::China,
            "https://management.chinacloudapi.cn",
            "https://management.core.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "vault.azure.cn",
        )
    }

    fn known(name: CloudName, arm: &str, audience: &str, authority: &str, key_vault: &str) -> Self {
        Self {
            name,
            arm_endpoint: arm.to_owned(),
            audience: audience.to_owned(),
            authority_host: authority.to_owned(),
            key_vault_suffix: key_vault.to_owned(),
        }
    }

    /// A cloud by name with some endpoints replaced; of a custom cloud all but the audience must be given.
    pub fn new(name: CloudName, overrides: CloudOverrides) -> Result<Self, CloudError> {
        let known = match name {
            CloudName::Public => Some(Self::public()),
            CloudName::UsGovernment => Some(Self::us_government()),
            CloudName::China => Some(Self::china()),
            CloudName::Custom => None,
        };
        let pick = |setting: &'static str, given: Option<String>, known: Option<&String>| {
            given.or_else(|| known.cloned()).ok_or(CloudError::Missing { setting })
        };
        let known = known.as_ref();
        let arm = pick("Resource Manager endpoint", overrides.arm_endpoint, known.map(|c| &c.arm_endpoint))?;
        let arm_endpoint = origin("Resource Manager endpoint", &arm)?;
        let audience = overrides.audience.or_else(|| known.map(|c| c.audience.clone()));
        let authority = pick("authority host", overrides.authority_host, known.map(|c| &c.authority_host))?;
        let suffix = pick("Key Vault suffix", overrides.key_vault_suffix, known.map(|c| &c.key_vault_suffix))?;
        Ok(Self {
            name,
            audience: match audience {
                Some(audience) => https(&audience, "audience")?.as_str().trim_end_matches('/').to_owned(),
                None => arm_endpoint.clone(),
            },
            arm_endpoint,
            authority_host: origin("authority host", &authority)?,
            key_vault_suffix: dns_suffix(&suffix)?,
        })
    }

    /// Which cloud this is.
    pub fn name(&self) -> CloudName {
        self.name
    }

    /// The origin of Azure Resource Manager, without a slash at the end.
    pub fn arm_endpoint(&self) -> &str {
        &self.arm_endpoint
    }

    /// Host of the Resource Manager endpoint, without a port.
    pub fn arm_host(&self) -> &str {
        let authority =
            self.arm_endpoint.split_once("://").map_or(self.arm_endpoint.as_str(), |(_, authority)| authority);
        let port = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        authority.rsplit_once(':').filter(|(_, tail)| port(tail)).map_or(authority, |(host, _)| host)
    }

    /// The audience of access tokens for Resource Manager, without a slash at the end.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The OAuth scope to ask for: the audience and `/.default`.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.audience)
    }

    /// The origin of Microsoft Entra ID, without a slash at the end.
    pub fn authority_host(&self) -> &str {
        &self.authority_host
    }

    /// What the host of a Key Vault ends with: a domain in lower case, without a leading dot.
    pub fn key_vault_suffix(&self) -> &str {
        &self.key_vault_suffix
    }
}

fn https(text: &str, setting: &'static str) -> Result<Url, CloudError> {
    let refused = |reason| CloudError::Endpoint { setting, given: text.to_owned(), reason };
    let url = Url::parse(text.trim()).map_err(|_| refused("it is not a URL"))?;
    if url.scheme() != "https" {
        return Err(refused("only https is allowed"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it must not carry a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("it must not have a query or fragment"));
    }
    Ok(url)
}

fn origin(setting: &'static str, text: &str) -> Result<String, CloudError> {
    let url = https(text, setting)?;
    if url.path() != "/" {
        return Err(CloudError::Endpoint { setting, given: text.to_owned(), reason: "it must not have a path" });
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn dns_suffix(text: &str) -> Result<String, CloudError> {
    let suffix = text.trim().trim_start_matches('.').to_ascii_lowercase();
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if suffix.split('.').all(label) {
        return Ok(suffix);
    }
    Err(CloudError::Endpoint {
        setting: "Key Vault suffix",
        given: text.to_owned(),
        reason: "it must be a domain such as vault.azure.net",
    })
}

/// A cloud that cannot be used as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// A custom cloud lacks an endpoint.
    #[error("a custom cloud lacks its {setting}")]
    Missing {
        /// The endpoint that was not given.
        setting: &'static str,
    },
    /// An endpoint that is not an https origin.
    #[error("{given:?} cannot be the {setting}: {reason}")]
    Endpoint {
        /// Which endpoint.
        setting: &'static str,
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name that is none of the known clouds.
    #[error("{given:?} is not a known cloud; use public, us-government, china or custom")]
    Unknown {
        /// What was given.
        given: String,
    },
}

impl FromStr for CloudName {
    type Err = CloudError;

    /// Also takes the names of the Azure CLI: `AzureCloud`, `AzureUSGovernment`, `AzureChinaCloud`.
    fn from_str(text: &str) -> Result<Self, CloudError> {
        match text.to_ascii_lowercase().as_str() {
            "public" | "azurecloud" => Ok(Self::Public),
            "us-government" | "azureusgovernment" => Ok(Self::UsGovernment),
            "china" | "azurechinacloud" => Ok(Self::China),
            "custom" => Ok(Self::Custom),
            _ => Err(CloudError::Unknown { given: text.to_owned() }),
        }
    }
}

impl fmt::Display for CloudName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::UsGovernment => "us-government",
            Self::China => "china",
            Self::Custom => "custom",
        })
    }
}

#[cfg(test)]
mod tests;
