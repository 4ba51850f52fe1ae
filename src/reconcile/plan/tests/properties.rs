//! Whatever happens, the operator ends where the specification says, or says why not.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

use super::model::azure::{Azure, Effect, Luck};
use super::model::backup::{Backup, OURS};
use super::model::operator::Operator;
use super::*;
use crate::api::Protection;
use crate::reconcile::plan::drift;
use crate::reconcile::testing::SERVER;

const FOREIGN: &str = "other/shop/orders";
const OTHER_SERVER: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/invoices";

/// How many passes it may take to get there once nothing interferes any more: a request whose outcome is open is looked
/// at every 15 s for five minutes, and a few may follow each other.
const PASSES: usize = 120;

/// What happens.
#[derive(Clone, Debug)]
enum Event {
    /// The operator looks, and what it sends fares like this. The next event comes after so many seconds, or when the
    /// operator wants to look again.
    Pass(Luck, Option<u64>),
    /// The operator is replaced by another one.
    Restart,
    /// Somebody changes the specification.
    Edit(Value),
    /// Somebody deletes the object.
    Delete,
    /// Somebody acts on the backup instance in the portal, or Azure shows it in some state.
    Force(ProtectionState),
    Undelete,
    Purge,
    Tag(Option<&'static str>),
    Policy(&'static str),
    /// Somebody creates a backup instance of this name, where there is none. Nobody could tell it from one of ours that
    /// lands late, so it does not meet one.
    Make(Backup),
    /// Azure loses the permissions that it needs, or gets them back.
    Ill(bool),
}

fn any_luck() -> impl Strategy<Value = Luck> {
    let late = 1..290_u64;
    prop_oneof![
        6 => Just(Luck::Fine),
        2 => Just(Luck::AtOnce),
        1 => late.clone().prop_map(Luck::FinishedLate),
        1 => Just(Luck::OperationFails),
        2 => prop::sample::select(vec![400, 401, 403, 404, 409, 429, 500, 503]).prop_map(Luck::Refused),
        1 => late.clone().prop_map(Luck::InternalErrorLate),
        1 => Just(Luck::LostWithEffect),
        1 => Just(Luck::LostWithoutEffect),
        2 => late.prop_map(Luck::LostLate),
    ]
}

fn any_state() -> impl Strategy<Value = ProtectionState> {
    let mut states = ProtectionState::KNOWN.to_vec();
    states.extend([ProtectionState::from("SomethingNew"), ProtectionState::from("")]);
    prop::sample::select(states)
}

fn any_backup() -> impl Strategy<Value = Backup> {
    let owner = prop_oneof![4 => Just(Some(OURS)), 2 => Just(None), 1 => Just(Some(FOREIGN))];
    let server = prop_oneof![9 => Just(SERVER), 1 => Just(OTHER_SERVER)];
    let policy = prop::sample::select(vec!["weekly", "monthly"]);
    (any_state(), policy, owner, server).prop_map(|(state, policy, owner, server)| Backup {
        state,
        policy: policy.to_owned(),
        owner: owner.map(str::to_owned),
        server: server.to_owned(),
    })
}

fn any_edit() -> impl Strategy<Value = Value> {
    let values = [
        json!({ "policy": { "name": "weekly" } }),
        json!({ "policy": { "name": "monthly" } }),
        json!({ "protection": "Active" }),
        json!({ "protection": "Suspended" }),
        json!({ "protection": "Stopped" }),
        json!({ "mode": "Enforce" }),
        json!({ "mode": "Enforce" }),
        json!({ "mode": "Observe" }),
        json!({ "mode": "ValidateOnly" }),
        json!({ "deletionPolicy": "Delete" }),
        json!({ "deletionPolicy": "StopProtection" }),
        json!({ "deletionPolicy": "Retain" }),
    ];
    prop::sample::select(values.to_vec())
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        24 => (any_luck(), prop::option::of(1..400_u64)).prop_map(|(luck, hurry)| Event::Pass(luck, hurry)),
        2 => Just(Event::Restart),
        6 => any_edit().prop_map(Event::Edit),
        1 => Just(Event::Delete),
        4 => any_state().prop_map(Event::Force),
        1 => Just(Event::Undelete),
        1 => Just(Event::Purge),
        1 => prop::sample::select(vec![None, Some(OURS), Some(FOREIGN)]).prop_map(Event::Tag),
        1 => prop::sample::select(vec!["weekly", "monthly"]).prop_map(Event::Policy),
        1 => any_backup().prop_map(Event::Make),
        2 => any::<bool>().prop_map(Event::Ill),
    ]
}

struct World {
    azure: Azure,
    operator: Operator,
}

impl World {
    async fn pass(&mut self, luck: Luck, hurry: Option<u64>) -> &'static str {
        self.azure.tick();
        let pass = self.operator.pass(&mut self.azure, luck);
        let wait = hurry.map_or(pass.delay, |seconds| pass.delay.min(Duration::from_secs(seconds)));
        advance(wait.max(Duration::from_millis(1))).await;
        self.azure.tick();
        pass.word
    }

    async fn happen(&mut self, event: Event) {
        let azure = &mut self.azure;
        match event {
            Event::Pass(luck, hurry) => {
                self.pass(luck, hurry).await;
            }
            Event::Restart => self.operator.restart(),
            Event::Edit(spec) => self.operator.edit(&spec),
            Event::Delete => self.operator.delete(),
            Event::Force(state) => azure.force(state),
            Event::Undelete => {
                if azure.instance.is_none() && azure.still_landing().next().is_none() {
                    azure.apply(Effect::Act(Action::Undelete));
                }
            }
            Event::Purge => azure.tombstone = None,
            Event::Tag(owner) => {
                if let Some(instance) = &mut azure.instance {
                    instance.owner = owner.map(str::to_owned);
                }
            }
            Event::Policy(policy) => {
                if let Some(instance) = &mut azure.instance {
                    policy.clone_into(&mut instance.policy);
                }
            }
            Event::Make(backup) => {
                if azure.instance.is_none() && azure.tombstone.is_none() && azure.still_landing().next().is_none() {
                    let state = backup.state.clone();
                    azure.instance = Some(backup);
                    azure.force(state);
                }
            }
            Event::Ill(ill) => azure.ill = ill,
        }
    }

    /// Lets the operator alone with Azure until nothing happens any more; says how its last pass ended.
    async fn calm_down(&mut self) -> &'static str {
        self.azure.ill = false;
        let (mut quiet, mut last) = (0, "");
        for _ in 0..PASSES {
            let writes = self.azure.writes;
            let word = self.pass(Luck::Fine, None).await;
            let same = word == last && self.azure.writes == writes && self.azure.is_calm() && is_end(word);
            quiet = if same { quiet + 1 } else { 0 };
            last = word;
            if quiet == 5 {
                return last;
            }
        }
        panic!("no end in sight after {PASSES} passes: {last}, {:?}", self.azure);
    }

    /// Whether what a pass says at the end is true, and as good as it can be.
    fn check(&self, word: &str) {
        let Self { azure, operator } = self;
        let spec = &operator.object.spec;
        let instance = azure.instance.as_ref();
        let case = format!("{word}: {spec:?}, {azure:?}");
        let is_ours = |backup: &Backup| backup.owner.as_deref() == Some(OURS) && backup.server == SERVER;
        match operator.released {
            Some(Release::Deleted { .. } | Release::NothingToDelete) => {
                let shown_as_deleted = |backup: &&Backup| backup.state == ProtectionState::SoftDeleted;
                assert!(instance.is_none_or(|backup| shown_as_deleted(&backup)), "{case}");
                return;
            }
            Some(Release::Stopped) => {
                let running = [ProtectionState::ProtectionConfigured, ProtectionState::ProtectionError];
                assert!(instance.is_none_or(|backup| !backup.is(&running)), "{case}");
                return;
            }
            Some(Release::NotOurs) => return assert!(!instance.is_some_and(is_ours), "{case}"),
            Some(_) => return,
            None => {}
        }
        assert!(operator.object.metadata.deletion_timestamp.is_none(), "it is let go: {case}");
        if spec.mode != Mode::Enforce {
            return;
        }
        let backup = instance.or(azure.tombstone.as_ref()).expect("there is a backup instance, or was one");
        let explained = match word {
            "mismatch" => backup.server != SERVER,
            "owned" => backup.owner.as_deref() == Some(FOREIGN),
            "unprotected" => matches!(backup.state, ProtectionState::SoftDeleted | ProtectionState::Unknown(_)),
            "rest" => {
                let same = backup.policy == spec.policy.name && is_ours(backup);
                spec.protection == Protection::Active && backup.is(&[ProtectionState::ProtectionConfigured]) && same
            }
            "at rest" => spec.protection != Protection::Active && drift::reaches(&backup.state, spec.protection),
            _ => false,
        };
        assert!(explained && (word == "mismatch" || word == "owned" || instance.is_some()), "{case}");
    }
}

fn is_end(word: &str) -> bool {
    const ENDS: &[&str] = &[
        "rest",
        "at rest",
        "validated",
        "nothing to validate",
        "unprotected",
        "mismatch",
        "owned",
        "not created",
        "soft-deleted",
        "drifted",
        "cannot validate",
    ];
    ENDS.contains(&word) || word.starts_with("release")
}

fn in_paused_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test);
}

proptest! {
    /// Any sequence of states, failures, interference and changes of mind ends in the wanted state, or in one that a
    /// person has been told why it cannot be left, and then nothing is written any more. `Operator` asserts of each step on
    /// the way that it may be taken.
    #[test]
    fn whatever_happens_ends_in_the_wanted_state_or_is_explained(
        there in prop::option::of(any_backup()),
        first in any_edit(),
        events in prop::collection::vec(any_event(), 0..24),
    ) {
        in_paused_time(async move {
            let mut world = World { azure: Azure::default(), operator: Operator::new() };
            world.operator.edit(&first);
            if let Some(backup) = there {
                world.happen(Event::Make(backup)).await;
            }
            let started = Instant::now();
            for event in events {
                if world.operator.released.is_some() {
                    break;
                }
                world.happen(event).await;
                world.azure.tick();
            }
            let word = world.calm_down().await;
            world.check(word);
            assert!(started.elapsed() > Duration::ZERO);
        });
    }
}
