//! Takes, renews and gives back the Lease.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::candidate::{Candidate, Decision};
use super::fence::Fence;
use super::timing::Timing;
use crate::error_chain;
use crate::metrics::{Leadership, Metrics};
use crate::reconcile::Clock;

/// How often giving back is tried when somebody else writes the Lease at the same time.
const RELEASE_ATTEMPTS: usize = 3;

/// What a replica stands for election with.
#[derive(Clone, Debug)]
pub struct Candidacy {
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease. Replicas with the same one take turns.
    pub lease: String,
    /// Who this replica is: the name of its pod, and something that no other process has or had.
    pub identity: String,
    /// How long the Lease is good, and how often it is renewed.
    pub timing: Timing,
}

/// Why a leader has to stop.
#[derive(Debug, thiserror::Error)]
pub enum LeaseLost {
    /// The API server could not be reached, or refused, for too long.
    #[error(
        "the Lease {lease} could not be renewed for {} s; another replica takes over, and this one stops",
        renew_deadline.as_secs_f64()
    )]
    NotRenewed {
        /// Its `namespace/name`.
        lease: String,
        /// The renew deadline.
        renew_deadline: Duration,
    },
    /// Somebody else has written another holder into it.
    #[error("the Lease {lease} was taken away and is now held by {holder}; this replica stops")]
    Taken {
        /// Its `namespace/name`.
        lease: String,
        /// Who holds it now.
        holder: String,
    },
}

/// Stands for election.
pub struct Elector {
    leases: Api<Lease>,
    candidate: Candidate,
    candidacy: Candidacy,
    clock: Clock,
    fence: Fence,
    metrics: Arc<Metrics>,
}

impl Elector {
    /// Stands for election with a client of its own: a renewal must not queue behind other requests, nor be retried for
    /// longer than it is good for. `fence` is open while this replica leads.
    #[must_use]
    pub fn new(client: Client, candidacy: Candidacy, clock: Clock, fence: Fence, metrics: Arc<Metrics>) -> Self {
        metrics.leadership(&candidacy.lease, Leadership::Waiting);
        Self {
            leases: Api::namespaced(client, &candidacy.namespace),
            candidate: Candidate::new(candidacy.identity.clone(), candidacy.timing),
            candidacy,
            clock,
            fence,
            metrics,
        }
    }

    /// Runs `work`, which does nothing before the fence opens, and stands for election meanwhile. Gives the Lease back once
    /// `work` has ended.
    ///
    /// # Errors
    /// The Lease was lost; `work` was dropped then, and the fence is closed.
    pub async fn run(mut self, work: impl Future<Output = ()>) -> Result<(), LeaseLost> {
        let lost = tokio::select! {
            biased;
            lost = self.stand() => Some(lost),
            () = work => None,
        };
        self.fence.close();
        self.metrics.leadership(&self.candidacy.lease, Leadership::Waiting);
        match lost {
            Some(lost) => Err(lost),
            None => {
                self.release().await;
                Ok(())
            }
        }
    }

    /// Takes the Lease and holds it until it is lost.
    async fn stand(&mut self) -> LeaseLost {
        let (held, end) = self.acquire().await;
        tracing::info!(lease = self.name(), identity = self.candidate.identity(), "Leading");
        self.metrics.leadership(&self.candidacy.lease, Leadership::Leading);
        self.hold(held, end).await
    }

    /// Waits until this replica holds the Lease; returns it, and when the term ends.
    async fn acquire(&mut self) -> (Lease, Instant) {
        let timing = self.candidacy.timing;
        let mut waiting_for = None;
        loop {
            let begun = Instant::now();
            match timeout(timing.attempt_timeout(), self.try_to_acquire()).await {
                Ok(Ok(Some(held))) => return (held, self.begin_term(begun)),
                Ok(Ok(None)) => {
                    let holder = self.candidate.holder().map(str::to_owned);
                    if waiting_for != holder {
                        tracing::info!(lease = self.name(), leader = holder, "Standing by");
                        waiting_for = holder;
                    }
                }
                Ok(Err(error)) if is_conflict(&error) => {
                    tracing::debug!(lease = self.name(), "Another replica was faster");
                }
                Ok(Err(error)) => self.warn("Could not take the Lease; trying again", &error),
                Err(elapsed) => self.warn("Could not take the Lease; trying again", &elapsed),
            }
            sleep(timing.next_look()).await;
        }
    }

    /// Takes the Lease if it may be taken; `None` when another holds it.
    async fn try_to_acquire(&mut self) -> Result<Option<Lease>, kube::Error> {
        let found = self.leases.get_opt(&self.candidacy.lease).await?;
        match self.candidate.observe(found.as_ref(), Instant::now()) {
            Decision::Wait => Ok(None),
            decision => self.write(decision, found).await.map(Some),
        }
    }

    /// Renews the Lease until it is lost.
    async fn hold(&mut self, mut held: Lease, mut end: Instant) -> LeaseLost {
        let timing = self.candidacy.timing;
        let mut next = Instant::now() + timing.retry_period();
        loop {
            sleep_until(next.min(end)).await;
            let begun = Instant::now();
            if begun >= end {
                return LeaseLost::NotRenewed { lease: self.name(), renew_deadline: timing.renew_deadline() };
            }
            next = begun + timing.retry_period();
            match timeout_at(end.min(begun + timing.attempt_timeout()), self.renew(&held)).await {
                Ok(Ok(Some(lease))) => {
                    held = lease;
                    end = self.begin_term(begun);
                }
                Ok(Ok(None)) => {
                    let holder = self.candidate.holder().unwrap_or("nobody").to_owned();
                    return LeaseLost::Taken { lease: self.name(), holder };
                }
                Ok(Err(error)) => self.warn("Could not renew the Lease; trying again", &error),
                Err(elapsed) => self.warn("Could not renew the Lease; trying again", &elapsed),
            }
        }
    }

    /// Renews the Lease as it was last written, and looks at it only if it is not that any more; `None` when it is lost.
    async fn renew(&mut self, held: &Lease) -> Result<Option<Lease>, kube::Error> {
        match self.write(Decision::Renew, Some(held.clone())).await {
            Ok(lease) => return Ok(Some(lease)),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(error),
        }
        let found = self.leases.get_opt(&self.candidacy.lease).await?;
        match self.candidate.observe(found.as_ref(), Instant::now()) {
            // Somebody has deleted it or written something else into it, or an earlier renewal had its effect after all.
            decision @ (Decision::Create | Decision::Renew) => self.write(decision, found).await.map(Some),
            Decision::Claim | Decision::Wait => Ok(None),
        }
    }

    /// Writes the Lease under the resourceVersion that it was read with.
    async fn write(&mut self, decision: Decision, found: Option<Lease>) -> Result<Lease, kube::Error> {
        let found = found.unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(self.candidacy.lease.clone()), ..ObjectMeta::default() },
            spec: None,
        });
        let lease = self.candidate.record(decision, found, self.clock.exact());
        let written = match decision {
            Decision::Create => self.leases.create(&PostParams::default(), &lease).await?,
            _ => self.leases.replace(&self.candidacy.lease, &PostParams::default(), &lease).await?,
        };
        self.candidate.observe(Some(&written), Instant::now());
        Ok(written)
    }

    /// Opens the fence for the term that was won with a request that was begun then. Returns when it ends.
    fn begin_term(&mut self, begun: Instant) -> Instant {
        let end = self.candidate.begin_term(begun);
        self.fence.open_until(end);
        end
    }

    /// Gives the Lease back, if it is this replica's, so that another takes over at its next look.
    async fn release(&self) {
        match timeout(self.candidacy.timing.attempt_timeout(), self.try_to_release()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.warn("Could not give back the Lease; it has to expire", &error),
            Err(elapsed) => self.warn("Could not give back the Lease; it has to expire", &elapsed),
        }
    }

    async fn try_to_release(&self) -> Result<(), kube::Error> {
        let name = &self.candidacy.lease;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let found = self.leases.get_opt(name).await?;
            let Some(lease) = found.and_then(|found| self.candidate.released(found, self.clock.exact())) else {
                return Ok(());
            };
            match self.leases.replace(name, &PostParams::default(), &lease).await {
                Ok(_) => {
                    tracing::info!(lease = self.name(), "Gave back the Lease");
                    return Ok(());
                }
                // A renewal that was under way when the work ended has had its effect.
                Err(error) if is_conflict(&error) && attempts < RELEASE_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.candidacy.namespace, self.candidacy.lease)
    }

    fn warn(&self, what: &'static str, error: &dyn std::error::Error) {
        tracing::warn!(lease = self.name(), error = error_chain::one_line(error), "{what}");
    }
}

/// Whether the Lease is not any more what was read.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 404 | 409))
}
