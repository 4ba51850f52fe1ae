//! The rules that hold in every simulated test, whatever it is about. Everything that the operator sends to Azure and writes
//! to an object is held against what there really is; a breach fails the test.
//!
//! - `ready`: Ready=True is only said of what is so, as far as Azure has told, and of the present generation;
//! - `requests`: nothing is asked of Azure that no object asks for, and nothing without the finalizer;
//! - `release`: the finalizer stays while something is left to be done.
//!
//! Two more rules sit where they see best: one change of a backup instance at a time, and no storm of requests, in
//! `wire::traffic`; a token goes to Resource Manager alone, in `azure::client`. What a status must keep to besides is in
//! `contract`.

mod ready;
mod release;
mod requests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use postgres_backup_operator::api::FINALIZER;
use postgres_backup_operator::api::PostgresBackup;
use postgres_backup_operator::api::v1alpha1::PostgresBackupSpec;
use postgres_backup_operator::azure::ApiVersion;
use postgres_backup_operator::reconcile::naming;

pub use ready::{Tally, unsettled};

use crate::api_server::{ApiServer, Edit};
use crate::azure::Azure;
use crate::wire::Wire;

/// Judges what the operator does.
pub struct Judge {
    kubernetes: ApiServer,
    azure: Azure,
    wire: Wire,
    /// What the operator speaks: what that cannot carry is not asked for.
    version: ApiVersion,
    tally: Arc<Mutex<Tally>>,
    /// The names of backup instances, by what they are derived from.
    names: Mutex<HashMap<[String; 3], Option<String>>>,
}

impl Judge {
    /// Judges everything from now on. The fakes know the judge and the judge them, until they are told to
    /// [forget](Self::dismiss) each other.
    pub fn sit(kubernetes: &ApiServer, azure: &Azure, wire: &Wire, version: ApiVersion) -> Arc<Mutex<Tally>> {
        let tally = Arc::<Mutex<Tally>>::default();
        let (kubernetes, azure, wire) = (kubernetes.clone(), azure.clone(), wire.clone());
        let judge =
            Arc::new(Self { kubernetes, azure, wire, version, tally: Arc::clone(&tally), names: Mutex::default() });
        let witness = Arc::clone(&judge);
        judge.wire.tell(Some(Arc::new(move |call, about| witness.attend(call, about))));
        let inspector = Arc::clone(&judge);
        judge.kubernetes.inspect(move |before, after, edit| match edit {
            Edit::Status => inspector.of_status(before, after),
            _ if is_let_go(before, after) => inspector.of_release(after),
            _ => Vec::new(),
        });
        tally
    }

    /// Judges nothing any more.
    pub fn dismiss(kubernetes: &ApiServer, wire: &Wire) {
        wire.tell(None);
        kubernetes.dismiss();
    }
}

fn is_let_go(before: &PostgresBackup, after: &PostgresBackup) -> bool {
    has_finalizer(before) && !has_finalizer(after)
}

fn has_finalizer(object: &PostgresBackup) -> bool {
    object.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// The name of the backup instance that an object is about; nothing if it is about none that could be.
pub fn instance_name(spec: &PostgresBackupSpec) -> Option<String> {
    let derived = || {
        let (database, vault) = (spec.database.resource_id.parse().ok()?, spec.vault.resource_id.parse().ok()?);
        naming::derived_instance_name(&database, &vault).ok().map(|name| name.to_string())
    };
    spec.backup_instance_name.clone().or_else(derived)
}
