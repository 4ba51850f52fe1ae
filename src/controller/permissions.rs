//! Keeps what objects are permitted up to date: watches grants and namespaces, wakes the objects concerned, and tells each grant
//! whom it serves.

use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::SetOnce;

use super::scope::{Scope, by_name};
use super::union::{Part, union};
use crate::error_chain;
use crate::leader::Fence;
use crate::reconcile::Context;
use crate::reconcile::authorize::authority::{NamespaceMeta, StoredGrant};
use crate::reconcile::served;
use crate::reconcile::stored::Stored;

/// Changes that come together are told together.
const SETTLE: Duration = Duration::from_secs(1);

/// How long after a status that could not be written it is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// Watches grants and namespaces.
#[derive(Clone)]
pub(super) struct Permissions {
    context: Arc<Context>,
    grants: Store<StoredGrant>,
    objects: Store<Stored>,
    /// Set once everything has been read. (The store's own signal reaches only one of several who wait for it.)
    grants_known: Arc<SetOnce<()>>,
    namespaces_known: Arc<SetOnce<()>>,
}

/// The objects to look at again.
pub(super) type Wake = UnboundedSender<ObjectRef<Stored>>;

impl Permissions {
    /// Starts two watches, which the future that comes with it has to be polled for. It never ends. Grants are told something
    /// from when the fence opens.
    pub(super) fn watch(
        context: &Arc<Context>,
        objects: Store<Stored>,
        scope: &Scope,
        wake: Wake,
        fence: &Fence,
    ) -> (Self, impl Future<Output = ()> + use<>) {
        let client = &context.client;
        let (grants, grant_writer) = reflector::store();
        let (namespaces, namespace_writer) = reflector::store();
        context.authority.watch(namespaces.clone());
        let grant_changes = watcher(Api::<StoredGrant>::all(client.clone()), watcher::Config::default())
            .default_backoff()
            .modify(|grant: &mut StoredGrant| grant.managed_fields_mut().clear())
            .reflect(grant_writer);
        let namespace_changes = namespaces_in(client, scope, namespaces.clone())
            .modify(|namespace: &mut NamespaceMeta| {
                namespace.managed_fields_mut().clear();
                namespace.annotations_mut().clear();
            })
            .reflect(namespace_writer);
        let (grants_known, namespaces_known) = Default::default();
        let permissions = Self { context: Arc::clone(context), grants, objects, grants_known, namespaces_known };
        // Whoever sees some namespaces only does not know whom else a grant serves.
        let sees_all = *scope == Scope::Cluster;
        let (running, fence) = (permissions.clone(), fence.clone());
        let running = async move {
            futures::join!(
                running.follow(grant_changes, "PostgresBackupGrants", &running.grants_known, &wake),
                running.follow(namespace_changes, "namespaces", &running.namespaces_known, &wake),
                async {
                    if sees_all {
                        fence.opened().await;
                        running.tell().await;
                    }
                },
            );
        };
        (permissions, running)
    }

    /// Waits until all grants and namespaces have been read.
    pub(super) async fn are_known(&self) {
        self.grants_known.wait().await;
        self.namespaces_known.wait().await;
    }

    async fn follow<T>(
        &self,
        changes: impl Stream<Item = watcher::Result<watcher::Event<T>>>,
        what: &'static str,
        known: &SetOnce<()>,
        wake: &Wake,
    ) {
        let changes = changes.inspect_err(|error| {
            tracing::warn!(error = error_chain::one_line(error), "Could not watch {what}; trying again");
        });
        futures::pin_mut!(changes);
        while let Some(event) = changes.next().await {
            // What is read at the beginning counts once all of it is there.
            if matches!(event, Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone)) {
                self.refresh(wake);
            }
            if matches!(event, Ok(watcher::Event::InitDone)) {
                // It is set already when a watch has begun anew.
                let _ = known.set(());
            }
        }
    }

    /// Wakes the objects about which something else is decided now. What is decided about every object is worked out for
    /// that, which takes no request and some microseconds for each.
    fn refresh(&self, wake: &Wake) {
        let authority = &self.context.authority;
        authority.replace_grants(&self.grants.state());
        for object in authority.outdated(&self.objects.state()) {
            tracing::debug!(%object, "What the object is permitted has changed");
            // There is nobody to wake once the controller has stopped.
            let _ = wake.unbounded_send(object);
        }
    }

    /// Tells grants whom they serve, once after every change.
    async fn tell(&self) {
        self.are_known().await;
        loop {
            self.context.authority.changed().await;
            tokio::time::sleep(SETTLE).await;
            // What changed in the meantime is told now.
            let _ = self.context.authority.changed().now_or_never();
            if !served::tell(&self.context, &self.grants.state(), &self.objects.state()).await {
                tokio::time::sleep(RETRY).await;
                self.context.authority.announce();
            }
        }
    }
}

/// Watches the namespaces in scope: each by its name, which a right to read can be limited to.
fn namespaces_in(
    client: &Client,
    scope: &Scope,
    known: Store<NamespaceMeta>,
) -> BoxStream<'static, watcher::Result<watcher::Event<NamespaceMeta>>> {
    let watch = |config| watcher(Api::<NamespaceMeta>::all(client.clone()), config).default_backoff().boxed();
    match scope {
        Scope::Cluster => watch(watcher::Config::default()),
        Scope::Namespaces(names) => {
            let part = |name: &String| {
                let covered = name.clone();
                Part {
                    events: watch(watcher::Config::default().fields(&by_name(name))),
                    covers: Box::new(move |namespace: &NamespaceMeta| namespace.name_any() == covered),
                }
            };
            union(names.iter().map(part).collect(), known).boxed()
        }
    }
}
