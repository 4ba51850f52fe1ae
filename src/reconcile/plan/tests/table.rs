//! The table of states and steps: what the first look at a backup instance leads to, with nothing recorded.
//!
//! `tell` stands for trouble that status has to tell of before anything is done about it; the step after it is the one that
//! follows once it is told.

use serde_json::json;

use super::*;
use crate::api::v1alpha1::{Issue, IssueSource};
use crate::api::{DeletionPolicy, PostgresBackup, Protection};
use crate::azure::DeletedInstance;
use crate::reconcile::explain;
use crate::reconcile::testing::{desired, instance, object};
use crate::reconcile::validate::Lifecycle;

/// Mode `Enforce`: by what is wanted, for a backup instance that is equal and for one whose policy differs.
const ENFORCE: &str = "
shown by Azure              | equal: Active | Suspended    | Stopped      | different: Active | Suspended       | Stopped
nothing                     | validate      | validate     | validate     | validate          | validate        | validate
soft-deleted                | undelete      | undelete     | undelete     | undelete          | undelete        | undelete
ConfiguringProtection       | wait          | wait         | wait         | wait              | wait            | wait
UpdatingProtection          | wait          | wait         | wait         | wait              | wait            | wait
SoftDeleting                | wait          | wait         | wait         | wait              | wait            | wait
ProtectionConfigured        | rest          | suspend      | stop         | validate change   | validate change | validate change
ProtectionError             | tell, sync    | suspend      | stop         | update            | suspend         | stop
ConfiguringProtectionFailed | tell, update  | tell, update | tell, update | tell, update      | tell, update    | tell, update
NotProtected                | tell, update  | tell, update | tell, update | tell, update      | tell, update    | tell, update
Invalid                     | tell, update  | tell, update | tell, update | tell, update      | tell, update    | tell, update
ProtectionStopped           | resume        | resume       | at rest      | resume            | resume          | at rest
BackupsSuspended            | resume        | at rest      | resume       | resume            | at rest         | resume
BackupSchedulesSuspended    | resume        | at rest      | resume       | resume            | at rest         | resume
RetentionSchedulesSuspended | resume        | resume       | resume       | resume            | resume          | resume
SoftDeleted                 | tell          | tell         | tell         | tell              | tell            | tell
SomethingNew                | tell          | tell         | tell         | tell              | tell            | tell
no state                    | tell          | tell         | tell         | tell              | tell            | tell
";

/// Mode `Observe`, likewise.
const OBSERVE: &str = "
shown by Azure              | equal: Active | Suspended    | Stopped      | different: Active | Suspended       | Stopped
nothing                     | not created   | not created  | not created  | not created       | not created     | not created
soft-deleted                | soft-deleted  | soft-deleted | soft-deleted | soft-deleted      | soft-deleted    | soft-deleted
ConfiguringProtection       | wait          | wait         | wait         | wait              | wait            | wait
UpdatingProtection          | wait          | wait         | wait         | wait              | wait            | wait
SoftDeleting                | wait          | wait         | wait         | wait              | wait            | wait
ProtectionConfigured        | rest          | drifted      | drifted      | drifted           | drifted         | drifted
ProtectionError             | tell          | drifted      | drifted      | tell              | drifted         | drifted
ConfiguringProtectionFailed | tell          | tell         | tell         | tell              | tell            | tell
NotProtected                | tell          | tell         | tell         | tell              | tell            | tell
Invalid                     | tell          | tell         | tell         | tell              | tell            | tell
ProtectionStopped           | drifted       | drifted      | at rest      | drifted           | drifted         | drifted
BackupsSuspended            | drifted       | at rest      | drifted      | drifted           | drifted         | drifted
BackupSchedulesSuspended    | drifted       | at rest      | drifted      | drifted           | drifted         | drifted
RetentionSchedulesSuspended | drifted       | drifted      | drifted      | drifted           | drifted         | drifted
SoftDeleted                 | tell          | tell         | tell         | tell              | tell            | tell
SomethingNew                | tell          | tell         | tell         | tell              | tell            | tell
no state                    | tell          | tell         | tell         | tell              | tell            | tell
";

/// Mode `ValidateOnly`, likewise. `nothing to ask`: Azure judges neither what is there already nor whether backups may stop.
const VALIDATE_ONLY: &str = "
shown by Azure              | equal: Active   | Suspended       | Stopped         | different: Active | Suspended       | Stopped
nothing                     | validate        | validate        | validate        | validate          | validate        | validate
soft-deleted                | soft-deleted    | soft-deleted    | soft-deleted    | soft-deleted      | soft-deleted    | soft-deleted
ConfiguringProtection       | wait            | wait            | wait            | wait              | wait            | wait
UpdatingProtection          | wait            | wait            | wait            | wait              | wait            | wait
SoftDeleting                | wait            | wait            | wait            | wait              | wait            | wait
ProtectionConfigured        | nothing to ask  | nothing to ask  | nothing to ask  | validate change   | validate change | validate change
ProtectionError             | nothing to ask  | nothing to ask  | nothing to ask  | validate change   | validate change | validate change
ConfiguringProtectionFailed | tell            | tell            | tell            | tell              | tell            | tell
NotProtected                | tell            | tell            | tell            | tell              | tell            | tell
Invalid                     | tell            | tell            | tell            | tell              | tell            | tell
ProtectionStopped           | cannot validate | cannot validate | nothing to ask  | cannot validate   | cannot validate | cannot validate
BackupsSuspended            | cannot validate | nothing to ask  | cannot validate | cannot validate   | cannot validate | cannot validate
BackupSchedulesSuspended    | cannot validate | nothing to ask  | cannot validate | cannot validate   | cannot validate | cannot validate
RetentionSchedulesSuspended | cannot validate | cannot validate | cannot validate | cannot validate   | cannot validate | cannot validate
SoftDeleted                 | tell            | tell            | tell            | tell              | tell            | tell
SomethingNew                | tell            | tell            | tell            | tell              | tell            | tell
no state                    | tell            | tell            | tell            | tell              | tell            | tell
";

/// A deleted object in mode `Enforce`, by its deletion policy. What else it asks for plays no part, nor whether it differs.
const DELETING: &str = "
shown by Azure              | Delete          | StopProtection  | Retain
nothing                     | release nothing | release nothing | let go
soft-deleted                | release nothing | release nothing | let go
ConfiguringProtection       | delete          | wait            | let go
UpdatingProtection          | delete          | wait            | let go
SoftDeleting                | wait            | wait            | let go
ProtectionConfigured        | delete          | stop            | let go
ProtectionError             | delete          | stop            | let go
ConfiguringProtectionFailed | delete          | release nothing to stop | let go
NotProtected                | delete          | release nothing to stop | let go
Invalid                     | delete          | release nothing to stop | let go
ProtectionStopped           | delete          | release stopped | let go
BackupsSuspended            | delete          | resume          | let go
BackupSchedulesSuspended    | delete          | resume          | let go
RetentionSchedulesSuspended | delete          | resume          | let go
SoftDeleted                 | release nothing | release nothing | let go
SomethingNew                | delete          | stop            | let go
no state                    | delete          | stop            | let go
";

const PROTECTIONS: [Protection; 3] = [Protection::Active, Protection::Suspended, Protection::Stopped];
const MODES: [Mode; 3] = [Mode::Enforce, Mode::Observe, Mode::ValidateOnly];
const POLICIES: [DeletionPolicy; 3] = [DeletionPolicy::Delete, DeletionPolicy::StopProtection, DeletionPolicy::Retain];

/// The rows of a table: what Azure shows, and the expected steps.
fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    table.trim().lines().skip(1).map(|line| {
        let mut cells = line.split('|').map(str::trim);
        (cells.next().unwrap(), cells.collect())
    })
}

/// One combination.
#[derive(Clone, Copy, Debug)]
struct Case {
    shown: &'static str,
    differs: bool,
    protection: Protection,
    mode: Mode,
    policy: DeletionPolicy,
    deleting: bool,
}

impl Case {
    fn object(self) -> PostgresBackup {
        let Self { protection, mode, policy, .. } = self;
        let mut object = object(json!({ "protection": protection, "mode": mode, "deletionPolicy": policy }));
        if self.deleting {
            object.metadata.deletion_timestamp = serde_json::from_value(json!("2026-11-23T12:00:00Z")).unwrap();
        }
        object
    }

    fn observed(self, desired: &Desired) -> Observed {
        let shown = match self.shown {
            "nothing" => return seen(None, None),
            "soft-deleted" => "SoftDeleted",
            "no state" => "",
            state => state,
        };
        let policy = wanted(desired).request.policy.to_string();
        let policy = if self.differs { policy.replace("weekly", "monthly") } else { policy };
        let instance = instance(desired, shown, &json!({ "policyInfo": { "policyId": policy } }));
        if self.shown != "soft-deleted" {
            return seen(Some(instance), None);
        }
        let deleted = DeletedInstance::parse(instance.raw).unwrap();
        let found = Found::SoftDeleted { deleted: Box::new(deleted), claim: Claim::Ours, replacement: None };
        Observed::Seen { found, sent: None }
    }

    /// The step, after status has told of `issues`.
    fn step(self, issues: Vec<Issue>) -> &'static str {
        let object = self.object();
        let desired = desired(&object);
        let observed = self.observed(&desired);
        let status = PostgresBackupStatus { issues, ..PostgresBackupStatus::default() };
        let step = match Lifecycle::of(&object) {
            Lifecycle::Live => live(&desired, &wanted(&desired), &status, &observed, VERSION).step,
            Lifecycle::Deleting(disposal) => deleting(&desired.target, disposal, &observed, Stake::Covered, VERSION),
            Lifecycle::LettingGo => return "let go",
        };
        match word(&step) {
            "unprotected" => "tell",
            "nothing to validate" => "nothing to ask",
            word => word.strip_prefix("intend ").unwrap_or(word),
        }
    }

    fn assert(self, expected: &str) {
        let told = vec![explain::issue(IssueSource::Protection, &error())];
        let (first, then) = match expected.split_once(", ") {
            Some((first, then)) => (first, then),
            None => (expected, expected),
        };
        assert_eq!(self.step(Vec::new()), first, "at first: {self:?}");
        assert_eq!(self.step(told), then, "once status has told of the trouble: {self:?}");
    }
}

#[test]
fn every_state_leads_to_the_step_that_the_table_says() {
    let mut shown: Vec<_> = ProtectionState::KNOWN.iter().map(|state| state.as_str().to_owned()).collect();
    shown.extend(["nothing", "soft-deleted", "SomethingNew", "no state"].map(str::to_owned));
    shown.sort();

    let mut walked = 0;
    for mode in MODES {
        let live = match mode {
            Mode::Enforce => ENFORCE,
            Mode::Observe => OBSERVE,
            Mode::ValidateOnly => VALIDATE_ONLY,
        };
        for table in [live, DELETING] {
            let mut listed: Vec<_> = rows(table).map(|(shown, _)| shown.to_owned()).collect();
            listed.sort();
            assert_eq!(listed, shown, "each state has one row in the table of {mode:?}");
        }
        for (differs, (p, protection), (d, policy)) in combinations() {
            for (shown, steps) in rows(live) {
                Case { shown, differs, protection, mode, policy, deleting: false }
                    .assert(steps[p + if differs { PROTECTIONS.len() } else { 0 }]);
                walked += 1;
            }
            for (shown, steps) in rows(DELETING) {
                let expected = if mode == Mode::Enforce { steps[d] } else { "let go" };
                Case { shown, differs, protection, mode, policy, deleting: true }.assert(expected);
                walked += 1;
            }
        }
    }
    // What Azure shows, equal or not, wanted protection, mode, deletion policy, deleted or not.
    assert_eq!(walked, 17 * 2 * 3 * 3 * 3 * 2);
}

type Numbered<T> = (usize, T);

fn combinations() -> impl Iterator<Item = (bool, Numbered<Protection>, Numbered<DeletionPolicy>)> {
    [false, true].into_iter().flat_map(|differs| {
        PROTECTIONS.into_iter().enumerate().flat_map(move |protection| {
            POLICIES.into_iter().enumerate().map(move |policy| (differs, protection, policy))
        })
    })
}
