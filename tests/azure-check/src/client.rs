//! The operator's own Azure client, put together from the operator's own settings.

use std::sync::Arc;

use postgres_backup_operator::azure::{
    ArmClient, ArmOptions, CloudError, Credential, CredentialConfig, CredentialError, DataProtection, Permit,
    TransportError, TransportOptions, http_client,
};
use postgres_backup_operator::cli::AzureArgs;

use crate::wire::Wire;

/// Why Azure cannot be reached as it is set.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The cloud is not described properly.
    #[error("the Azure cloud cannot be used as it is set (--cloud, --arm-endpoint, --arm-audience, --authority-host)")]
    Cloud(#[from] CloudError),
    /// The file with certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {path} (--ca-bundle)")]
    CaBundle {
        /// The file.
        path: String,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// There is nothing to sign in with.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

/// A client, and the wire below it.
#[derive(Clone, Debug)]
pub struct Client {
    /// The operator's client.
    pub azure: DataProtection,
    /// What it receives.
    pub wire: Arc<Wire>,
}

impl Client {
    /// The client that these settings describe, for what `permit` allows; `env` is where the credential's details come from.
    /// Tokens do not pass over the wire.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn new(args: &AzureArgs, permit: Permit, env: impl Fn(&str) -> Option<String>) -> Result<Self, ClientError> {
        // With two providers in a build rustls would refuse to choose. Only a second call fails, with the same in place.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let cloud = args.cloud()?;
        let read = |path: &std::path::PathBuf| {
            std::fs::read(path).map_err(|source| ClientError::CaBundle { path: path.display().to_string(), source })
        };
        let extra_ca_pem = args.ca_bundle.as_ref().map(read).transpose()?;
        let http = http_client(&TransportOptions { extra_ca_pem, ..TransportOptions::default() })?;
        let config = CredentialConfig::from_env(args.credential, env)?;
        let credential = Credential::new(config, &cloud, Arc::clone(&http))?;
        let wire = Arc::new(Wire::new(http));
        let arm = ArmClient::new(cloud, credential, wire.clone(), ArmOptions::default());
        Ok(Self { azure: DataProtection::new(arm, args.api_version, permit), wire })
    }
}
