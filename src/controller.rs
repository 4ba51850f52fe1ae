//! Watches PostgresBackups and runs a pass over each that changes, is due, or is permitted something else than before.

mod permissions;
mod scope;
mod stand_by;
mod union;

use std::future::ready;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use kube::runtime::controller::{Action, Config, Controller, Error as ControllerError};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::azure::{CallContext, ErrorClass};
use crate::error_chain;
use crate::leader::Fence;
use crate::metrics::{CONTROLLER, Metrics, PassResult};
use crate::reconcile::report::events;
use crate::reconcile::schedule::{self, Next, Pace, Standing};
use crate::reconcile::stored::{self, Stored};
use crate::reconcile::{self, Context, Error, report};
use crate::server::Readiness;
use permissions::Permissions;
pub use scope::{Scope, by_name};
use stand_by::{Listing, stand_by};
use union::{Part, union};

/// What the controller runs with.
#[derive(Clone)]
pub struct Runtime {
    /// What every pass shares.
    pub context: Arc<Context>,
    /// Counts passes.
    pub metrics: Arc<Metrics>,
    /// Is set once all objects have been read.
    pub readiness: Arc<Readiness>,
    /// Is open while this replica leads.
    pub fence: Fence,
}

/// Watches from the start, so that a stand-by can take over at once; runs passes from when the fence opens until `shutdown`,
/// and then lets running ones finish.
pub async fn run(runtime: Runtime, scope: &Scope, concurrency: u16, shutdown: CancellationToken) {
    let (reader, writer) = reflector::store();
    runtime.context.neighbours.watch(reader.clone());
    runtime.metrics.watch(reader.clone());
    // Status is written by the operator alone: only what others change is a reason to look.
    let changes = predicates::generation.combine(predicates::finalizers).combine(predicates::annotations);
    let listing = Listing::new();
    let noting = listing.clone();
    let (context, relisted) = (Arc::clone(&runtime.context), Arc::clone(&runtime.context));
    let (wake, woken) = futures::channel::mpsc::unbounded();
    let (permissions, watching) = Permissions::watch(&context, reader.clone(), scope, wake.clone(), &runtime.fence);
    let stream = objects_in(&context.client, scope, reader.clone())
        // An object without the finalizer goes without a last pass.
        .inspect_ok(move |event| {
            if let watcher::Event::Delete(stored) = event {
                context.forget(&stored.uid().unwrap_or_default());
                context.authority.announce();
            }
        })
        .modify(stored::slim)
        .reflect(writer)
        .inspect_ok(move |event| {
            // What went while nobody watched is told by its absence.
            if let watcher::Event::InitDone = event {
                relisted.forget_all_but_watched();
            }
        })
        .inspect_ok(move |event| noting.note(event))
        .applied_objects()
        .predicate_filter(changes, PredicateConfig::default());

    let readiness = Arc::clone(&runtime.readiness);
    let first_read = reader.clone();
    let watch_start = async {
        permissions.are_known().await;
        if first_read.wait_until_ready().await.is_ok() {
            readiness.set_ready();
            tracing::info!("Watching PostgresBackups");
        }
    };
    // A pass that does not know what its object is permitted would find it permitted nothing.
    let known = permissions.clone();
    let (fence, objects) = (runtime.fence.clone(), reader.clone());
    let stream = async move {
        known.are_known().await;
        let mut stream = Box::pin(stream);
        stand_by(&mut stream, &listing, &fence, warn).await;
        for stored in objects.state() {
            // There is nobody to wake once the controller has stopped.
            let _ = wake.unbounded_send(ObjectRef::from_obj(&*stored));
        }
        stream
    };
    let stream = stream.flatten_stream();
    let fence = runtime.fence.clone();
    let woken = async move {
        fence.opened().await;
        woken
    };
    let passes = Controller::for_stream(stream, reader)
        .reconcile_on(woken.flatten_stream())
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(pass, after_error, Arc::new(runtime))
        .for_each(|result| {
            // What goes wrong in a pass is logged there; these are the watch's own troubles, which it recovers from.
            if let Err(ControllerError::QueueError(error)) = result {
                warn(&error);
            }
            ready(())
        });
    tokio::select! {
        () = passes => {}
        () = async { watch_start.await; std::future::pending().await } => {}
        () = watching => {}
    }
}

/// Watches the objects in scope.
fn objects_in(
    client: &Client,
    scope: &Scope,
    known: Store<Stored>,
) -> BoxStream<'static, watcher::Result<watcher::Event<Stored>>> {
    let watch = |api: Api<Stored>| watcher(api, watcher::Config::default()).default_backoff().boxed();
    match scope {
        Scope::Cluster => watch(Api::all(client.clone())),
        Scope::Namespaces(names) => {
            let part = |name: &String| {
                let covered = name.clone();
                Part {
                    events: watch(Api::namespaced(client.clone(), name)),
                    covers: Box::new(move |stored: &Stored| stored.namespace().as_ref() == Some(&covered)),
                }
            };
            union(names.iter().map(part).collect(), known).boxed()
        }
    }
}

fn warn(error: &watcher::Error) {
    tracing::warn!(error = error_chain::one_line(error), "Could not watch PostgresBackups; trying again");
}

async fn pass(stored: Arc<Stored>, runtime: Arc<Runtime>) -> Result<Action, Error> {
    let call = CallContext::new();
    let id = call.correlation_id();
    // Of the level of errors, so that every line of a pass names the object, whatever the log's filter lets through.
    let span = tracing::error_span!(
        "reconcile",
        controller = CONTROLLER,
        namespace = stored.namespace(),
        name = stored.name_any(),
        generation = stored.meta().generation,
        reconcileID = %id,
        correlationID = %id,
        k8s.namespace.name = stored.namespace(),
        otel.status_code = tracing::field::Empty,
        "error.type" = tracing::field::Empty,
    );
    let _active = runtime.metrics.begin_pass();
    let outcome = run_pass(&stored, &runtime, &call).instrument(span.clone()).await;
    let result = span.in_scope(|| note(&outcome));
    if let PassResult::Error | PassResult::Timeout | PassResult::Panic = result {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", tracing::field::debug(result));
    }
    runtime.metrics.end_pass(result);
    runtime.context.forget_if_gone(&stored);
    outcome
}

async fn run_pass(stored: &Stored, runtime: &Runtime, call: &CallContext) -> Result<Action, Error> {
    match &stored.0 {
        Ok(object) => reconcile::reconcile(object, &runtime.context, call).await,
        Err(invalid) => {
            report::event(&runtime.context.recorder, stored, &events::unreadable(&invalid.error)).await;
            Err(Error::Unreadable(invalid.error.clone()))
        }
    }
}

fn note(outcome: &Result<Action, Error>) -> PassResult {
    match outcome {
        Ok(action) if *action == Action::await_change() => PassResult::Success,
        Ok(_) => PassResult::RequeueAfter,
        Err(error) if error.is_conflict() => {
            tracing::debug!(error = error_chain::one_line(error), "Something has changed since the pass began");
            PassResult::RequeueAfter
        }
        Err(error @ Error::Unreadable(_)) => {
            tracing::error!(error = error_chain::one_line(error), "The object is left alone");
            PassResult::Error
        }
        Err(error) => {
            tracing::error!(error = error_chain::one_line(error), "The pass broke off; trying again");
            match error {
                Error::Deadline(_) => PassResult::Timeout,
                Error::Panic(_) => PassResult::Panic,
                _ => PassResult::Error,
            }
        }
    }
}

fn after_error(stored: Arc<Stored>, error: &Error, runtime: Arc<Runtime>) -> Action {
    // It stays as it is until somebody changes it.
    if let Error::Unreadable(_) = error {
        return Action::await_change();
    }
    let (memories, uid) = (&runtime.context.memories, stored.uid().unwrap_or_default());
    if error.is_conflict() {
        let conflicts = memories.note_conflict(&uid);
        runtime.context.forget_if_gone(&stored);
        return Action::requeue(schedule::after_conflict(conflicts));
    }
    let attempts = memories.note_failure(&uid);
    runtime.context.forget_if_gone(&stored);
    let drift_interval = runtime.context.settings.drift_interval;
    let pace = Pace { attempts, standing: Standing::WithinDeadline, drift_interval };
    let delay = Next::BackOff(ErrorClass::Transient, None).delay(pace);
    delay.map_or_else(Action::await_change, Action::requeue)
}
