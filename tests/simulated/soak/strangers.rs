//! What strangers do in Azure, and what becomes of permissions and policies.

use azure_emulator::{Instance, Kind, Removal};
use http::Method;
use serde_json::{Value, json};

use super::chaos::{Chaos, LATER, NAMES};
use crate::azure::{KEY_VAULT, SERVERS, VAULT, id};
use crate::judge::instance_name;
use crate::samples::{self, EVERYTHING};

const SCOPES: [&str; 2] = [SERVERS, KEY_VAULT];

const STATES: [&str; 12] = [
    "ProtectionConfigured",
    "ProtectionError",
    "ProtectionError",
    "ConfiguringProtectionFailed",
    "NotProtected",
    "Invalid",
    "ProtectionStopped",
    "BackupsSuspended",
    "BackupSchedulesSuspended",
    "RetentionSchedulesSuspended",
    "SoftDeleted",
    "SomethingNew",
];

impl Chaos {
    pub(super) fn stranger(&mut self) {
        let instances = self.world.azure.instances();
        if instances.is_empty() || self.random.usize(..10) == 0 {
            return self.make_in_portal();
        }
        let instance = instances[self.random.usize(..instances.len())].clone();
        let path = instance.id.to_string();
        let what = match self.random.usize(..8) {
            0 | 1 => {
                let action = self.one_of(&["stopProtection", "suspendBackups", "resumeProtection", "sync"]);
                let (answer, _) = self.world.azure.send(Method::POST, &format!("{path}/{action}"), &json!({}));
                format!("{action}: {answer}")
            }
            2 => format!("DELETE: {}", self.world.azure.send(Method::DELETE, &path, &Value::Null).0),
            3 => {
                let removal = self.one_of(&[Removal::Soft, Removal::Final]);
                self.world.azure.in_portal(|azure| azure.delete_in_portal(&instance.id, removal));
                format!("{removal:?} removal")
            }
            4 => {
                let state = self.one_of(&STATES);
                self.world
                    .azure
                    .in_portal(|azure| azure.instance_mut(&instance.id).unwrap().state = state.parse().unwrap());
                format!("state {state}")
            }
            _ => self.rewrite(&instance),
        };
        self.tell(format!("a stranger at {}: {what}", instance.name()));
    }

    /// Changes a backup instance with a PUT.
    fn rewrite(&mut self, instance: &Instance) -> String {
        let path = instance.id.to_string();
        let (_, mut body) = self.world.azure.send(Method::GET, &path, &Value::Null);
        let change = self.random.usize(..4);
        match change {
            0 | 1 => {
                let policy = self.one_of(&["weekly", "daily"]);
                body["properties"]["policyInfo"]["policyId"] = json!(format!("{VAULT}/backupPolicies/{policy}"));
            }
            2 => body["tags"] = json!({}),
            _ => body["tags"]["costCenter"] = json!("4711"),
        }
        format!("PUT {change}: {}", self.world.azure.send(Method::PUT, &path, &body).0)
    }

    /// Makes a backup instance of an object's name, or of another one for the same database.
    fn make_in_portal(&mut self) {
        let name = self.one_of(&NAMES);
        let object = if name == "empdb11" { samples::single(name) } else { samples::flexible(name) };
        let database = id(&object.spec.database.resource_id);
        if self.world.azure.instances().iter().any(|instance| instance.spec.datasource.resource_id == database) {
            return;
        }
        let instance =
            if self.random.usize(..4) > 0 { instance_name(&object.spec).unwrap() } else { format!("by-hand-{name}") };
        self.tell(format!("a stranger protects {name} as {instance}"));
        let path = id(&format!("{VAULT}/backupInstances/{instance}"));
        self.world.azure.in_portal(|azure| azure.create_in_portal(&path, &database, "weekly").map(|_| ())).unwrap();
    }

    pub(super) fn surroundings(&mut self) {
        let what = match self.random.usize(..8) {
            0 | 1 if !self.revoked.is_empty() => return self.permit(),
            0 | 1 => {
                let scope = self.one_of(&SCOPES);
                self.revoked.push(scope);
                self.world.azure.revoke(scope);
                format!("no permission on {scope}")
            }
            2 | 3 => {
                self.world.azure.create_policy(LATER);
                format!("the policy {LATER} exists")
            }
            4 => {
                self.world.azure.change(|azure| azure.vaults[0].policies.retain(|policy| policy.name != LATER));
                format!("the policy {LATER} is gone")
            }
            5 => {
                let kind = self.one_of(&[Kind::PutInstance, Kind::DeleteInstance, Kind::StopProtection]);
                self.world.azure.doom(kind, "UserErrorInternalTrouble");
                format!("the next operation of {kind:?} fails")
            }
            6 if self.world.kubernetes.get_grant(EVERYTHING).is_some() => {
                self.world.kubernetes.revoke(EVERYTHING);
                "nothing is granted".to_owned()
            }
            6 => return self.permit(),
            _ => {
                self.world.azure.revoke_tokens();
                "tokens are worthless".to_owned()
            }
        };
        self.tell(what);
    }

    /// Gives every permission back.
    pub(super) fn permit(&mut self) {
        self.tell("all permissions are there".to_owned());
        self.revoked.drain(..).for_each(|scope| self.world.azure.grant(scope));
        if self.world.kubernetes.get_grant(EVERYTHING).is_none() {
            self.world.kubernetes.grant(&samples::everything());
        }
    }
}
