//! Whether what a status says of Azure is so.
//!
//! The rule: Ready=True, at the generation that the object has, is judged by the backup instance as the emulator held it
//! when it answered the operator's last GET of it. That is what the pass can have known; what has changed since then it
//! learns at its next look. A write that turns Ready to True, or says it of a new generation, must moreover rest on a look
//! that is no older than a pass, and that came after the last request with which the operator changed the instance.

use std::collections::BTreeSet;
use std::time::Duration;

use azure_emulator::Instance;
use kube::ResourceExt;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::v1alpha1::PostgresBackupSpec;
use postgres_backup_operator::api::{Mode, PostgresBackup, Protection};
use postgres_backup_operator::azure::ApiVersion;
use postgres_backup_operator::reconcile::naming;

use super::{Judge, instance_name};
use crate::api_server::CLUSTER_UID;
use crate::wire::Call;
use crate::world::{World, answers, is, status};

/// The deadline of a pass, and a little for the way.
const PASS: Duration = Duration::from_secs(4 * 60 + 10);

/// What was tried.
#[derive(Debug, Default)]
pub struct Tally {
    /// Writes of a status.
    pub writes: usize,
    /// Those among them that say Ready=True of the generation that the object has.
    pub ready: usize,
    /// The different situations in which a status was written: what is asked for, and what there was in Azure.
    pub situations: BTreeSet<String>,
}

impl Tally {
    /// Counts what was tried in another world as well.
    pub fn add(&mut self, other: Self) {
        self.writes += other.writes;
        self.ready += other.ready;
        self.situations.extend(other.situations);
    }
}

impl Judge {
    /// Everything that is not so about a status as it is written.
    pub(super) fn of_status(&self, before: &PostgresBackup, after: &PostgresBackup) -> Vec<String> {
        let Some(name) = instance_name(&after.spec) else { return Vec::new() };
        let look = self.azure.last_look(&name);
        let seen = look.as_ref().and_then(|look| look.instance.as_ref());
        let mut tally = self.tally.lock().unwrap();
        tally.writes += 1;
        let state = seen.map_or("nothing", |instance| instance.state.as_str());
        let PostgresBackupSpec { mode, protection, deletion_policy, .. } = &after.spec;
        let deleted = after.metadata.deletion_timestamp.is_some();
        let differs = seen.is_some_and(|instance| !differences(after, instance, self.version).is_empty());
        let reason = crate::world::reason(after);
        tally
            .situations
            .insert(format!("{mode:?} {protection} {deletion_policy:?} {deleted} {state} {differs} {reason}"));
        // A paused object's status answers an earlier specification, and ValidateOnly asks for nothing to be so.
        if !is(after, ConditionType::Ready) || !answers(after) || *mode == Mode::ValidateOnly {
            return Vec::new();
        }
        tally.ready += 1;
        if look.as_ref().is_some_and(|look| look.forged) {
            return Vec::new();
        }
        let Some(look) = &look else { return vec!["Ready without a look at the backup instance".to_owned()] };
        let Some(instance) = seen else { return vec!["Ready without a backup instance".to_owned()] };
        let mut faults = differences(after, instance, self.version);
        let news = !is(before, ConditionType::Ready)
            || status(before).observed_generation != status(after).observed_generation;
        if news && !is(after, ConditionType::Paused) {
            let age = self.azure.elapsed() - look.at;
            let changed = self.last_change(&name);
            if age > PASS {
                faults.push(format!("it was last looked at {age:?} before"));
            }
            if changed > Some(look.at) {
                faults.push(format!("it was changed at {changed:?} and last looked at {:?}", look.at));
            }
        }
        faults.into_iter().map(|fault| format!("Ready is not true: {fault}")).collect()
    }

    /// When the operator last sent a request that changes the backup instance.
    fn last_change(&self, name: &str) -> Option<Duration> {
        let changes = |call: Call| call.writes_instance() && call != Call::Sync;
        self.wire.last(|sent| changes(sent.call) && sent.about.eq_ignore_ascii_case(name))
    }
}

/// What is asked for and not so, as the backup instance stands.
pub fn differences(object: &PostgresBackup, instance: &Instance, version: ApiVersion) -> Vec<String> {
    let spec = &object.spec;
    let mut differences = Vec::new();
    let mut same = |what: &str, wanted: &str, actual: &str| {
        if !wanted.eq_ignore_ascii_case(actual) {
            differences.push(format!("{what} is {actual} and not {wanted}"));
        }
    };
    same("the database", &spec.database.resource_id, instance.spec.datasource.resource_id.as_str());
    let state = instance.state.as_str();
    match spec.protection {
        Protection::Active => same("the state", "ProtectionConfigured", state),
        Protection::Stopped => same("the state", "ProtectionStopped", state),
        Protection::Suspended if state == "BackupSchedulesSuspended" => {}
        Protection::Suspended => same("the state", "BackupsSuspended", state),
    }
    // Who enforces changes the rest when backups are resumed; who observes tells of it.
    if spec.protection != Protection::Active && spec.mode == Mode::Enforce {
        return differences;
    }
    let policy = format!("{}/backupPolicies/{}", spec.vault.resource_id, spec.policy.name);
    same("the policy", &policy, instance.spec.policy.policy_id.as_str());
    if version.carries_credentials() {
        let secret = spec.key_vault_secret.as_ref().map_or("none", |secret| &secret.uri);
        let credentials = instance.spec.credentials.as_ref();
        let actual = credentials.and_then(|credentials| credentials.secret_store_resource.uri.as_deref());
        same("the secret", secret, actual.unwrap_or("none"));
    }
    if spec.mode == Mode::Enforce && version.carries_tags() {
        same("the owner tag", &owner_tag(object), instance.tags.get(naming::OWNER_TAG).map_or("none", String::as_str));
    }
    differences
}

/// What marks a backup instance as this object's.
pub fn owner_tag(object: &PostgresBackup) -> String {
    naming::owner_tag(CLUSTER_UID, &object.namespace().unwrap(), &object.name_any()).value
}

/// What is wrong with an object some time after the last disturbance: it must be as asked for and say so, or say what a
/// person has to do about it.
pub fn unsettled(world: &World, object: &PostgresBackup, version: ApiVersion) -> Option<String> {
    let reason = crate::world::reason(object);
    let instance = instance_name(&object.spec).and_then(|name| world.azure.instance_named(&name));
    let reached = instance.as_ref().is_some_and(|instance| differences(object, instance, version).is_empty());
    let deleted = object.metadata.deletion_timestamp.is_some();
    if is(object, ConditionType::Ready) {
        let promises = object.spec.mode != Mode::ValidateOnly;
        return (promises && !reached).then(|| format!("Ready, but Azure has {instance:#?}"));
    }
    if reached && !deleted && object.spec.mode != Mode::ValidateOnly {
        return Some(format!("{reason}, though all is as asked for"));
    }
    let conditions = status(object).conditions;
    let stalled = conditions::find(&conditions, ConditionType::Stalled);
    let is_explained =
        stalled.is_some_and(|stalled| EXPLAINED.contains(&stalled.reason.as_str()) && stalled.message.len() > 40);
    (!is_explained).then(|| format!("neither Ready nor explained: {reason}"))
}

/// The reasons that tell a person what to do, in worlds in which nothing is under way any more.
const EXPLAINED: [&str; 16] = [
    "AlreadyProtected",
    "AwaitingConfirmation",
    "CannotValidate",
    "ConflictingWriter",
    "DatasourceMismatch",
    "DriftDetected",
    "MissingPermissions",
    "NotCreated",
    "NotSupported",
    "OwnedByAnother",
    "PrerequisiteMissing",
    "ProtectionError",
    "RequestRefused",
    "SoftDeleted",
    "UnknownState",
    "VaultNotFound",
];
