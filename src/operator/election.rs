//! With what the operator stands for election.

use std::sync::Arc;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, Config};
use uuid::Uuid;

use super::{START_TIMEOUT, StartError, refused};
use crate::api::FIELD_MANAGER;
use crate::cli::LeaderElectionArgs;
use crate::leader::{Candidacy, Elector, Fence};
use crate::metrics::Metrics;
use crate::reconcile::Clock;

/// Where a pod finds the namespace of its service account.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// What this replica stands for election with; `None` when it is the only one.
pub(super) fn candidacy(args: &LeaderElectionArgs) -> Result<Option<Candidacy>, StartError> {
    let own = pod_namespace();
    if !args.leader_elect.unwrap_or(own.is_some()) {
        return Ok(None);
    }
    let namespace = args.leader_election_namespace.clone().or(own).ok_or(StartError::LeaseNamespace)?;
    // A restarted pod keeps its name, but not what it knew: it is another candidate.
    let pod = std::env::var("HOSTNAME").unwrap_or_else(|_| FIELD_MANAGER.to_owned());
    let identity = format!("{pod}_{}", Uuid::new_v4());
    Ok(Some(Candidacy { namespace, lease: args.leader_election_id.clone(), identity, timing: args.timing()? }))
}

/// Who stands for election, after a look that shows whether the Lease may be read at all.
pub(super) async fn elector(
    candidacy: Candidacy,
    mut config: Config,
    fence: Fence,
    metrics: Arc<Metrics>,
) -> Result<Elector, StartError> {
    let limit = Some(candidacy.timing.attempt_timeout());
    config.default_retry = false;
    (config.connect_timeout, config.read_timeout, config.write_timeout) = (limit, limit, limit);
    // The silence counts from the request, not from when its connection was last used.
    config.reset_reader_on_write = true;
    let url = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(StartError::KubeClient)?;
    let leases: Api<Lease> = Api::namespaced(client.clone(), &candidacy.namespace);
    let what = "read the Lease that replicas take turns by (the Role postgres-backup-operator in its namespace)";
    match tokio::time::timeout(START_TIMEOUT, leases.get_opt(&candidacy.lease)).await {
        Ok(Ok(_)) => Ok(Elector::new(client, candidacy, Clock::system(), fence, metrics)),
        Ok(Err(source)) => Err(refused(what, source)),
        Err(elapsed) => Err(StartError::Unreachable { url, source: elapsed.into() }),
    }
}

fn pod_namespace() -> Option<String> {
    let given = std::env::var("POD_NAMESPACE").ok();
    let namespace = given.or_else(|| std::fs::read_to_string(NAMESPACE_FILE).ok())?;
    Some(namespace.trim().to_owned()).filter(|namespace| !namespace.is_empty())
}
