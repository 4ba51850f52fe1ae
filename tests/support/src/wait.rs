//! Waits for objects to reach a state, and says what was seen instead when they do not.

use std::{
    fmt::Debug,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::{
    Api, Resource,
    runtime::wait::{self, Condition, await_condition},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::process::Process;

/// How long a state may take unless a test says otherwise: far more than any needs on an idle machine, because tests also
/// run while the machine compiles.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Why a state was not reached.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The time is over.
    #[error(
        "{object} was not {expectation} within {within:?}; last seen:\n{last_seen}\nthe end of the operator's log:\n{log}"
    )]
    NotReached {
        /// Kind, namespace and name.
        object: String,
        /// The state that was waited for, in the words of the caller.
        expectation: String,
        /// How long it was given.
        within: Duration,
        /// Metadata that matters and status of the object when it was last seen.
        last_seen: String,
        /// The last lines that the operator wrote.
        log: String,
    },
    /// The object could not be watched.
    #[error("cannot watch {object}")]
    Watch {
        /// Kind, namespace and name.
        object: String,
        /// Why.
        source: wait::Error,
    },
}

/// Waits for the states of one object.
#[derive(Debug)]
pub struct Waiter<'a, K> {
    api: Api<K>,
    name: String,
    within: Duration,
    operator: Option<&'a Process>,
}

impl<'a, K> Waiter<'a, K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// For the object of this name, which need not exist yet.
    pub fn new(api: Api<K>, name: &str) -> Self {
        Self { api, name: name.to_owned(), within: PATIENCE, operator: None }
    }

    /// Quotes the log of this operator when a state is not reached.
    #[must_use]
    pub fn quoting(mut self, operator: &'a Process) -> Self {
        self.operator = Some(operator);
        self
    }

    /// Waits this long for each state instead of [`PATIENCE`].
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Waits until the object meets the condition, and returns it as it is then; `None` when a condition is met by an
    /// object that does not exist. `expectation` completes the sentence "the object was not …".
    ///
    /// # Errors
    ///
    /// [`WaitError::NotReached`], with what was last seen of the object.
    pub async fn until(&self, expectation: &str, condition: impl Condition<K>) -> Result<Option<K>, WaitError> {
        let last_seen = Mutex::new(None::<K>);
        let remembering = |object: Option<&K>| {
            *last_seen.lock().unwrap_or_else(PoisonError::into_inner) = object.cloned();
            condition.matches_object(object)
        };
        let object = || format!("{} {}", K::kind(&()), self.path());
        match tokio::time::timeout(self.within, await_condition(self.api.clone(), &self.name, remembering)).await {
            Ok(reached) => reached.map_err(|source| WaitError::Watch { object: object(), source }),
            Err(_) => {
                let last_seen = last_seen.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(WaitError::NotReached {
                    object: object(),
                    expectation: expectation.to_owned(),
                    within: self.within,
                    last_seen: last_seen.map_or_else(|| "    (it does not exist)".to_owned(), |seen| describe(&seen)),
                    log: self.operator.map_or_else(|| "    (no operator runs)".to_owned(), Process::log_tail),
                })
            }
        }
    }

    /// Waits until a condition of `status.conditions` has this status for the current generation of the object.
    ///
    /// # Errors
    ///
    /// [`WaitError::NotReached`], with what was last seen of the object.
    pub async fn until_condition(&self, kind: &str, status: &str) -> Result<Option<K>, WaitError> {
        self.until(&format!("{kind}={status}"), condition_is(kind, status)).await
    }

    /// Waits until the object does not exist.
    ///
    /// # Errors
    ///
    /// [`WaitError::NotReached`], with what was last seen of the object.
    pub async fn until_gone(&self) -> Result<(), WaitError> {
        self.until("gone", |object: Option<&K>| object.is_none()).await.map(drop)
    }

    fn path(&self) -> String {
        self.api.namespace().map_or_else(|| self.name.clone(), |namespace| format!("{namespace}/{}", self.name))
    }
}

/// Met by an object with a condition of this type and status that was computed for the object's current generation.
pub fn condition_is<K: Serialize>(kind: &str, status: &str) -> impl Condition<K> {
    move |object: Option<&K>| {
        let Some(Ok(object)) = object.map(serde_json::to_value) else {
            return false;
        };
        let generation = &object["metadata"]["generation"];
        object["status"]["conditions"].as_array().is_some_and(|conditions| {
            conditions.iter().any(|condition| {
                condition["type"] == kind
                    && condition["status"] == status
                    && &condition["observedGeneration"] == generation
            })
        })
    }
}

/// What of an object tells why it is not where it should be.
fn describe(object: &impl Serialize) -> String {
    let object = match serde_json::to_value(object) {
        Ok(object) => object,
        Err(error) => return format!("    (it cannot be printed: {error})"),
    };
    let metadata = &object["metadata"];
    let shown: Value = serde_json::json!({
        "generation": metadata["generation"],
        "deletionTimestamp": metadata["deletionTimestamp"],
        "finalizers": metadata["finalizers"],
        "status": object["status"],
    });
    format!("{shown:#}").lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_counts_only_for_the_current_generation() {
        let object = |generation: i64, status: &str| {
            serde_json::json!({
                "metadata": { "generation": 2 },
                "status": { "conditions": [{ "type": "Ready", "status": status, "observedGeneration": generation }] },
            })
        };
        let cases = [
            (Some(object(2, "True")), true),
            (Some(object(1, "True")), false),
            (Some(object(2, "False")), false),
            (Some(serde_json::json!({ "metadata": {} })), false),
            (None, false),
        ];
        for (object, expected) in cases {
            assert_eq!(condition_is("Ready", "True").matches_object(object.as_ref()), expected, "{object:?}");
        }
    }
}
