//! Tokens and kubeconfig files of service accounts, by the TokenRequest API that the kubelet uses for projected tokens.

use std::{
    io,
    path::{Path, PathBuf},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, api::PostParams};

use super::{ControlPlane, kubeconfig::Kubeconfig};

/// A day: long enough for any test, and for a demonstration that is left running.
const TOKEN_LIFETIME_SECONDS: i64 = 24 * 3600;

/// Why a service account could not be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The API server refused the token, for example because the account does not exist.
    #[error("the API server issued no token for service account {namespace}/{name}")]
    Token {
        /// Namespace of the account.
        namespace: String,
        /// Name of the account.
        name: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl ControlPlane {
    /// A token of a service account. Without audiences it is one for the API server itself.
    ///
    /// # Errors
    ///
    /// [`AccountError::Token`] when the account does not exist.
    pub async fn service_account_token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[&str],
    ) -> Result<String, AccountError> {
        let refused =
            |source| AccountError::Token { namespace: namespace.into(), name: name.into(), source: Box::new(source) };
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: audiences.iter().map(ToString::to_string).collect(),
                expiration_seconds: Some(TOKEN_LIFETIME_SECONDS),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let accounts = Api::<ServiceAccount>::namespaced(self.client().await.map_err(refused)?, namespace);
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await.map_err(refused)?;
        Ok(answer.status.map(|status| status.token).unwrap_or_default())
    }

    /// A kubeconfig file for a service account, with just the rights that its role bindings give.
    ///
    /// # Errors
    ///
    /// [`AccountError`] when the account does not exist or the file cannot be written.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, AccountError> {
        let token = self.service_account_token(namespace, name, &[]).await?;
        let path = self.new_file("kubeconfig");
        let kubeconfig = Kubeconfig { server: self.url(), ca: self.ca_file(), user: name, token: &token, namespace };
        kubeconfig.write(&path).map_err(|source| AccountError::Write { path: path.clone(), source })?;
        Ok(path)
    }

    /// A file with a service account's token for another audience, as a projected volume would hold it.
    ///
    /// # Errors
    ///
    /// [`AccountError`] when the account does not exist or the file cannot be written.
    pub async fn service_account_token_file(
        &self,
        namespace: &str,
        name: &str,
        audience: &str,
    ) -> Result<PathBuf, AccountError> {
        let token = self.service_account_token(namespace, name, &[audience]).await?;
        let path = self.new_file("token");
        write(&path, &token)?;
        Ok(path)
    }
}

fn write(path: &Path, content: &str) -> Result<(), AccountError> {
    std::fs::write(path, content).map_err(|source| AccountError::Write { path: path.to_owned(), source })
}
