//! Writes kubeconfig files.

use std::{fs, io, path::Path};

/// What a kubeconfig file says about one user of one cluster.
#[derive(Debug)]
pub(super) struct Kubeconfig<'a> {
    /// URL of the API server.
    pub(super) server: &'a str,
    /// File with the certificate authority.
    pub(super) ca: &'a Path,
    /// Name of the user, for people.
    pub(super) user: &'a str,
    /// Bearer token.
    pub(super) token: &'a str,
    /// Namespace used when none is given.
    pub(super) namespace: &'a str,
}

impl Kubeconfig<'_> {
    /// Writes the file. The values are quoted as JSON strings, which every YAML reader understands.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let ca = quote(&self.ca.display().to_string());
        let (server, user, token, namespace) =
            (quote(self.server), quote(self.user), quote(self.token), quote(self.namespace));
        fs::write(
            path,
            format!(
                "\
apiVersion: v1
kind: Config
current-context: local
contexts:
- name: local
  context: {{ cluster: local, user: {user}, namespace: {namespace} }}
clusters:
- name: local
  cluster: {{ server: {server}, certificate-authority: {ca} }}
users:
- name: {user}
  user: {{ token: {token} }}
"
            ),
        )
    }
}
