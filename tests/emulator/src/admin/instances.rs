//! Backup instances, changed as people do in the portal, or as Azure itself does.

use std::time::Duration;

use http::Method;
use serde::Deserialize;

use super::{Answer, Refusal, body, done, found, ok};
use crate::engine::Engine;
use crate::errors::{Incident, UserFacingError};
use crate::http::Request;
use crate::id::ResourceId;
use crate::instance::{Instance, ProvisioningState, Tags};
use crate::portal::Removal;
use crate::spec::{DatasourceInfo, PolicyInfo};
use crate::state::ProtectionState;
use crate::version::ApiVersion;

/// What is to be so from now on. What is left out stays; of a new instance, `datasource` and `policy` are needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceBody {
    id: ResourceId,
    state: Option<ProtectionState>,
    provisioning_state: Option<ProvisioningState>,
    /// Left out together with a `state`: none.
    error: Option<UserFacingError>,
    /// The policy's name.
    policy: Option<String>,
    tags: Option<Tags>,
    datasource: Option<ResourceId>,
    friendly_name: Option<String>,
    /// In how many days of Azure's time the last recovery point expires; 0: there is none.
    recovery_point_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RemovalBody {
    id: ResourceId,
    #[serde(default = "yes")]
    soft: bool,
}

fn yes() -> bool {
    true
}

impl Engine {
    pub(super) fn admin_instances(&mut self, method: &Method, request: &Request) -> Answer {
        match *method {
            Method::GET => {
                let latest = ApiVersion::all().next_back();
                let shown: Vec<_> = latest
                    .iter()
                    .flat_map(|version| self.instances.values().map(|instance| instance.resource(*version)))
                    .collect();
                Ok(ok(&shown))
            }
            Method::PUT => {
                let wanted: InstanceBody = body(request)?;
                let (Some(datasource), Some(policy)) = (&wanted.datasource, &wanted.policy) else {
                    return Err(Refusal::Invalid("a new instance needs datasource and policy".to_owned()));
                };
                self.create_in_portal(&wanted.id, datasource, policy)?;
                self.change(wanted)
            }
            Method::PATCH => {
                let wanted: InstanceBody = body(request)?;
                self.change(wanted)
            }
            Method::DELETE => {
                let RemovalBody { id, soft } = body(request)?;
                let removal = if soft { Removal::Soft } else { Removal::Final };
                found(self.delete_in_portal(&id, removal), "backup instance", id.as_str())
            }
            _ => Err(Refusal::Endpoint(method.clone(), "instances".to_owned())),
        }
    }

    fn change(&mut self, wanted: InstanceBody) -> Answer {
        let activity_id = self.random.guid().to_string();
        let id = wanted.id.clone();
        if let Some(days) = wanted.recovery_point_days {
            let expire_in = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
            self.set_recovery_points(&id, (days > 0).then_some(expire_in));
        }
        let instance = self.instance_mut(&id).ok_or_else(|| Refusal::unknown("backup instance", id.as_str()))?;
        apply(instance, wanted, activity_id);
        Ok(done())
    }
}

fn apply(instance: &mut Instance, wanted: InstanceBody, activity_id: String) {
    if let Some(state) = wanted.state {
        instance.state = state;
        instance.error = None;
    }
    if let Some(provisioning) = wanted.provisioning_state {
        instance.provisioning = provisioning;
    }
    if let Some(error) = wanted.error {
        instance.error = Some(Incident { error, activity_id });
    }
    if let Some(policy) = wanted.policy {
        let policy_id = instance.vault.child("backupPolicies", &policy);
        let policy_parameters = instance.spec.policy.policy_parameters.take();
        instance.spec.policy = PolicyInfo { policy_parameters, ..PolicyInfo::of(policy_id) };
    }
    if let Some(tags) = wanted.tags {
        instance.tags = tags;
    }
    if let Some(datasource) = wanted.datasource {
        let location = instance.spec.datasource.resource_location.clone().unwrap_or_default();
        instance.spec.datasource = DatasourceInfo::of(&datasource, &location);
    }
    if wanted.friendly_name.is_some() {
        instance.spec.friendly_name = wanted.friendly_name;
    }
}
