//! The `x-ms-ratelimit-remaining-…` headers. The counters start anew every minute and never refuse anything.

use std::collections::BTreeMap;

use http::{HeaderName, Method};
use jiff::Timestamp;

use crate::route::Kind;
use crate::version::{ApiVersion, Feature};

const RESOURCE_REQUESTS: HeaderName =
    HeaderName::from_static("x-ms-ratelimit-remaining-subscription-resource-requests");
const READS: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-subscription-reads");
const WRITES: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-subscription-writes");
const GLOBAL_WRITES: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-subscription-global-writes");
const DELETES: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-subscription-deletes");

/// What is left of each quota in the current minute.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    minute: i64,
    used: BTreeMap<(Kind, &'static str), u32>,
}

impl RateLimits {
    /// Counts a request. Returns the header for it and what is left.
    pub(crate) fn count(
        &mut self,
        now: Timestamp,
        kind: Kind,
        method: &Method,
        version: ApiVersion,
    ) -> (HeaderName, u32) {
        let minute = now.as_second().div_euclid(60);
        if minute != self.minute {
            self.minute = minute;
            self.used.clear();
        }
        let (name, quota) = quota(kind, method, version);
        let group = match *method {
            Method::GET => "reads",
            Method::DELETE => "deletes",
            _ => "writes",
        };
        let used = self.used.entry((kind, group)).or_default();
        *used += 1;
        (name, quota.saturating_sub(*used))
    }
}

/// The header and the quota, as the first calls of the recordings show them; with 2021-01-01 as in the article, where
/// the provider's own quotas were not in force yet.
fn quota(kind: Kind, method: &Method, version: ApiVersion) -> (HeaderName, u32) {
    if !version.has(Feature::Credentials) {
        return match *method {
            Method::GET => (READS, 12_000),
            Method::DELETE => (DELETES, 15_000),
            _ => (WRITES, 1_200),
        };
    }
    match kind {
        Kind::SyncInstance => (GLOBAL_WRITES, 12_000),
        Kind::UndeleteInstance => (RESOURCE_REQUESTS, 2_000),
        Kind::ResourceGuardMapping if *method == Method::DELETE => (DELETES, 15_000),
        Kind::ResourceGuardMapping => (RESOURCE_REQUESTS, 100),
        Kind::ValidateForBackup
        | Kind::ValidateForModify
        | Kind::StopProtection
        | Kind::SuspendBackups
        | Kind::ResumeProtection
        | Kind::ResumeBackups
        | Kind::UnlockDelete => (WRITES, 1_200),
        Kind::PutInstance | Kind::DeleteInstance => (RESOURCE_REQUESTS, 200),
        Kind::GetInstance | Kind::ListInstances | Kind::GetDeletedInstance => (RESOURCE_REQUESTS, 2_000),
        Kind::Poll => (RESOURCE_REQUESTS, 1_000),
        Kind::GetVault | Kind::GetPolicy => (RESOURCE_REQUESTS, 500),
        Kind::Token | Kind::Other => (WRITES, 1_200),
    }
}
