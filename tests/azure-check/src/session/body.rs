//! What a PUT over an instance that is there consists of.

use postgres_backup_operator::azure::{Instance, InstanceRequest, PolicyId, PolicyName};
use serde_json::{Value, json};

use super::Session;
use crate::stage::Content;

/// A policy that nobody has.
const MISSING_POLICY: &str = "azure-check-no-such-policy";

impl Session {
    /// What the operator would send for this content over the instance as it is, and the policy that it asks for.
    pub(super) fn body(&self, content: Content, current: &Instance) -> (Value, PolicyId) {
        let policy = self.policy(content, current);
        let mut request = self.scene.request.clone();
        request.policy = policy.clone();
        let mut body = request.merged_into(&current.raw, self.azure().version());
        match content {
            Content::Unchanged | Content::OtherPolicy | Content::MissingPolicy => {}
            Content::UnknownMember => body["properties"]["azureCheckUnknownMember"] = json!("x"),
            Content::OtherState => body["properties"]["currentProtectionState"] = json!("ProtectionStopped"),
            Content::TagWithSlash => body["tags"]["azure-check/slash"] = json!("x"),
        }
        (body, policy)
    }

    /// What creates the instance under the other policy, where there is one.
    pub(super) fn under_other_policy(&self) -> InstanceRequest {
        let request = self.scene.request.clone();
        let policy = self.scene.other_policy.clone().unwrap_or_else(|| request.policy.clone());
        InstanceRequest { policy, ..request }
    }

    fn policy(&self, content: Content, current: &Instance) -> PolicyId {
        let own = self.scene.request.policy.clone();
        let present = current.policy().unwrap_or_else(|| own.clone());
        match (content, &self.scene.other_policy) {
            (Content::MissingPolicy, _) => own.vault().policy(&missing()),
            (Content::OtherPolicy, Some(other)) if present == own => other.clone(),
            (Content::OtherPolicy, _) => own,
            _ => present,
        }
    }
}

fn missing() -> PolicyName {
    #[expect(clippy::expect_used, reason = "the text follows the rule of policy names")]
    MISSING_POLICY.parse().expect("a policy name")
}
