//! What is done to a fleet, one after the other, and what that cost.

mod create;
mod delete;
mod quiet;
mod restart;

pub(crate) use create::{Creation, create, idle, until_ready};
pub(crate) use delete::{Deletion, delete};
pub(crate) use quiet::{Quiet, quiet};
pub(crate) use restart::{Restart, restart};

use std::time::{Duration, Instant};

use crate::azure;
use crate::error::BenchError;
use crate::stage::Stage;

/// All is quiet when nothing was asked of Azure for so long.
const QUIET_AFTER: Duration = Duration::from_secs(5);

/// How often the emulator is asked whether it was.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until nothing is asked of Azure any more, for at most so long. Returns when the first and the last request came,
/// as far as there were any; whether it became quiet at all is told by the third value.
async fn until_quiet(stage: &Stage, within: Duration) -> Result<(Option<Instant>, Option<Instant>, bool), BenchError> {
    let started = Instant::now();
    let (mut count, mut first, mut last) = (0, None, None);
    loop {
        let now = azure::count(&azure::traffic(&stage.emulator).await?);
        if now != count {
            count = now;
            first = first.or(Some(Instant::now()));
            last = Some(Instant::now());
        }
        let quiet = last.unwrap_or(started).elapsed() > QUIET_AFTER;
        if quiet || started.elapsed() > within {
            return Ok((first, last, quiet));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
