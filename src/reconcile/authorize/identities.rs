//! Clients of Azure, one for each identity that a grant may name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::Instant;

use crate::azure::{
    ApiVersion, ArmClient, AssertionError, AssertionSource, BoxedAssertion, CallContext, CredentialError,
    DataProtection, Identity, Permit, WorkloadIdentity,
};
use crate::error_chain;

/// The audience of the service-account tokens that Microsoft Entra ID exchanges for its own.
const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// How long the token of a service account is good: the shortest time that Kubernetes issues one for. It is used once.
const TOKEN_LIFETIME: Duration = Duration::from_secs(600);

/// How many identities are kept at most; the one that was not used for longest makes way.
const MOST: usize = 256;

/// The clients of Azure. None is shared between two identities.
pub struct Identities {
    own: ArmClient,
    version: ApiVersion,
    kubernetes: Client,
    workloads: Mutex<HashMap<WorkloadIdentity, Known>>,
}

struct Known {
    arm: ArmClient,
    used: Instant,
}

impl Identities {
    /// Speaks `version`; `own` has the operator's identity.
    #[must_use]
    pub fn new(own: ArmClient, version: ApiVersion, kubernetes: Client) -> Self {
        Self { own, version, kubernetes, workloads: Mutex::default() }
    }

    /// The api-version that is spoken.
    #[must_use]
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// Whether requests that change something may be sent now.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.own.may_write()
    }

    /// A client for one pass that asks what `permit` allows, as its identity.
    ///
    /// # Errors
    /// The identity cannot be used as it is named.
    pub fn client(&self, permit: Permit, call: CallContext) -> Result<DataProtection, CredentialError> {
        let arm = match permit.identity() {
            Identity::Own => self.own.clone(),
            Identity::Workload(identity) => self.workload(identity)?,
        };
        Ok(DataProtection::new(arm, self.version, permit).for_pass(call))
    }

    fn workload(&self, identity: &WorkloadIdentity) -> Result<ArmClient, CredentialError> {
        // A map is whole after every operation on it, so a panic elsewhere does not spoil it.
        let mut workloads = self.workloads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = workloads.get_mut(identity) {
            known.used = Instant::now();
            return Ok(known.arm.clone());
        }
        let tokens = ServiceAccountTokens { kubernetes: self.kubernetes.clone(), identity: identity.clone() };
        let arm = self.own.acting_as(&identity.tenant_id, &identity.client_id, Arc::new(tokens))?;
        if workloads.len() >= MOST
            && let Some(oldest) =
                workloads.iter().min_by_key(|(_, known)| known.used).map(|(identity, _)| identity.clone())
        {
            workloads.remove(&oldest);
        }
        workloads.insert(identity.clone(), Known { arm: arm.clone(), used: Instant::now() });
        Ok(arm)
    }
}

/// Has Kubernetes issue tokens of one service account.
struct ServiceAccountTokens {
    kubernetes: Client,
    identity: WorkloadIdentity,
}

impl ServiceAccountTokens {
    async fn issue(&self) -> Result<String, AssertionError> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![EXCHANGE_AUDIENCE.to_owned()],
                expiration_seconds: i64::try_from(TOKEN_LIFETIME.as_secs()).ok(),
                bound_object_ref: None,
            },
            ..TokenRequest::default()
        };
        let accounts = Api::<ServiceAccount>::namespaced(self.kubernetes.clone(), &self.identity.namespace);
        let answer =
            accounts.create_token_request(&self.identity.service_account, &PostParams::default(), &request).await;
        let WorkloadIdentity { namespace, service_account, .. } = &self.identity;
        let account = format!("no token of the ServiceAccount {namespace}/{service_account}");
        match answer {
            Ok(answer) => Ok(answer.status.map(|status| status.token).unwrap_or_default()),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                Err(AssertionError::Refused(format!("{account}: it does not exist; create it in that namespace")))
            }
            Err(kube::Error::Api(status)) if status.code == 403 => Err(AssertionError::Refused(format!(
                "{account}: the operator may not create one; its ClusterRole has to name this ServiceAccount"
            ))),
            Err(error) => Err(AssertionError::Unavailable(format!("{account}: {}", error_chain::one_line(&error)))),
        }
    }
}

impl AssertionSource for ServiceAccountTokens {
    fn assertion(&self) -> BoxedAssertion<'_> {
        Box::pin(self.issue())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kube::client::Body;
    use tower::BoxError;

    use super::*;
    use crate::azure::{ArmOptions, Cloud, Credential, CredentialConfig, TransportOptions, http_client};

    fn identity(number: usize) -> WorkloadIdentity {
        WorkloadIdentity {
            namespace: "shop".to_owned(),
            service_account: "backup".to_owned(),
            client_id: format!("client-{number}"),
            tenant_id: "tenant".to_owned(),
        }
    }

    /// Identities that never get as far as a request.
    fn identities() -> Identities {
        let nobody = tower::service_fn(|_| async { Err::<http::Response<Body>, BoxError>("nobody is there".into()) });
        let http = http_client(&TransportOptions::default()).unwrap();
        let config = CredentialConfig::ManagedIdentity { client_id: None };
        let credential = Credential::new(config, &Cloud::public(), Arc::clone(&http)).unwrap();
        let arm = ArmClient::new(Cloud::public(), credential, http, ArmOptions::default());
        Identities::new(arm, ApiVersion::default(), Client::new(nobody, "default"))
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_identities_are_kept_and_the_one_that_was_not_used_for_longest_makes_way() {
        let identities = identities();
        for number in (0..MOST).chain([0, MOST]) {
            tokio::time::advance(Duration::from_secs(1)).await;
            identities.workload(&identity(number)).unwrap();
        }
        let kept = identities.workloads.lock().unwrap();
        assert_eq!(kept.len(), MOST);
        assert!(kept.contains_key(&identity(0)), "it was used a moment ago");
        assert!(!kept.contains_key(&identity(1)), "it made way");
        assert!(kept.contains_key(&identity(MOST)));
    }
}
