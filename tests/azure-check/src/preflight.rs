//! What must be so before anything is written.

use postgres_backup_operator::azure::{
    BackupInstanceName, DatasourceId, Immutability, InstanceRequest, OwnerTag, ParseNameError, PolicyId, SoftDelete,
    Vault,
};
use postgres_backup_operator::reconcile::naming;

use crate::observation::{End, Found};
use crate::options::Subject;
use crate::session::{Halt, Scene, Sent, Session};
use crate::stage::Request;

/// Why nothing is written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The instance could not be deleted again.
    #[error("the vault is immutable, so a backup instance could not be deleted again; use another vault")]
    Immutable,
    /// Nothing could be stopped or deleted.
    #[error("a resource guard protects the vault, so nothing could be stopped or deleted; use another vault")]
    Guarded,
    /// An earlier run was not cleaned up.
    #[error(
        "the vault has a backup instance {name} already, which shows {found}: an earlier run must have left it behind. \
         Delete it, then run this again"
    )]
    LeftBehind {
        /// Its name.
        name: BackupInstanceName,
        /// What it shows.
        found: Box<Found>,
    },
    /// The database has an instance in this vault.
    #[error("the backup instance {name} of the vault protects {database}; use a database that nothing protects")]
    Protected {
        /// The instance.
        name: String,
        /// The database.
        database: Box<DatasourceId>,
    },
    /// Azure refuses the database, or a policy.
    #[error("Azure does not accept {database} under the policy {policy}: {why}")]
    NotAccepted {
        /// The database.
        database: Box<DatasourceId>,
        /// The policy.
        policy: Box<PolicyId>,
        /// What Azure says.
        why: String,
    },
    /// Azure cannot be asked.
    #[error(transparent)]
    Halt(#[from] Halt),
}

/// What the run is about: an instance with a name of its own, the same in every run.
///
/// # Errors
/// When no letter or digit is left of the server's name.
pub fn scene(subject: &Subject, vault: Vault) -> Result<Scene, ParseNameError> {
    let derived = naming::derived_instance_name(&subject.database, &subject.vault)?;
    let name: BackupInstanceName = format!("azure-check-{derived}").parse()?;
    let friendly_name = match subject.database.database_name() {
        Some(database) => format!("{}/{database}", subject.database.server_name()),
        None => subject.database.server_name().to_owned(),
    };
    let request = InstanceRequest {
        friendly_name,
        datasource: subject.database.clone(),
        location: vault.location.clone(),
        policy: subject.policy.clone(),
        secret: subject.secret.clone(),
        identity: subject.identity.clone(),
        owner: OwnerTag { name: naming::OWNER_TAG.to_owned(), value: "azure-check".to_owned() },
    };
    let instance = subject.vault.instance(name);
    Ok(Scene { instance, request, other_policy: subject.other_policy.clone(), vault })
}

/// Looks whether the vault is one that can be cleaned up, and whether nothing protects the database.
///
/// # Errors
/// Why nothing may be written.
pub async fn look(session: &mut Session) -> Result<Found, Refusal> {
    let vault = &session.scene().vault;
    if !matches!(vault.immutability, Immutability::Disabled | Immutability::NotShown) {
        return Err(Refusal::Immutable);
    }
    if vault.is_protected_by_resource_guard {
        return Err(Refusal::Guarded);
    }
    let found = session.look().await?;
    if found.is_instance() {
        return Err(Refusal::LeftBehind { name: session.scene().instance.name().clone(), found: Box::new(found) });
    }
    match other_instance(session).await? {
        Some(name) => Err(Refusal::Protected { name, database: Box::new(session.scene().request.datasource.clone()) }),
        None => Ok(found),
    }
}

/// The instance of the vault that protects the database.
async fn other_instance(session: &Session) -> Result<Option<String>, Halt> {
    let (azure, scene) = (session.azure(), session.scene());
    let mut next = None;
    loop {
        let read = async || azure.instances(scene.instance.vault(), next.as_ref()).await;
        let page = session.reading(read).await?;
        let protects = |datasource: Option<DatasourceId>| datasource.as_ref() == Some(&scene.request.datasource);
        if let Some(instance) = page.items.into_iter().find(|instance| protects(instance.datasource())) {
            return Ok(Some(instance.name));
        }
        if page.next.is_none() {
            return Ok(None);
        }
        next = page.next;
    }
}

/// Has Azure validate the database under each policy, so that nothing is created that would not work.
///
/// # Errors
/// What Azure says.
pub async fn validate(session: &mut Session) -> Result<(), Refusal> {
    let scene = session.scene();
    let own = (Request::Validate, scene.request.policy.clone());
    let other = scene.other_policy.clone().map(|policy| (Request::ValidateOther, policy));
    for (request, policy) in std::iter::once(own).chain(other) {
        if let Some(why) = objection(session, request).await? {
            let database = Box::new(session.scene().request.datasource.clone());
            return Err(Refusal::NotAccepted { database, policy: Box::new(policy), why });
        }
    }
    Ok(())
}

/// What Azure has against it.
async fn objection(session: &mut Session, request: Request) -> Result<Option<String>, Halt> {
    let running = match session.send(request).await? {
        Sent::Accepted { running, .. } => running,
        Sent::Refused { note: why, .. } | Sent::Unclear(why) => return Ok(Some(why)),
    };
    let Some(running) = running else { return Ok(None) };
    Ok(match session.follow(&running).await? {
        End::Succeeded => None,
        End::Failed(error) => {
            let detail = error.detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            Some(format!("{error}{detail}"))
        }
        other => Some(other.to_string()),
    })
}

/// What is about to happen, what it costs and what it leaves behind: some lines.
#[must_use]
pub fn announcement(scene: &Scene, keep: bool) -> String {
    let Scene { instance, request, vault, .. } = scene;
    let afterwards = match (&vault.soft_delete, vault.soft_delete_retention_days) {
        _ if keep => "Afterwards it is left as it is.".to_owned(),
        (SoftDelete::Off, _) => "Afterwards it is deleted for good, with an api-version before 2025-09-01.".to_owned(),
        (_, days) => {
            let days = days.map_or_else(|| "a while (14 days, unless set)".to_owned(), |days| format!("{days} days"));
            format!(
                "Afterwards it is deleted, and the vault keeps it soft-deleted for {days}. In that time the database can be \
                 protected in this vault only by undeleting it."
            )
        }
    };
    format!(
        "This creates the backup instance {}\n  in the vault {}\n  for {}\nand takes it through its life, as far as what is \
         checked needs it. No other backup instance is touched.\nIt costs what Azure charges for an instance of this \
         database; checking everything takes 20 to 30 minutes.\n{afterwards}",
        instance.name(),
        instance.vault(),
        request.datasource,
    )
}
