//! When objects became ready and when they went away, as a watch sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, CustomResource, ResourceExt};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

/// How often it is looked whether enough has been seen. The times themselves are those of the watch events.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often it is told how far the fleet has got.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Nothing of a PostgresBackup's specification is of interest here.
#[derive(CustomResource, Clone, Debug, Serialize, Deserialize)]
#[kube(
    group = "pgbackup.dev",
    version = "v1alpha1",
    kind = "PostgresBackup",
    plural = "postgresbackups",
    namespaced,
    status = "Status",
    schema = "disabled"
)]
pub(crate) struct Spec {}

/// What of a status tells how far the object is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    observed_generation: Option<i64>,
}

impl PostgresBackup {
    /// The condition `Ready`, if it is about the present generation.
    fn ready(&self) -> Option<&Condition> {
        let conditions = &self.status.as_ref()?.conditions;
        let ready = conditions.iter().find(|condition| condition.kind == "Ready")?;
        (ready.observed_generation == self.metadata.generation).then_some(ready)
    }
}

/// What was seen of the objects, by their names.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// When each became ready for the first time.
    pub(crate) ready: HashMap<String, Instant>,
    /// The reason of `Ready` as last seen.
    pub(crate) reasons: HashMap<String, String>,
    /// When each was gone.
    pub(crate) gone: HashMap<String, Instant>,
}

impl Seen {
    /// How many objects have this reason.
    pub(crate) fn with_reason(&self, wanted: &str) -> usize {
        self.reasons.values().filter(|reason| *reason == wanted).count()
    }

    fn note(&mut self, object: &PostgresBackup) {
        let Some(ready) = object.ready() else {
            return;
        };
        let name = object.name_any();
        if ready.status == "True" {
            self.ready.entry(name.clone()).or_insert_with(Instant::now);
        }
        self.reasons.insert(name, ready.reason.clone());
    }
}

/// Watches the PostgresBackups of all namespaces until it is dropped.
#[derive(Debug)]
pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    watching: JoinHandle<()>,
}

impl Observer {
    pub(crate) fn start(client: Client) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        let events = watcher::watcher(Api::<PostgresBackup>::all(client), watcher::Config::default());
        let watching = tokio::spawn(async move {
            let mut events = std::pin::pin!(events.default_backoff());
            while let Some(event) = events.next().await {
                let mut seen = lock(&noted);
                match event {
                    Ok(Event::Apply(object) | Event::InitApply(object)) => seen.note(&object),
                    Ok(Event::Delete(object)) => {
                        seen.gone.insert(object.name_any(), Instant::now());
                    }
                    Ok(Event::Init | Event::InitDone) => {}
                    Err(error) => crate::say(&format!("  the watch broke and goes on: {error}")),
                }
            }
        });
        Self { seen, watching }
    }

    /// What has been seen so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Waits until `reached`, for at most so long. Tells whether it was.
    pub(crate) async fn until(&self, within: Duration, reached: impl Fn(&Seen) -> bool) -> bool {
        let (started, mut told) = (Instant::now(), Instant::now());
        while !reached(&self.seen()) {
            if started.elapsed() > within {
                return false;
            }
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                let Seen { ready, gone, .. } = &*self.seen();
                crate::say(&format!("  {} were ready, {} are gone", ready.len(), gone.len()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The seconds from a start until the first, half, 99 in a hundred and all of so many objects got somewhere; `None` for
/// what was not reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Milestones {
    pub(crate) first: Option<f64>,
    pub(crate) half: Option<f64>,
    pub(crate) most: Option<f64>,
    pub(crate) all: Option<f64>,
}

impl Milestones {
    pub(crate) fn of(times: impl IntoIterator<Item = Instant>, start: Instant, objects: usize) -> Self {
        let mut seconds: Vec<f64> =
            times.into_iter().map(|time| time.saturating_duration_since(start).as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        let after = |count: usize| seconds.get(count.max(1) - 1).copied();
        Self {
            first: after(1),
            half: after(objects.div_ceil(2)),
            most: after((objects * 99).div_ceil(100)),
            all: after(objects),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn milestones_count_objects_that_got_there() {
        let start = Instant::now();
        let times = |count: u64| (1..=count).map(move |second| start + Duration::from_secs(second));
        let all = Milestones::of(times(200), start, 200);
        assert_eq!(all, Milestones { first: Some(1.0), half: Some(100.0), most: Some(198.0), all: Some(200.0) });
        let some = Milestones::of(times(199), start, 200);
        assert_eq!((some.most, some.all), (Some(198.0), None));
        assert_eq!(Milestones::of(times(1), start, 1).all, Some(1.0));
        assert_eq!(Milestones::of(times(0), start, 1).first, None);
    }

    #[test]
    fn ready_counts_for_the_present_generation_only() {
        let object = |generation: i64, status: &str| -> PostgresBackup {
            let ready = json!({ "type": "Ready", "status": status, "reason": "R", "observedGeneration": generation });
            serde_json::from_value(json!({
                "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup",
                "metadata": { "name": "a", "generation": 2 },
                "spec": { "policy": { "name": "weekly" } },
                "status": { "conditions": [ready], "vault": "v" },
            }))
            .unwrap()
        };
        let mut seen = Seen::default();
        seen.note(&object(1, "True"));
        assert!(seen.reasons.is_empty());
        seen.note(&object(2, "False"));
        assert_eq!((seen.ready.len(), seen.with_reason("R")), (0, 1));
        seen.note(&object(2, "True"));
        assert_eq!(seen.ready.len(), 1);
    }
}
