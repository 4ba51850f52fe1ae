//! Leaves the vault as it was found, as far as Azure lets us.

use std::time::Duration;

use crate::console::Console;
use crate::observation::Found;
use crate::report::Leftover;
use crate::session::{Halt, Sent, Session};
use crate::stage::Request;
use postgres_backup_operator::error_chain::one_line;

/// How often a deletion is tried.
const ATTEMPTS: usize = 10;

/// How long is waited after a refusal.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// How often an instance is looked for whose creation may still land: for five minutes.
const LOOKS: usize = 20;

/// How long is waited between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Deletes the instance, unless it is to be kept, and says what is left.
pub(super) async fn clean_up(session: &mut Session, keep: bool, console: &mut dyn Console) -> Leftover {
    if !session.has_written() {
        return Leftover::Nothing;
    }
    let left = if keep { kept(session).await } else { remove(session, console).await };
    left.unwrap_or_else(|halt| Leftover::Unknown(one_line(&halt)))
}

async fn kept(session: &mut Session) -> Result<Leftover, Halt> {
    Ok(match session.look().await? {
        Found::Nothing => Leftover::Nothing,
        Found::SoftDeleted { until } => Leftover::SoftDeleted { until },
        found => Leftover::Kept(found),
    })
}

async fn remove(session: &mut Session, console: &mut dyn Console) -> Result<Leftover, Halt> {
    let mut problem = "it is still there".to_owned();
    let mut is_stuck = false;
    for _ in 0..ATTEMPTS {
        let request = match session.look_at_rest().await {
            Ok(Found::Nothing) if !appears(session).await? => return Ok(Leftover::Nothing),
            Ok(Found::Nothing) => continue,
            // Only where soft delete is off does undeleting lead to a deletion that is final.
            Ok(Found::SoftDeleted { .. }) if session.version_without_soft_delete().is_some() => Request::Undelete,
            Ok(Found::SoftDeleted { until }) => return Ok(Leftover::SoftDeleted { until }),
            Ok(Found::Instance { .. }) => Request::DeleteForGood,
            // Where Azure does not get done, a DELETE may help, once.
            Err(Halt::Stuck { .. }) if !is_stuck => {
                is_stuck = true;
                Request::DeleteForGood
            }
            Err(halt) => return Err(halt),
        };
        console.progress(&format!("cleaning up: {request} of {}", session.scene().instance.name()));
        match session.send(request).await? {
            Sent::Accepted { running: Some(running), .. } => {
                session.follow(&running).await?;
            }
            Sent::Accepted { running: None, .. } => {}
            Sent::Refused { note, retry_after, .. } => {
                problem = note;
                session.pause(retry_after.unwrap_or(AGAIN_AFTER)).await?;
            }
            Sent::Unclear(why) => problem = why,
        }
    }
    Ok(match session.look().await? {
        Found::Nothing => Leftover::Nothing,
        Found::SoftDeleted { until } => Leftover::SoftDeleted { until },
        found => Leftover::Instance { found, why: problem },
    })
}

/// Whether an instance appears whose creation was sent and never answered.
async fn appears(session: &mut Session) -> Result<bool, Halt> {
    if !session.may_still_appear() {
        return Ok(false);
    }
    for _ in 0..LOOKS {
        session.pause(LOOK_EVERY).await?;
        if session.look().await? != Found::Nothing {
            return Ok(true);
        }
    }
    Ok(false)
}
