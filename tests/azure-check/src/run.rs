//! A run: one assumption after the other, and then everything as it was.

mod clean_up;

use std::sync::Arc;

use postgres_backup_operator::azure::{AzureError, ParseNameError, SoftDelete};
use postgres_backup_operator::error_chain::one_line;
use tokio_util::sync::CancellationToken;

use crate::assumption::{Action, Assumption, Check, Need, Reading, Trial};
use crate::assumptions;
use crate::client::{Client, ClientError};
use crate::console::Console;
use crate::expected::ExpectedFound;
use crate::observation::{Found, Observation};
use crate::options::{Options, OptionsError};
use crate::preflight::{self, Refusal};
use crate::report::{Report, Verdict};
use crate::session::{Session, Setback};
use crate::stage::{Content, Course, Request, Rest, Stage};
use crate::timer::Timer;
use crate::trial;

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The options do not go together.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// Azure cannot be reached as it is set.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The instance cannot be named.
    #[error(transparent)]
    Name(#[from] ParseNameError),
    /// The vault cannot be read.
    #[error("the Backup vault cannot be read")]
    Vault(#[source] AzureError),
    /// Nothing may be written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nobody agreed.
    #[error("nothing was done")]
    Declined,
}

/// How a run is asked to end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// Check nothing more, and clean up.
    pub stop: CancellationToken,
    /// Leave everything as it is.
    pub abandon: CancellationToken,
}

/// Checks what the options ask for, prints what was found, cleans up, and says how the process should exit.
///
/// # Errors
/// Why nothing was checked; then nothing was written either.
pub async fn run(
    options: &Options,
    client: Client,
    timer: Arc<dyn Timer>,
    console: &mut dyn Console,
    interrupt: Interrupt,
) -> Result<Report, RunError> {
    let subject = options.subject()?;
    let vault = client.azure.vault(&subject.vault).await.map_err(RunError::Vault)?;
    let scene = preflight::scene(&subject, vault)?;
    let mut session = Session::new(client, scene, timer, interrupt.stop.clone());
    let plan = plan(options, &session);
    if plan.iter().any(|(_, step)| matches!(step, Step::Try(trial) if trial.writes())) {
        let found = preflight::look(&mut session).await?;
        console.progress(&preflight::announcement(session.scene(), options.keep));
        let agreed = options.yes
            || tokio::select! {
                agreed = console.confirm() => agreed,
                () = interrupt.stop.cancelled() => false,
            };
        if !agreed {
            return Err(RunError::Declined);
        }
        if found == Found::Nothing {
            console.progress("Azure validates the database before anything is created.");
            preflight::validate(&mut session).await?;
        }
    }
    let (verdicts, halted) = check(plan, &mut session, console).await;
    session.continue_until(interrupt.abandon);
    let leftover = clean_up::clean_up(&mut session, options.keep, console).await;
    let report = Report { verdicts, leftover, halted, by_name: !options.only.is_empty() };
    report.print(session.scene(), console);
    Ok(report)
}

/// What becomes of an assumption in this run.
enum Step {
    Try(&'static Trial),
    LeaveOut(String),
}

/// The assumptions that were asked for, in their order.
fn plan(options: &Options, session: &Session) -> Vec<(&'static Assumption, Step)> {
    let asked = |assumption: &&'static Assumption| {
        options.only.is_empty() || options.only.iter().any(|only| only.id == assumption.id)
    };
    let step = |assumption: &'static Assumption| match &assumption.check {
        Check::Impossible(why) => Step::LeaveOut((*why).to_owned()),
        Check::Trial(trial) => match unmet(trial, options, session) {
            Some(why) => Step::LeaveOut(why),
            None => Step::Try(trial),
        },
    };
    assumptions::all().filter(asked).map(|assumption| (assumption, step(assumption))).collect()
}

/// What a trial needs and does not have.
fn unmet(trial: &Trial, options: &Options, session: &Session) -> Option<String> {
    let version = session.azure().version();
    let request = match (trial.action, trial.from) {
        (Action::Send(request), _) => Some(request),
        (_, Stage::During(course)) => Some(course.request()),
        _ => None,
    };
    if let Some(request) = request.filter(|request| !version.has(request.operation())) {
        return Some(format!("api-version {version} has no {request}"));
    }
    if options.keep && deletes(trial) {
        return Some("the backup instance is to be kept".to_owned());
    }
    if looks_at_deleted(trial) && !version.shows_deleted_instances() {
        return Some(format!("api-version {version} does not show soft-deleted instances"));
    }
    if trial.action == Action::Send(Request::Put(Content::TagWithSlash)) && !version.carries_tags() {
        return Some(format!("api-version {version} has no tags"));
    }
    let soft_delete = &session.scene().vault.soft_delete;
    let has = |need: &Need| match need {
        Need::OtherPolicy => options.other_policy.is_some(),
        Need::SoftDeleteOn => matches!(soft_delete, SoftDelete::On | SoftDelete::AlwaysOn),
        Need::SoftDeleteOff => *soft_delete == SoftDelete::Off,
        Need::AlwaysSoft => version.always_soft_deletes(),
    };
    trial.needs.iter().find(|need| !has(need)).map(|need| format!("it takes {need}"))
}

fn deletes(trial: &Trial) -> bool {
    matches!(trial.from, Stage::At(Rest::SoftDeleted) | Stage::During(Course::Deleting))
        || matches!(trial.action, Action::Send(Request::Delete | Request::DeleteForGood))
}

fn looks_at_deleted(trial: &Trial) -> bool {
    trial.from == Stage::At(Rest::SoftDeleted)
        || trial.action == Action::Read(Reading::MissingDeletedInstance)
        || trial.expected.iter().any(|expected| matches!(expected.found, Some(ExpectedFound::SoftDeleted)))
}

/// Goes through the plan. The first halt ends it; what is left then could not be checked.
async fn check(
    plan: Vec<(&'static Assumption, Step)>,
    session: &mut Session,
    console: &mut dyn Console,
) -> (Vec<(&'static Assumption, Verdict)>, Option<String>) {
    let mut halted = None;
    let mut verdicts = Vec::new();
    for (assumption, step) in plan {
        let verdict = match step {
            Step::LeaveOut(why) => Verdict::LeftOut(why),
            Step::Try(_) if halted.is_some() => Verdict::Prevented("the run ended before".to_owned()),
            Step::Try(trial) => {
                console.progress(&format!("{} ({})", assumption.id, trial.from));
                match trial::perform(session, trial).await {
                    Ok(observed) => judge(trial, observed),
                    Err(Setback::Prevented(why)) => Verdict::Prevented(why),
                    Err(Setback::Halted(halt)) => {
                        halted = Some(one_line(&halt));
                        Verdict::Prevented(one_line(&halt))
                    }
                }
            }
        };
        verdicts.push((assumption, verdict));
    }
    (verdicts, halted)
}

fn judge(trial: &Trial, observed: Observation) -> Verdict {
    if trial.expected.iter().any(|expected| expected.matches(&observed)) {
        Verdict::AsAssumed(observed)
    } else {
        Verdict::Differs(observed)
    }
}
