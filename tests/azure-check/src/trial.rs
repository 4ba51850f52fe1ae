//! Does what an assumption says, and observes.

mod read;

use std::time::Duration;

use postgres_backup_operator::azure::{OperationPath, RunningOperation};

use crate::assumption::{Action, Trial};
use crate::observation::{Answer, End, Found, Observation, PolicyShown};
use crate::session::{InFlight, Sent, Session, Setback};
use crate::stage::{Content, Request, Stage};

/// How often a request is sent that Azure refuses because something else is being carried out.
const ATTEMPTS: usize = 5;

/// When it is sent again if Azure does not say.
const BUSY_FOR: Duration = Duration::from_secs(30);

/// Brings the instance to where the trial needs it, and does it.
///
/// # Errors
/// Why there is nothing to observe.
pub async fn perform(session: &mut Session, trial: &Trial) -> Result<Observation, Setback> {
    session.reach(trial.from).await?;
    match trial.action {
        Action::Read(reading) => read::read(session, reading).await,
        Action::AwaitOperation | Action::AwaitRest => wait(session, trial.action).await,
        Action::Send(request) => {
            is_in_time(session, trial.from).await?;
            send(session, trial, request).await
        }
        Action::PollUnsigned => {
            is_in_time(session, trial.from).await?;
            poll_unsigned(session).await
        }
        Action::Look => {
            is_in_time(session, trial.from).await?;
            Ok(Observation { found: Some(session.look().await?), ..Observation::default() })
        }
    }
}

/// Makes sure that it is neither too late nor too early to see what happens while a request is being carried out.
async fn is_in_time(session: &mut Session, from: Stage) -> Result<(), Setback> {
    let (Stage::During(_), Some(InFlight { course, sent, .. })) = (from, session.in_flight().cloned()) else {
        return Ok(());
    };
    let request = course.request();
    let why = match sent {
        Sent::Refused { note, .. } => format!("{request} was refused: {note}"),
        Sent::Unclear(why) => format!("the outcome of {request} is not known: {why}"),
        Sent::Accepted { .. } if session.is_under_way().await? => return Ok(()),
        Sent::Accepted { .. } => format!("{request} was carried out before anything else could be done"),
    };
    Err(Setback::Prevented(why))
}

async fn send(session: &mut Session, trial: &Trial, request: Request) -> Result<Observation, Setback> {
    // A conflict with what is being carried out is what is to be seen. At rest, what came before may not be quite over.
    let is_alone = matches!(trial.from, Stage::At(_));
    let mut sent = session.send(request).await?;
    for _ in 1..ATTEMPTS {
        match &sent {
            Sent::Refused { answer: Answer { status: 409, .. }, retry_after, .. } if is_alone => {
                session.pause(retry_after.unwrap_or(BUSY_FOR)).await?;
                sent = session.send(request).await?;
            }
            _ => break,
        }
    }
    let mut observed = Observation::default();
    match sent {
        Sent::Unclear(why) => return Err(Setback::Prevented(why)),
        Sent::Refused { answer, note, .. } => {
            observed.answer = Some(answer);
            observed.note = Some(note);
            if !is_alone {
                // What is being carried out goes on, and others want to look at it.
                return Ok(observed);
            }
        }
        Sent::Accepted { answer, running } => {
            observed.answer = Some(answer);
            if let Some(running) = running {
                observed.end = Some(session.follow(&running).await?);
            }
        }
    }
    observed.found = Some(session.look_at_rest().await?);
    if request == Request::Put(Content::OtherPolicy) {
        let shown = if session.has_asked_policy() { PolicyShown::Asked } else { PolicyShown::Another };
        observed.policy = Some(shown);
    }
    Ok(noted(observed))
}

/// Waits for the end of what was sent to get to the trial's stage.
async fn wait(session: &mut Session, action: Action) -> Result<Observation, Setback> {
    let Some(InFlight { sent, .. }) = session.in_flight().cloned() else {
        return Err(Setback::Prevented("nothing was being carried out".to_owned()));
    };
    let (answer, note) = match sent {
        Sent::Unclear(why) => return Err(Setback::Prevented(why)),
        Sent::Refused { answer, note, .. } => (answer, Some(note)),
        Sent::Accepted { answer, .. } => (answer, None),
    };
    let end = session.follow_in_flight().await?;
    let found = if action == Action::AwaitRest { session.look_at_rest().await? } else { session.look().await? };
    if action == Action::AwaitRest {
        session.land();
    }
    Ok(noted(Observation { answer: Some(answer), end, found: Some(found), policy: None, note }))
}

/// With Azure's words, where there are some.
fn noted(mut observed: Observation) -> Observation {
    let of_end = match &observed.end {
        Some(End::Failed(error)) => Some(error.to_string()),
        _ => None,
    };
    let of_state = match &observed.found {
        Some(Found::Instance { error: Some(error), .. }) => Some(error.to_string()),
        _ => None,
    };
    observed.note = observed.note.or(of_end).or(of_state);
    observed
}

/// Asks for the running operation by its URL with the api-version alone.
async fn poll_unsigned(session: &mut Session) -> Result<Observation, Setback> {
    let running = session.in_flight().and_then(|flight| match &flight.sent {
        Sent::Accepted { running, .. } => running.clone(),
        _ => None,
    });
    let Some(running) = running else {
        return Err(Setback::Prevented("no operation was started".to_owned()));
    };
    let path = running.path().as_str().split('?').next().unwrap_or_default();
    let unsigned = format!("{path}?api-version={}", session.azure().version());
    let vault = session.scene().instance.vault();
    let path = match OperationPath::parse_stored(&unsigned, vault.subscription()) {
        Ok(path) => path,
        Err(error) => return Err(Setback::Prevented(error.to_string())),
    };
    let unsigned = RunningOperation::new(path, running.poll_after());
    let polled = session.reading(async || session.azure().poll(vault, &unsigned).await).await;
    read::answered(polled.map(|_| 200))
}
