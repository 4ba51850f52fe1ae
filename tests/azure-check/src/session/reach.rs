//! Brings the instance to where a trial needs it.

use postgres_backup_operator::azure::{OperationState, RunningOperation};

use super::{Halt, Sent, Session, Setback};
use crate::observation::{End, Found};
use crate::stage::{Course, Request, Rest, Stage};

/// More steps than any way has.
const MOST_STEPS: usize = 6;

/// A request that was sent in order to look at what happens while it is carried out.
#[derive(Clone, Debug)]
pub struct InFlight {
    /// Which one.
    pub course: Course,
    /// What came of it.
    pub sent: Sent,
    /// How its operation ended, once that is known.
    pub end: Option<End>,
}

impl InFlight {
    /// The operation, unless it is known to have ended.
    fn running(&self) -> Option<&RunningOperation> {
        match &self.sent {
            Sent::Accepted { running, .. } if self.end.is_none() => running.as_ref(),
            _ => None,
        }
    }
}

impl Session {
    /// Brings the instance to a stage, by the requests that the operator would send.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn reach(&mut self, stage: Stage) -> Result<(), Setback> {
        match stage {
            Stage::Anywhere => Ok(()),
            Stage::At(rest) => self.come_to_rest(rest).await,
            Stage::During(course) if self.in_flight.as_ref().is_some_and(|flight| flight.course == course) => Ok(()),
            Stage::During(course) => {
                self.come_to_rest(course.begins_at()).await?;
                let sent = self.send(course.request()).await?;
                self.in_flight = Some(InFlight { course, sent, end: None });
                Ok(())
            }
        }
    }

    async fn come_to_rest(&mut self, goal: Rest) -> Result<(), Setback> {
        self.in_flight = None;
        for _ in 0..MOST_STEPS {
            let found = self.look_at_rest().await?;
            let rest = rest_of(&found)?;
            if rest == goal {
                return Ok(());
            }
            let request = rest.step_to(goal).ok_or_else(|| no_way_back(&found))?;
            self.step(request).await?;
        }
        Err(Setback::Prevented(format!("the backup instance could not be made {goal}")))
    }

    /// Sends a request that leads on, and follows it.
    async fn step(&mut self, request: Request) -> Result<(), Setback> {
        let version = self.azure().version();
        if !version.has(request.operation()) {
            return Err(Setback::Prevented(format!("api-version {version} has no {request}")));
        }
        let failed =
            |why: String| Err(Setback::Prevented(format!("{request}, which leads there, was not carried out: {why}")));
        match self.send(request).await? {
            Sent::Accepted { running: None, .. } => Ok(()),
            Sent::Accepted { running: Some(running), .. } => match self.follow(&running).await? {
                End::Failed(error) => failed(error.to_string()),
                // What was canceled, or cannot be read, shows in the state.
                End::Succeeded | End::Canceled | End::Unreadable(_) => Ok(()),
            },
            Sent::Refused { note: why, .. } | Sent::Unclear(why) => failed(why),
        }
    }

    /// Nothing is being carried out any more.
    pub fn land(&mut self) {
        self.in_flight = None;
    }

    /// The request that is being carried out.
    pub fn in_flight(&self) -> Option<&InFlight> {
        self.in_flight.as_ref()
    }

    /// Whether Azure is still at work on it.
    ///
    /// # Errors
    /// When Azure does not say.
    pub async fn is_under_way(&mut self) -> Result<bool, Halt> {
        let running = self.in_flight.as_ref().and_then(InFlight::running).cloned();
        if let Some(running) = running {
            let vault = self.scene.instance.vault();
            let polled = self.reading(async || self.azure().poll(vault, &running).await).await;
            match polled {
                Ok(OperationState::Running { .. }) => return Ok(true),
                Ok(_) | Err(Halt::Azure(_)) => {}
                Err(halt) => return Err(halt),
            }
        }
        Ok(self.look().await?.is_on_its_way())
    }

    /// Follows what is being carried out to the end of its operation; nothing if it started none.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn follow_in_flight(&mut self) -> Result<Option<End>, Halt> {
        let running = self.in_flight.as_ref().and_then(InFlight::running).cloned();
        if let Some(running) = running {
            let end = self.follow(&running).await?;
            if let Some(flight) = &mut self.in_flight {
                flight.end = Some(end);
            }
        }
        Ok(self.in_flight.as_ref().and_then(|flight| flight.end.clone()))
    }
}

fn rest_of(found: &Found) -> Result<Rest, Setback> {
    match found {
        Found::Nothing => Ok(Rest::Absent),
        Found::SoftDeleted { .. } => Ok(Rest::SoftDeleted),
        Found::Instance { state, error } => Rest::of(state).ok_or_else(|| {
            let error = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            Setback::Prevented(format!("the backup instance shows {state}{error}"))
        }),
    }
}

fn no_way_back(found: &Found) -> Setback {
    Setback::Prevented(match found {
        Found::SoftDeleted { until: Some(until) } => {
            let until = until.strftime("%Y-%m-%d %H:%M UTC");
            format!("the vault keeps a backup instance of this name soft-deleted until {until}")
        }
        Found::SoftDeleted { until: None } => "the vault keeps a backup instance of this name soft-deleted".to_owned(),
        Found::Nothing | Found::Instance { .. } => "the backup instance is there already".to_owned(),
    })
}
