//! What was asked of Azure, from the emulator's counters.

use std::collections::BTreeMap;

use serde::Serialize;
use test_support::azure_emulator::{Busiest, Kind, Traffic};
use test_support::{EmulatorProcess, Method};

use crate::error::BenchError;

/// The requests to Azure in some time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AzureRequests {
    /// By operation, refused ones included.
    pub(crate) by_operation: BTreeMap<String, u64>,
    /// All but those for tokens.
    pub(crate) total: u64,
    /// Requests that change something, and POSTs that have a request validated, which count as writes for Azure.
    pub(crate) writes: u64,
    /// Looks at the status of an operation.
    pub(crate) polls: u64,
    /// What serves many objects: lists, and the vault itself.
    pub(crate) shared: u64,
    /// Answers 429.
    pub(crate) throttled: u64,
    /// Their share of all answers.
    pub(crate) throttled_share: f64,
    /// The most in one second.
    pub(crate) busiest_second: Busiest,
}

/// What a request is to an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Token,
    Poll,
    Shared,
    Read,
    Write,
}

fn role(kind: Kind) -> Role {
    match kind {
        Kind::Token => Role::Token,
        Kind::Poll => Role::Poll,
        Kind::GetVault | Kind::ListInstances => Role::Shared,
        Kind::GetPolicy | Kind::GetInstance | Kind::GetDeletedInstance | Kind::Other => Role::Read,
        Kind::ValidateForBackup
        | Kind::PutInstance
        | Kind::DeleteInstance
        | Kind::UndeleteInstance
        | Kind::StopProtection
        | Kind::SuspendBackups
        | Kind::ResumeProtection
        | Kind::ResumeBackups
        | Kind::SyncInstance
        | Kind::ValidateForModify
        | Kind::ResourceGuardMapping
        | Kind::UnlockDelete => Role::Write,
    }
}

impl AzureRequests {
    /// Sums up the counters.
    pub(crate) fn of(traffic: &Traffic) -> Result<Self, BenchError> {
        let sum = |wanted: &dyn Fn(Kind, u16) -> bool| -> u64 {
            let tallies = traffic.requests.iter().filter(|tally| wanted(tally.kind, tally.status));
            tallies.map(|tally| tally.count).sum()
        };
        let mut by_operation = BTreeMap::new();
        for tally in &traffic.requests {
            let name = serde_json::to_value(tally.kind)?.as_str().unwrap_or_default().to_owned();
            *by_operation.entry(name).or_default() += tally.count;
        }
        let total = sum(&|kind, _| role(kind) != Role::Token);
        let throttled = sum(&|_, status| status == 429);
        Ok(Self {
            by_operation,
            total,
            writes: sum(&|kind, _| role(kind) == Role::Write),
            polls: sum(&|kind, _| role(kind) == Role::Poll),
            shared: sum(&|kind, _| role(kind) == Role::Shared),
            throttled,
            throttled_share: if total == 0 { 0.0 } else { throttled as f64 / total as f64 },
            busiest_second: traffic.busiest_second,
        })
    }

    /// What is sent for single objects, besides polls.
    pub(crate) fn single_without_polls(&self) -> u64 {
        self.total - self.polls - self.shared
    }
}

/// The emulator's counters as they are now.
pub(crate) async fn traffic(emulator: &EmulatorProcess) -> Result<Traffic, BenchError> {
    Ok(serde_json::from_value(emulator.admin(Method::GET, "traffic", None).await?)?)
}

/// How many requests there were, those for tokens included.
pub(crate) fn count(traffic: &Traffic) -> u64 {
    traffic.requests.iter().map(|tally| tally.count).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn requests_are_summed_by_what_they_are_for() {
        let traffic: Traffic = serde_json::from_value(serde_json::json!({
            "requests": [
                { "kind": "token", "status": 200, "count": 1 },
                { "kind": "getVault", "status": 200, "count": 2 },
                { "kind": "validateForBackup", "status": 202, "count": 10 },
                { "kind": "putInstance", "status": 201, "count": 10 },
                { "kind": "putInstance", "status": 429, "count": 8 },
                { "kind": "getInstance", "status": 200, "count": 30 },
                { "kind": "poll", "status": 200, "count": 20 },
            ],
            "busiestSecond": { "total": 40, "reads": 30, "writes": 10, "deletes": 0 },
            "last": null,
        }))
        .unwrap();
        let requests = AzureRequests::of(&traffic).unwrap();
        assert_eq!((requests.total, requests.writes, requests.polls, requests.shared), (80, 28, 20, 2));
        assert_eq!((requests.throttled, requests.single_without_polls()), (8, 58));
        assert_eq!(requests.by_operation["putInstance"], 18);
        assert_eq!(count(&traffic), 81);
    }
}
