//! How a pass ends: with a status, or by letting the object go.

use kube::runtime::controller::Action;

use super::{Flow, Pass, expect_leading};
use crate::api::conditions::{self, ConditionType};
use crate::api::v1alpha1::{DriftItem, IssueSource};
use crate::api::{PostgresBackupStatus, annotations};
use crate::error_chain;
use crate::reconcile::act::record::Record;
use crate::reconcile::error::Error;
use crate::reconcile::finalizer;
use crate::reconcile::observe::neighbours::Rival;
use crate::reconcile::observe::observed::{Sight, Unfinished};
use crate::reconcile::plan::step::Release;
use crate::reconcile::report;
use crate::reconcile::report::assessment::{Assessment, Conclusion, Progress};
use crate::reconcile::report::blocked;
use crate::reconcile::report::events;
use crate::reconcile::report::refusal::Refusal;
use crate::reconcile::report::status::{self, Facts, Seen};
use crate::reconcile::report::trouble;
use crate::reconcile::report::trouble::Failure;
use crate::reconcile::schedule::{Next, Pace, Standing};
use crate::reconcile::validate::{Lifecycle, SpecError, Target};

impl Pass<'_> {
    pub(super) async fn invalid(self, error: &SpecError, target: Option<&Target>) -> Result<Flow, Error> {
        let conclusion = trouble::invalid_spec(error, Lifecycle::of(self.object));
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        self.report(target, conclusion, record, Seen::Nothing, Vec::new()).await
    }

    /// Azure must not be asked: everything stays as it is.
    pub(super) async fn not_permitted(self, refusal: &Refusal, target: &Target) -> Result<Flow, Error> {
        let conclusion = refusal.conclude(Lifecycle::of(self.object));
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        self.report(Some(target), conclusion, record, Seen::Nothing, Vec::new()).await
    }

    pub(super) async fn unreadable(mut self, target: &Target, look: &Unfinished) -> Result<Flow, Error> {
        let error = &look.error;
        tracing::warn!(class = ?error.class(), error = error_chain::one_line(error), "Could not read from Azure");
        let (looks, standing) = self.memory.note_blind_look(self.context.settings.deadline);
        let conclusion = trouble::unreadable(self.subject(target), look, looks, standing);
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        let seen = match look.sight {
            Sight::Nothing => Seen::Nothing,
            Sight::Absence => Seen::Absent,
        };
        self.report(Some(target), conclusion, record, seen, Vec::new()).await
    }

    /// The operator failed. What is known of Azure stays as it was last seen.
    pub(super) async fn failed(mut self, error: &Error) -> Result<(), Error> {
        self.grant.clone_from(&self.previous.grant);
        let target = Target::parse(self.object, &self.key, &self.context.settings.cluster_name).ok();
        let is_ready = self.previous.observed_generation == self.key.generation
            && conditions::is_true(&self.previous.conditions, ConditionType::Ready);
        let said = Failure { error, previous: &self.previous, is_ready, passes: self.memory.attempts() };
        let conclusion = trouble::own_failure(&said, Lifecycle::of(self.object));
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        let drift = self.previous.drift.clone();
        self.report(target.as_ref(), conclusion, record, Seen::Nothing, drift).await.map(drop)
    }

    /// The operator is held off.
    pub(super) async fn paused(self, lifecycle: Lifecycle) -> Result<Flow, Error> {
        let status = status::paused(&self.previous, lifecycle, self.now);
        report::status(&self.api, self.object, status).await?;
        Ok(Flow::Until(Action::await_change()))
    }

    /// Another object acts in this one's place.
    pub(super) async fn stand_by(self, elder: &Rival, target: &Target) -> Result<Flow, Error> {
        let conclusion = Conclusion::Changed(blocked::duplicate(elder));
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        self.report(Some(target), conclusion, record, Seen::Nothing, Vec::new()).await
    }

    /// Reports a conclusion and works out when to look again.
    pub(super) async fn report(
        mut self,
        target: Option<&Target>,
        conclusion: Conclusion,
        record: Record,
        seen: Seen<'_>,
        drift: Vec<DriftItem>,
    ) -> Result<Flow, Error> {
        let standing = self.standing(&conclusion);
        let is_done = matches!(&conclusion, Conclusion::Changed(assessment) if assessment.progress == Progress::Done);
        let corrected = if is_done { self.memory.corrections.finish(self.key.generation) } else { None };
        let (status, next) = match &conclusion {
            Conclusion::Unchanged(next) => {
                let status = record.entered_unless_validating(&self.previous);
                let overdue = standing == Standing::PastDeadline;
                (if overdue { status::expired(status, self.now) } else { status }, next.clone())
            }
            Conclusion::Changed(assessment) => {
                let facts = Facts {
                    generation: self.key.generation,
                    target,
                    seen,
                    drift,
                    compatibility: self.context.compatibility(self.object),
                    standing,
                    lifecycle: Lifecycle::of(self.object),
                    now: self.now,
                };
                let status = status::fold(&self.previous, assessment, &facts);
                (record.entered(status, &self.previous), assessment.next.clone())
            }
        };
        // A request that was withheld for that is nothing to report.
        expect_leading(self.context)?;
        let written = report::status(&self.api, self.object, self.answered(status)).await?;
        let pace =
            Pace { attempts: self.memory.attempts(), standing, drift_interval: self.context.settings.drift_interval };
        self.memory.flight = record.flight;
        self.memory.note_next(&next);
        self.context.memories.remember(&self.key.uid, self.memory);
        let newer = written.map(|(object, event)| (Box::new(object), event));
        if let Some((_, Some(event))) = &newer {
            report::event(&self.context.recorder, self.object, event).await;
        }
        if let (Some(correction), Some(target)) = (corrected, target) {
            tracing::info!(operation = ?correction.kind, drift = ?correction.drift, "Drift is corrected");
            self.context.observer.drift_corrected(correction.kind);
            report::event(&self.context.recorder, self.object, &events::corrected(&correction, target)).await;
        }
        match (next, newer) {
            (Next::Now, Some((object, _))) => Ok(Flow::Onward(object, self.found)),
            (next, _) => Ok(Flow::Until(next.delay(pace).map_or_else(Action::await_change, Action::requeue))),
        }
    }

    /// The status with the answer to a request for a reconcile and the grant that was used. Whoever reports is not held off.
    pub(super) fn answered(&self, mut status: PostgresBackupStatus) -> PostgresBackupStatus {
        if let Some(requested) = annotations::reconcile_requested_at(self.object) {
            status.last_handled_reconcile_at = Some(requested.to_owned());
        }
        conditions::remove(&mut status.conditions, ConditionType::Paused);
        status.grant.clone_from(&self.grant);
        status
    }

    /// Whether the object is still within its deadline, given what the pass concludes.
    pub(super) fn standing(&mut self, conclusion: &Conclusion) -> Standing {
        match conclusion {
            Conclusion::Changed(assessment) if assessment.progress == Progress::Done => {
                self.memory.note_progress();
                return Standing::WithinDeadline;
            }
            Conclusion::Changed(assessment) if ends(&self.previous, assessment, IssueSource::Validation) => {
                self.memory.note_fresh_start();
            }
            Conclusion::Changed(assessment) if ends(&self.previous, assessment, IssueSource::Observation) => {
                self.memory.note_progress();
            }
            Conclusion::Unchanged(_) if conditions::is_true(&self.previous.conditions, ConditionType::Ready) => {
                return Standing::WithinDeadline;
            }
            Conclusion::Changed(_) | Conclusion::Unchanged(_) => {}
        }
        let deadline = self.context.settings.deadline;
        self.memory.standing(self.key.generation, &self.previous, deadline, self.now)
    }

    pub(super) async fn release(self, release: Release, target: Option<&Target>) -> Result<Flow, Error> {
        expect_leading(self.context)?;
        tracing::info!(release = ?release, "Letting the deleted object go");
        report::event(&self.context.recorder, self.object, &events::released(release, target)).await;
        finalizer::remove(&self.api, self.object).await.map_err(Error::Finalizer)?;
        if let (Release::Deleted { until }, Some(target)) = (release, target) {
            self.context.observer.deleted(&target.vault().to_string(), until);
        }
        self.context.forget(&self.key.uid);
        Ok(Flow::Until(Action::await_change()))
    }
}

/// Whether trouble that was said by `source` is gone.
fn ends(previous: &PostgresBackupStatus, next: &Assessment, source: IssueSource) -> bool {
    next.issues.is_empty() && previous.issues.iter().any(|issue| issue.source == source)
}
