//! A backup instance as the model of Azure keeps it.

use serde_json::json;

use super::super::*;
use crate::reconcile::plan::drift;
use crate::reconcile::testing::instance;

/// The owner tag of the object that the passes are about.
pub(in super::super) const OURS: &str = "test/shop/orders";

/// A backup instance.
#[derive(Clone, Debug)]
pub(in super::super) struct Backup {
    pub(in super::super) state: ProtectionState,
    pub(in super::super) policy: String,
    pub(in super::super) owner: Option<String>,
    pub(in super::super) server: String,
}

impl Backup {
    pub(in super::super) fn is(&self, states: &[ProtectionState]) -> bool {
        states.contains(&self.state)
    }

    pub(super) fn is_at_rest(&self) -> bool {
        drift::is_at_rest(&self.state)
    }

    pub(super) fn is_moving(&self) -> bool {
        use ProtectionState::{ConfiguringProtection, SoftDeleting, UpdatingProtection};
        self.is(&[ConfiguringProtection, SoftDeleting, UpdatingProtection])
    }

    /// Whether Azure would stop or suspend it.
    pub(super) fn runs(&self) -> bool {
        let runs = [ProtectionState::ProtectionConfigured, ProtectionState::ProtectionError];
        self.is(&runs) || matches!(self.state, ProtectionState::Unknown(_))
    }

    pub(super) fn shown(&self, desired: &Desired) -> Instance {
        let policy = desired.policy.to_string();
        let policy = format!("{}/{}", policy.rsplit_once('/').unwrap().0, self.policy);
        let mut change = json!({
            "policyInfo": { "policyId": policy },
            "dataSourceInfo": { "resourceID": self.server },
            "tags": {},
        });
        if let Some(owner) = &self.owner {
            change["tags"] = json!({ "pgbackup-owner": owner });
        }
        if self.state == ProtectionState::ProtectionError {
            change["protectionErrorDetails"] = json!({ "code": error().code, "message": "The vault may not connect." });
        }
        instance(desired, self.state.as_str(), &change)
    }
}
