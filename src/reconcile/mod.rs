//! One pass over one `PostgresBackup`: validate → authorize → observe → plan → act → report.
//!
//! ```text
//! validate ─→ authorize ─→ observe ─→ plan ─→ act ─→ report
//!   pure        pure         reads     pure    one      one status
//!                                              write    write, if changed
//! ```
//!
//! What no grant permits ends at [`authorize`](mod@authorize): without its permit there is no client to observe or act with.
//! Only [`act`] changes Azure, only [`report`] writes status and events. The state in Azure decides, never what is
//! remembered; status is a record for people and a hint for resuming. Nothing waits inside a pass: every wait is a requeue.
//! Before a request that changes Azure is sent, it is stored in status under the resourceVersion that was read, so that a
//! pass on an outdated object cannot send anything and a restarted operator knows what may be under way.

pub mod act;
pub mod authorize;
pub mod brake;
mod context;
pub mod error;
pub mod explain;
pub mod finalizer;
pub mod flight;
pub mod memory;
pub mod naming;
pub mod observe;
mod pass;
pub mod plan;
pub mod report;
pub mod schedule;
pub mod served;
mod settings;
pub mod stored;
#[cfg(test)]
mod testing;
pub mod validate;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use kube::runtime::controller::Action;
use tokio::time::timeout;

pub use context::{Clock, Context, PassObserver};
pub use error::Error;
pub use settings::Settings;

use crate::api::PostgresBackup;
use crate::azure::CallContext;
use crate::error_chain;

/// A pass that takes longer is given up. A single request to Azure may take a minute.
const PASS_DEADLINE: Duration = Duration::from_secs(4 * 60);

/// The longest that it may take to say so.
const TELL_DEADLINE: Duration = Duration::from_secs(30);

/// Runs a pass, whose requests to Azure carry the correlation id of `call`. It ends within its deadline, and a panic in it
/// harms no other object.
///
/// # Errors
/// Why the pass broke off.
pub async fn reconcile(object: &PostgresBackup, context: &Context, call: &CallContext) -> Result<Action, Error> {
    let guarded = AssertUnwindSafe(timeout(PASS_DEADLINE, pass::run(object, context, call))).catch_unwind();
    let outcome = match guarded.await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::Deadline(PASS_DEADLINE)),
        Err(panic) => Err(Error::Panic(panic_text(panic.as_ref()))),
    };
    if let Err(error) = &outcome
        && error.is_own_failure()
    {
        tell(object, context, call, error).await;
    }
    outcome
}

/// Says in the object's status that the operator fails on it, as far as the failure leaves a way to say so.
async fn tell(object: &PostgresBackup, context: &Context, call: &CallContext, error: &Error) {
    let telling = pass::tell_failure(object, context, call, error);
    let untold = match AssertUnwindSafe(timeout(TELL_DEADLINE, telling)).catch_unwind().await {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(error))) => error_chain::one_line(&error),
        Ok(Err(elapsed)) => elapsed.to_string(),
        Err(panic) => panic_text(panic.as_ref()),
    };
    tracing::warn!(error = untold, "Could not say in the status that the pass failed");
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
