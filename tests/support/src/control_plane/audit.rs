//! Reads the audit log of kube-apiserver: who did what to which object, as the server itself recorded it.
//!
//! Format: <https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/>, one JSON object a line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use serde::Deserialize;

/// Every request once, when its response is complete, without bodies. The API server's own requests are left out.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  users: [\"system:apiserver\"]
- level: Metadata
";

/// One completed request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// The verb of the Kubernetes API: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Path and query of the request.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Who asked.
    pub user: AuditUser,
    /// What for; `None` for requests outside of any resource, such as `/readyz`.
    pub object_ref: Option<AuditObject>,
    /// What came of it.
    pub response_status: Option<AuditStatus>,
}

/// The authenticated user of a request.
#[derive(Debug, Clone, Deserialize)]
pub struct AuditUser {
    /// `system:serviceaccount:{namespace}:{name}` for a service account.
    pub username: String,
}

/// The object of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditObject {
    /// The API group; `None` for the core group.
    pub api_group: Option<String>,
    /// The plural, such as `configmaps`.
    pub resource: Option<String>,
    /// Namespace, for a namespaced resource.
    pub namespace: Option<String>,
    /// Name; `None` for a list, and for a create whose name the server chose.
    pub name: Option<String>,
    /// Such as `status`.
    pub subresource: Option<String>,
}

/// The response of a request.
#[derive(Debug, Clone, Deserialize)]
pub struct AuditStatus {
    /// HTTP status code.
    pub code: u16,
}

impl AuditEvent {
    /// Whether the request was one that changes objects. A refused one counts as well: it was sent.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    /// Whether the request was for this object.
    pub fn is_about(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.object_ref.as_ref().is_some_and(|object| {
            object.resource.as_deref() == Some(resource)
                && object.namespace.as_deref() == Some(namespace)
                && object.name.as_deref() == Some(name)
        })
    }
}

/// Parses a log. The last line is left out while the server is still writing it.
pub(super) fn parse(log: &str) -> Result<Vec<AuditEvent>, serde_json::Error> {
    let complete = log.rfind('\n').map_or("", |end| &log[..end]);
    complete.lines().map(serde_json::from_str).collect()
}

/// Reads a growing log from where the last reading ended.
#[derive(Debug)]
pub struct AuditTail {
    log: BufReader<File>,
    /// The beginning of a line that the server is still writing.
    partial: Vec<u8>,
}

impl AuditTail {
    /// Begins at the end of the log.
    pub(super) fn at_end(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { log: BufReader::new(file), partial: Vec::new() })
    }

    /// Hands over the requests that were completed since the last reading, oldest first.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or holds something else than audit events.
    pub fn read(&mut self, mut each: impl FnMut(AuditEvent)) -> io::Result<()> {
        while self.log.read_until(b'\n', &mut self.partial)? > 0 && self.partial.ends_with(b"\n") {
            each(serde_json::from_slice(&self.partial)?);
            self.partial.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PATCH: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"6c0f","stage":"ResponseComplete","requestURI":"/apis/pgbackup.dev/v1alpha1/namespaces/shop/postgresbackups/orders/status?force=true","verb":"patch","user":{"username":"system:serviceaccount:pgbackup-system:postgres-backup-operator","groups":["system:authenticated"]},"sourceIPs":["127.0.0.1"],"objectRef":{"resource":"postgresbackups","namespace":"shop","name":"orders","apiGroup":"pgbackup.dev","apiVersion":"v1alpha1","subresource":"status"},"responseStatus":{"metadata":{},"code":200}}"#;
    const PROBE: &str = r#"{"kind":"Event","verb":"get","requestURI":"/readyz","user":{"username":"admin"},"responseStatus":{"metadata":{},"code":200}}"#;

    #[test]
    fn reads_complete_lines_only() {
        let log = format!("{PATCH}\n{PROBE}\n{{\"kind\":\"Ev");
        let events = parse(&log).unwrap();
        assert_eq!(events.len(), 2);
        assert!(events[0].is_write() && events[0].is_about("postgresbackups", "shop", "orders"));
        assert_eq!(events[0].object_ref.as_ref().unwrap().subresource.as_deref(), Some("status"));
        assert_eq!(events[0].response_status.as_ref().unwrap().code, 200);
        assert!(!events[1].is_write() && !events[1].is_about("postgresbackups", "shop", "orders"));
    }

    #[test]
    fn an_unreadable_line_is_an_error() {
        assert!(parse("{\"verb\":\n").is_err());
        assert_eq!(parse("").unwrap().len(), 0);
    }

    #[test]
    fn a_tail_reads_every_line_once_and_none_before_it_is_complete() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let append = |text: &str| io::Write::write_all(&mut log.as_file(), text.as_bytes()).unwrap();
        append(&format!("{PROBE}\n"));
        let mut tail = AuditTail::at_end(log.path()).unwrap();
        let mut verbs = || {
            let mut verbs = Vec::new();
            tail.read(|event| verbs.push(event.verb)).unwrap();
            verbs
        };
        assert_eq!(verbs(), [""; 0]);
        let (first, rest) = PATCH.split_at(100);
        append(first);
        assert_eq!(verbs(), [""; 0]);
        append(&format!("{rest}\n{PROBE}\n"));
        assert_eq!(verbs(), ["patch", "get"]);
        assert_eq!(verbs(), [""; 0]);
    }
}
