//! How the operator writes: JSON patch of the object, server-side apply of its status.

use json_patch::{PatchErrorKind, jsonptr};
use postgres_backup_operator::api::PostgresBackup;
use serde_json::Value;

use super::ApiServer;
use super::resource::{self, Key, Refusal};
use super::store::{Author, Edit};
use crate::{contract, secrets};

impl ApiServer {
    /// Applies a JSON patch to everything but the status. A test in it that fails refuses all of it.
    pub(super) fn patch_object(&self, key: &Key, patch: &Value) -> Result<Value, Refusal> {
        let patch: json_patch::Patch = serde_json::from_value(patch.clone()).map_err(|error| bad_request(&error))?;
        let name = &key.1;
        let old = self.stored(key)?;
        let mut new = old.clone();
        json_patch::patch(&mut new, &patch).map_err(|error| match error.kind {
            PatchErrorKind::TestFailed => Refusal::new(422, "Invalid", format!("{name}: {error}")),
            _ => bad_request(&error),
        })?;
        if new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"] {
            return Err(Refusal::conflict(name));
        }
        self.expect_finalizers_only(&patch);
        let new = resource::updated(&old, new, name)?;
        self.look(&old, &new, Edit::Finalizers);
        Ok(self.commit(key, new, Author::Operator, Edit::Finalizers))
    }

    /// Applies a status. The operator is the only manager of it, so what it applies replaces what was there.
    pub(super) fn apply_status(&self, key: &Key, applied: &Value) -> Result<Value, Refusal> {
        let old = self.stored(key)?;
        match applied["metadata"]["resourceVersion"].as_str() {
            None => self.wire.violation("a status was applied without a resourceVersion"),
            Some(version) if old["metadata"]["resourceVersion"] != version => return Err(Refusal::conflict(&key.1)),
            Some(_) => {}
        }
        let mut new = old.clone();
        new["status"] = applied["status"].clone();
        secrets::overhear(&new["status"].to_string());
        let (before, after) = self.look(&old, &new, Edit::Status);
        for breach in contract::breaches(&before, &after, self.time.now()) {
            self.wire.violation(format!("the status of {} breaks its contract: {breach}\n{:#}", key.1, new["status"]));
        }
        Ok(self.commit(key, new, Author::Operator, Edit::Status))
    }

    /// Has a write of the operator looked at.
    fn look(&self, old: &Value, new: &Value, edit: Edit) -> (PostgresBackup, PostgresBackup) {
        let typed = |object: &Value| -> PostgresBackup {
            serde_json::from_value(object.clone()).expect("the operator writes a PostgresBackup")
        };
        let (before, after) = (typed(old), typed(new));
        let inspectors = self.inspectors.lock().unwrap();
        let faults = inspectors.iter().flat_map(|inspect| inspect(&before, &after, edit));
        faults.for_each(|fault| {
            self.wire.violation(format!("{}: {fault}\n{:#}", new["metadata"]["name"], new["status"]));
        });
        (before, after)
    }

    pub(super) fn stored(&self, key: &Key) -> Result<Value, Refusal> {
        self.store().get(key).cloned().ok_or_else(|| Refusal::not_found(&key.1))
    }

    pub(super) fn commit(&self, key: &Key, object: Value, author: Author, edit: Edit) -> Value {
        let stored = self.store().commit(self.time.elapsed(), key, object, author, edit);
        self.announce();
        stored
    }

    /// The operator must not write what users write.
    fn expect_finalizers_only(&self, patch: &json_patch::Patch) {
        let finalizers = jsonptr::PointerBuf::from_tokens(["metadata", "finalizers"]);
        let others = patch.iter().filter(|operation| !matches!(operation, json_patch::PatchOperation::Test(_)));
        for operation in others.filter(|operation| *operation.path() != finalizers) {
            self.wire.violation(format!("the operator patched {}", operation.path()));
        }
    }
}

fn bad_request(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(400, "BadRequest", error.to_string())
}
