//! What the operator asked of the API server, from its audit log.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use test_support::{AuditEvent, AuditTail};

use crate::error::BenchError;
use crate::stage::SERVICE_ACCOUNT;

/// The operator's requests to the API server in some time.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct KubernetesRequests {
    /// By verb and resource, such as `patch postgresbackups/status`, refused ones included.
    pub(crate) by_verb: BTreeMap<String, u64>,
    /// All of them.
    pub(crate) total: u64,
    /// Writes of PostgresBackups and of their status.
    pub(crate) object_writes: u64,
    /// The most writes of one object.
    pub(crate) object_writes_max: u64,
    /// Events that were created or counted up.
    pub(crate) events: u64,
    /// Answers 409: somebody else was faster.
    pub(crate) conflicts: u64,
}

impl KubernetesRequests {
    /// What the log has since it was last read.
    pub(crate) fn read(log: &mut AuditTail) -> Result<Self, BenchError> {
        let (namespace, account) = SERVICE_ACCOUNT;
        let operator = format!("system:serviceaccount:{namespace}:{account}");
        let mut counts = Self::default();
        let mut of_object = HashMap::new();
        log.read(|event| {
            if event.user.username == operator {
                counts.add(&event, &mut of_object);
            }
        })
        .map_err(BenchError::Audit)?;
        counts.object_writes_max = of_object.into_values().max().unwrap_or_default();
        Ok(counts)
    }

    fn add(&mut self, event: &AuditEvent, of_object: &mut HashMap<(String, String), u64>) {
        self.total += 1;
        let object = event.object_ref.as_ref();
        let resource = object.and_then(|object| object.resource.as_deref()).unwrap_or("other");
        let subresource = object.and_then(|object| object.subresource.as_deref());
        let what = subresource.map_or_else(|| resource.to_owned(), |part| format!("{resource}/{part}"));
        *self.by_verb.entry(format!("{} {what}", event.verb)).or_default() += 1;
        if event.response_status.as_ref().is_some_and(|status| status.code == 409) {
            self.conflicts += 1;
        }
        match resource {
            "events" if event.is_write() => self.events += 1,
            "postgresbackups" if event.is_write() => {
                self.object_writes += 1;
                let key = object.and_then(|object| Some((object.namespace.clone()?, object.name.clone()?)));
                *of_object.entry(key.unwrap_or_default()).or_default() += 1;
            }
            _ => {}
        }
    }
}
