//! There is no backup instance: validate and create it, or bring it back from soft delete.

use super::step::{Action, Blocker, Mutation, Request, Step};
use super::{Planner, act, belongs_elsewhere, outcome};
use crate::api::v1alpha1::OperationKind;
use crate::azure::Instance;
use crate::reconcile::observe::neighbours::Claim;
use crate::reconcile::observe::observed::{Fate, Sent};

impl Planner<'_> {
    /// Nothing is there: validate, then create.
    pub(super) fn absent(&self, sent: Option<&Sent>) -> Step {
        use OperationKind::{Create, Undelete, Update, Validate};

        let hash = self.hash();
        match sent {
            Some(sent) if sent.kind == Create && sent.request == hash => match &sent.fate {
                Fate::Unsent => {
                    let body = self.wanted.request.resource(self.desired.target.instance.name(), self.version);
                    return Step::Send(Request::Create(body), hash);
                }
                Fate::Failed(error) => return Step::Blocked(Blocker::Refused(Create, error.clone())),
                Fate::Accepted | Fate::Lost => return outcome(sent),
                Fate::Over | Fate::Unjudged => {}
            },
            Some(sent) if sent.kind == Undelete => match &sent.fate {
                Fate::Unsent => return Step::Send(Request::Act(Action::Undelete), sent.request.clone()),
                Fate::Failed(error) => return Step::Blocked(Blocker::Refused(Undelete, error.clone())),
                Fate::Accepted | Fate::Lost => return outcome(sent),
                Fate::Over | Fate::Unjudged => {}
            },
            // Another content than the one wanted now may still land: then it is a backup instance to be changed.
            Some(sent) if matches!(sent.kind, Create | Update) && sent.may_still_land => return outcome(sent),
            Some(Sent { kind: Validate, fate: Fate::Accepted, .. }) => return Step::Intend(Mutation::Create, hash),
            Some(Sent { kind: Validate, fate: Fate::Failed(error), .. }) => {
                return Step::Blocked(Blocker::Refused(Validate, error.clone()));
            }
            _ => {}
        }
        if self.is_validated() { Step::Intend(Mutation::Create, hash) } else { self.validate() }
    }

    /// It was deleted and can be brought back: then it must be, since Azure creates none beside it. Whoever has come to
    /// protect the database in the meantime goes on doing so.
    pub(super) fn undelete(
        &self,
        deleted: &Instance,
        claim: &Claim,
        replacement: Option<&str>,
        sent: Option<&Sent>,
    ) -> Step {
        let target = &self.desired.target;
        if let Some(blocker) = belongs_elsewhere(target, deleted, claim) {
            return Step::Blocked(blocker);
        }
        match replacement {
            Some(other) => Step::Blocked(Blocker::Replaced(other.to_owned())),
            None => act(target, Action::Undelete, &deleted.protection_state, sent),
        }
    }
}
