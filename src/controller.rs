//! Watches PostgresBackups and runs a pass over each that changes, is due, or is permitted something else than before.

mod permissions;

use crate::reconcile::{self, Context, Error};
use std::future::ready;
use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt};
use kube::runtime::controller::{Action, Config, Controller, Error as ControllerError};
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates, reflector, watcher};
use kube::{Api, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::azure::{CallContext, ErrorClass};
use crate::error_chain;
use crate::metrics::{CONTROLLER, Metrics, PassResult};
use crate::reconcile::schedule::{self, Next, Pace, Standing};
use crate::reconcile::stored::Stored;
use crate::server::Readiness;
use permissions::{Permissions, View};

/// What the controller runs with.
#[derive(Clone)]
pub struct Runtime {
    /// What every pass shares.
    pub context: Arc<Context>,
    /// Counts passes.
    pub metrics: Arc<Metrics>,
    /// Is set once all objects have been read.
    pub readiness: Arc<Readiness>,
}

/// Runs passes until `shutdown`, and then lets running ones finish.
pub async fn run(runtime: Runtime, namespace: Option<&str>, concurrency: u16, shutdown: CancellationToken) {
    let client = runtime.context.client.clone();
    let api: Api<Stored> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let (reader, writer) = reflector::store();
    runtime.context.neighbours.watch(reader.clone());
    runtime.metrics.watch(reader.clone());
    // Status is written by the operator alone: only what others change is a reason to look.
    let changes = predicates::generation.combine(predicates::finalizers).combine(predicates::annotations);
    let context = Arc::clone(&runtime.context);
    let (wake, woken) = futures::channel::mpsc::unbounded();
    let view = namespace.map_or(View::Cluster, |_| View::Namespace);
    let (permissions, watching) = Permissions::watch(&context, reader.clone(), view, wake);
    let stream = watcher(api, watcher::Config::default())
        .default_backoff()
        // An object without the finalizer goes without a last pass.
        .inspect_ok(move |event| {
            if let watcher::Event::Delete(stored) = event {
                context.forget(&stored.uid().unwrap_or_default());
                context.authority.announce();
            }
        })
        .modify(|stored: &mut Stored| {
            if let Ok(object) = &mut stored.0 {
                object.managed_fields_mut().clear();
            }
        })
        .reflect(writer)
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
    let stream = async move {
        known.are_known().await;
        stream
    };
    let stream = stream.flatten_stream();
    let passes = Controller::for_stream(stream, reader)
        .reconcile_on(woken)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(pass, after_error, Arc::new(runtime))
        .for_each(|result| {
            // What goes wrong in a pass is logged there; these are the watch's own troubles, which it recovers from.
            if let Err(ControllerError::QueueError(error)) = result {
                tracing::warn!(error = error_chain::one_line(&error), "Could not watch PostgresBackups; trying again");
            }
            ready(())
        });
    tokio::select! {
        () = passes => {}
        () = async { watch_start.await; std::future::pending().await } => {}
        () = watching => {}
    }
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
    outcome
}

async fn run_pass(stored: &Stored, runtime: &Runtime, call: &CallContext) -> Result<Action, Error> {
    match &stored.0 {
        Ok(object) => reconcile::reconcile(object, &runtime.context, call).await,
        Err(invalid) => {
            tracing::error!(error = %invalid.error, "Cannot read this PostgresBackup; does the CustomResourceDefinition fit this operator?");
            Ok(Action::await_change())
        }
    }
}

fn note(outcome: &Result<Action, Error>) -> PassResult {
    match outcome {
        Ok(action) if *action == Action::await_change() => PassResult::Success,
        Ok(_) => PassResult::RequeueAfter,
        Err(error) if error.is_conflict() => {
            tracing::debug!(error = error_chain::one_line(error), "The object has changed in the meantime");
            PassResult::RequeueAfter
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
    let (memories, uid) = (&runtime.context.memories, stored.uid().unwrap_or_default());
    if error.is_conflict() {
        return Action::requeue(schedule::after_conflict(memories.note_conflict(&uid)));
    }
    let attempts = memories.note_failure(&uid);
    let drift_interval = runtime.context.settings.drift_interval;
    let pace = Pace { attempts, standing: Standing::WithinDeadline, drift_interval };
    let delay = Next::BackOff(ErrorClass::Transient, None).delay(pace);
    delay.map_or_else(Action::await_change, Action::requeue)
}
