//! Concludes from a request that may not be made what status is to say. Pure.

use super::assessment::{Assessment, Conclusion, Progress};
use super::trouble;
use crate::api::Reason;
use crate::azure::CredentialError;
use crate::reconcile::authorize::Denial;
use crate::reconcile::authorize::asked::Request;
use crate::reconcile::schedule::Next;
use crate::reconcile::validate::Lifecycle;

/// Why Azure is not asked at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::reconcile) struct Refusal {
    reason: Reason,
    message: String,
}

impl Refusal {
    /// No grant permits the request, or several do that differ.
    pub(in crate::reconcile) fn of(denial: &Denial, request: &Request, namespace: &str) -> Self {
        Self { reason: denial.reason(), message: denial.explain(request, namespace) }
    }

    /// The grant's identity cannot be used as the grant names it.
    pub(in crate::reconcile) fn identity(error: &CredentialError) -> Self {
        Self {
            reason: Reason::CredentialUnavailable,
            message: format!("The grant's identity cannot be used: {error}."),
        }
    }

    /// What follows for an object: it is left as it is, until a grant permits it again. A deletion waits.
    pub(in crate::reconcile) fn conclude(&self, lifecycle: Lifecycle) -> Conclusion {
        let message = trouble::with_way_out(self.message.clone(), lifecycle);
        let assessment = Assessment::stuck(self.reason, message);
        // The grants and namespaces are watched, and a change of them wakes the object.
        Conclusion::Changed(Assessment { progress: Progress::Stuck, next: Next::OnChange, ..assessment })
    }
}
