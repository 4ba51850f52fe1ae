//! All objects lack a permission until it is granted; nobody touches them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use test_support::Method;

use super::Setup;
use crate::error::BenchError;
use crate::observer::Milestones;
use crate::options::Options;
use crate::phases;
use crate::report::Run;
use crate::stage::Stage;

/// The reason of `Ready` while Azure says that a permission is missing.
const REASON: &str = "MissingPermissions";

/// What it took the operator to notice that a permission was granted. Times are seconds from then on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Permission {
    /// How long the objects had been refused.
    pub(crate) refused_s: u64,
    /// Validations that were sent in that time.
    pub(crate) validations_while_refused: usize,
    /// Until the next validation was sent, for half of the objects.
    pub(crate) half_validated_s: Option<f64>,
    /// For all of them.
    pub(crate) all_validated_s: Option<f64>,
    pub(crate) first_ready_s: Option<f64>,
    pub(crate) half_ready_s: Option<f64>,
    pub(crate) all_ready_s: Option<f64>,
}

/// What is of interest of an entry of the emulator's journal.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    time: Timestamp,
    request_body: Option<Value>,
}

pub(super) async fn run(setup: &Setup, options: &Options) -> Result<Run, BenchError> {
    let mut stage = Stage::set(options, setup).await?;
    let rss_idle_mb = phases::idle(&stage).await?;
    let objects = setup.fleet.objects;
    let created = phases::create(&mut stage).await?;
    if !stage.observer.until(options.patience(), |seen| seen.with_reason(REASON) >= objects).await {
        crate::say("  not all objects were refused in time");
    }
    let before = validations(&stage).await?.len();
    tokio::time::sleep(Duration::from_secs(options.refused_seconds)).await;
    let sent = validations(&stage).await?;

    let (granted, granted_at) = (Instant::now(), Timestamp::now());
    for grant in setup.fleet.grants() {
        stage.tell_azure("grants", &grant).await?;
    }
    let creation = phases::until_ready(&mut stage, created, options.patience()).await?;
    let validated = first_after(&validations(&stage).await?, granted_at, granted);
    let validated = Milestones::of(validated.into_values(), granted, objects);
    let ready = Milestones::of(stage.observer.seen().ready.values().copied(), granted, objects);
    let permission = Permission {
        refused_s: options.refused_seconds,
        validations_while_refused: sent.len() - before,
        half_validated_s: validated.half,
        all_validated_s: validated.all,
        first_ready_s: ready.first,
        half_ready_s: ready.half,
        all_ready_s: ready.all,
    };
    let mut run = setup.result(&stage, rss_idle_mb, creation).await?;
    run.permission = Some(permission);
    Ok(run)
}

async fn validations(stage: &Stage) -> Result<Vec<Entry>, BenchError> {
    let journal = stage.emulator.admin(Method::GET, "journal?kind=validateForBackup", None).await?;
    Ok(serde_json::from_value(journal)?)
}

/// When each database was validated for the first time after the grant, by its ARM id.
fn first_after(entries: &[Entry], granted_at: Timestamp, granted: Instant) -> BTreeMap<String, Instant> {
    let mut first = BTreeMap::new();
    for entry in entries {
        let id = entry.request_body.as_ref().map(|body| &body["backupInstance"]["dataSourceInfo"]["resourceID"]);
        let after =
            granted_at.until((Unit::Microsecond, entry.time)).ok().and_then(|span| Duration::try_from(span).ok());
        if let (Some(id), Some(after)) = (id.and_then(Value::as_str), after) {
            first.entry(id.to_owned()).or_insert(granted + after);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_validation_after_the_grant_counts() {
        let granted = Instant::now();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let entry = |second, id: &str| Entry {
            time: at(second),
            request_body: Some(json!({ "backupInstance": { "dataSourceInfo": { "resourceID": id } } })),
        };
        let entries = [entry(90, "a"), entry(101, "a"), entry(105, "b"), entry(130, "a")];
        let first = first_after(&entries, at(100), granted);
        let seconds: Vec<_> = first.into_iter().map(|(id, time)| (id, (time - granted).as_secs())).collect();
        assert_eq!(seconds, [("a".to_owned(), 1), ("b".to_owned(), 5)]);
    }
}
