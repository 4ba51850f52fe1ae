//! The secrets of a control plane, made anew for each: serving certificate, service-account keys, administrator's token.

use std::{fs, io, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::work_dir::WorkDir;

/// Why the secrets could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Generating a key or a certificate failed.
    #[error("cannot generate the keys of the control plane")]
    Generate(#[from] rcgen::Error),
    /// A file could not be written.
    #[error("cannot write the keys of the control plane")]
    Write(#[from] io::Error),
}

/// Paths of the files that kube-apiserver reads, and what clients need.
#[derive(Debug)]
pub(super) struct Keys {
    /// Certificate authority of the serving certificate, PEM.
    pub(super) ca: PathBuf,
    pub(super) serving_certificate: PathBuf,
    pub(super) serving_key: PathBuf,
    /// Signs the tokens of service accounts (PKCS#8, EC P-256).
    pub(super) account_signing_key: PathBuf,
    /// Verifies them. kube-apiserver does not derive it from a PKCS#8 private key.
    pub(super) account_public_key: PathBuf,
    /// The file for `--token-auth-file`.
    pub(super) tokens: PathBuf,
    /// Bearer token of a member of `system:masters`.
    pub(super) admin_token: String,
}

impl Keys {
    /// Generates everything into `work`.
    pub(super) fn generate(work: &WorkDir) -> Result<Self, KeysError> {
        let authority = {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, "control plane of a test");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            CertifiedIssuer::self_signed(params, KeyPair::generate()?)?
        };
        let serving = KeyPair::generate()?;
        let certificate = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?
            .signed_by(&serving, &authority)?;
        let account = KeyPair::generate()?;
        let admin_token = uuid::Uuid::new_v4().to_string();

        let write = |name: &str, content: &str| -> io::Result<PathBuf> {
            let path = work.join(name);
            fs::write(&path, content)?;
            Ok(path)
        };
        Ok(Self {
            ca: write("ca.crt", &authority.pem())?,
            serving_certificate: write("apiserver.crt", &certificate.pem())?,
            serving_key: write("apiserver.key", &serving.serialize_pem())?,
            account_signing_key: write("service-account.key", &account.serialize_pem())?,
            account_public_key: write("service-account.pub", &account.public_key_pem())?,
            tokens: write("tokens.csv", &format!("{admin_token},admin,admin,\"system:masters\"\n"))?,
            admin_token,
        })
    }
}
