//! One request to Azure Resource Manager: sent once, answered within a time, and never a step further than asked.
//!
//! This uses the `HttpClient` and `TokenCredential` seams of `azure_core` directly and not its pipeline. The pipeline is made
//! for clients that retry and sleep inside a call; here the caller's work queue is the retry loop, and what remains of the
//! pipeline (a few headers, the bearer token, reading the error) is shorter written out than configured away.

mod answer;
mod call;
mod pause;

#[cfg(test)]
mod tests;

pub(super) use answer::Answer;
pub(super) use call::Call;
pub use pause::SubscriptionPause;

use super::cloud::Cloud;
use super::credential::{AssertionSource, BearerToken, Credential, CredentialError};
use super::error::{AzureError, LostAnswer};
use super::gate::{OpenGate, WriteGate};
use super::id::SubscriptionId;
use super::request::{CallContext, NoObserver, RequestIds, RequestObserver};
use azure_core::error::ErrorKind;
use azure_core::http::HttpClient;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span};

/// Settings of an [`ArmClient`].
#[derive(Clone, Debug)]
pub struct ArmOptions {
    /// The longest a request may take, from sending it to having read the answer. Resource Manager gives up on a resource
    /// provider after 60 s, so waiting longer gains nothing.
    pub timeout: Duration,
    /// Is told of every request.
    pub observer: Arc<dyn RequestObserver>,
    /// Is asked before every request that changes something.
    pub gate: Arc<dyn WriteGate>,
}

impl Default for ArmOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), observer: Arc::new(NoObserver), gate: Arc::new(OpenGate) }
    }
}

/// A client of Azure Resource Manager. Clones share everything, also the pauses Azure asked for.
#[derive(Clone)]
pub struct ArmClient {
    shared: Arc<Shared>,
}

struct Shared {
    cloud: Cloud,
    credential: Credential,
    http_client: Arc<dyn HttpClient>,
    options: ArmOptions,
    pauses: SubscriptionPause,
}

impl ArmClient {
    /// A client of one cloud, as one identity.
    pub fn new(cloud: Cloud, credential: Credential, http_client: Arc<dyn HttpClient>, options: ArmOptions) -> Self {
        let pauses = SubscriptionPause::default();
        Self { shared: Arc::new(Shared { cloud, credential, http_client, options, pauses }) }
    }

    /// A client of the same cloud as another identity, with pauses of its own: Resource Manager limits each identity by itself.
    pub fn acting_as(
        &self,
        tenant_id: &str,
        client_id: &str,
        assertions: Arc<dyn AssertionSource>,
    ) -> Result<Self, CredentialError> {
        let Shared { cloud, http_client, options, .. } = &*self.shared;
        let credential = Credential::federated(tenant_id, client_id, assertions, cloud, http_client.clone())?;
        Ok(Self::new(cloud.clone(), credential, http_client.clone(), options.clone()))
    }

    /// The cloud the client talks to.
    pub fn cloud(&self) -> &Cloud {
        &self.shared.cloud
    }

    /// The identity the client has.
    pub fn credential(&self) -> &Credential {
        &self.shared.credential
    }

    /// How long Azure wants no requests for a subscription; nothing when it takes them.
    pub fn paused(&self, subscription: &SubscriptionId) -> Option<Duration> {
        self.shared.pauses.remaining(subscription)
    }

    /// Whether requests that change something may be sent now.
    pub fn may_write(&self) -> bool {
        self.shared.options.gate.is_open()
    }

    /// Sends a request once; twice only if it reads and its token was refused and could be replaced.
    pub(super) async fn send(&self, context: &CallContext, call: Call<'_>) -> Result<Answer, AzureError> {
        let token = self.token_unless_paused(call.subscription).await?;
        let refused = match self.attempt(context, &call, &token).await {
            Err(refused @ AzureError::Http { status: 401, .. }) => refused,
            done => return done,
        };
        // A token of another tenant is refused however often it is fetched.
        if refused.has_code("InvalidAuthenticationTokenTenant") {
            return Err(refused);
        }
        // Also for a write: the next pass then starts with a new token.
        let replaced = self.shared.credential.replace(token.generation);
        if !(replaced && call.operation.is_read()) {
            return Err(refused);
        }
        let token = self.token_unless_paused(call.subscription).await?;
        self.attempt(context, &call, &token).await
    }

    /// A pause may begin while the token is fetched, so it is asked about again at the moment of sending.
    async fn token_unless_paused(&self, subscription: &SubscriptionId) -> Result<BearerToken, AzureError> {
        self.refuse_while_paused(subscription)?;
        let Shared { credential, options, .. } = &*self.shared;
        let token = credential.token().await.inspect_err(|_| options.observer.no_token(credential.identity()))?;
        self.refuse_while_paused(subscription)?;
        Ok(token)
    }

    fn refuse_while_paused(&self, subscription: &SubscriptionId) -> Result<(), AzureError> {
        match self.paused(subscription) {
            Some(retry_after) => Err(AzureError::Throttled { subscription: subscription.clone(), retry_after }),
            None => Ok(()),
        }
    }

    /// Sends a request, if it may be sent: nothing is waited for between the question and the sending.
    async fn attempt(&self, context: &CallContext, call: &Call<'_>, token: &BearerToken) -> Result<Answer, AzureError> {
        if !(call.operation.is_read() || self.may_write()) {
            return Err(AzureError::Withheld { operation: call.operation });
        }
        let ids = RequestIds::new(context);
        let span = tracing::debug_span!(
            "azure_request",
            operation = call.operation.name(),
            client_request_id = %ids.client_request_id,
            correlation_id = %ids.correlation_id,
            request_id = tracing::field::Empty,
            status = tracing::field::Empty,
            otel.kind = "client",
            otel.name = call.operation.name(),
            otel.status_code = tracing::field::Empty,
            http.request.method = call.method.as_str(),
            http.response.status_code = tracing::field::Empty,
            server.address = self.shared.cloud.arm_host(),
            azure.resource_provider.namespace = "Microsoft.DataProtection",
            azure.service.request.id = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
        );
        let started = Instant::now();
        let outcome = self.exchange(call, &ids, token).instrument(span.clone()).await;
        self.report(&span, call, &outcome, started.elapsed());
        if let Err(AzureError::Http { status: 429 | 503, retry_after: Some(wait), .. }) = &outcome {
            self.shared.pauses.extend(call.subscription, *wait);
        }
        outcome
    }

    fn report(&self, span: &Span, call: &Call<'_>, outcome: &Result<Answer, AzureError>, elapsed: Duration) {
        let (status, ids) = match outcome {
            Ok(answer) => (Some(answer.status()), Some(answer.ids())),
            Err(error) => (error.status(), error.ids()),
        };
        let request_id = ids.and_then(|ids| ids.request_id.as_deref());
        span.record("status", status).record("http.response.status_code", status);
        span.record("request_id", request_id).record("azure.service.request.id", request_id);
        if outcome.is_err() {
            let error_type = status.map_or_else(|| "no_answer".to_owned(), |status| status.to_string());
            span.record("otel.status_code", "ERROR").record("error.type", error_type);
        }
        span.in_scope(|| tracing::debug!(elapsed_ms = elapsed.as_millis(), "Azure request finished"));
        self.shared.options.observer.finished(call.operation, call.subscription, status, elapsed);
    }

    async fn exchange(&self, call: &Call<'_>, ids: &RequestIds, token: &BearerToken) -> Result<Answer, AzureError> {
        let operation = call.operation;
        let not_sent = |source| AzureError::NotSent { operation, source };
        let lost = |source| AzureError::OutcomeUnknown { operation, ids: Box::new(ids.clone()), source };
        let request = call.request(self.shared.cloud.arm_endpoint(), ids, token).map_err(not_sent)?;
        let exchange = async {
            match self.shared.http_client.execute_request(&request).await {
                Ok(response) => Answer::read(operation, response, ids.clone(), token).await.map_err(lost),
                Err(source) if never_left(&source) => Err(not_sent(source)),
                Err(source) => Err(lost(LostAnswer::Connection(source))),
            }
        };
        let after = self.shared.options.timeout;
        let answer = timeout(after, exchange).await.unwrap_or_else(|_| Err(lost(LostAnswer::Timeout { after })))?;
        for (limit, remaining) in answer.remaining() {
            self.shared.options.observer.remaining(operation, call.subscription, limit, remaining);
        }
        if call.expected.contains(&answer.status()) {
            return Ok(answer);
        }
        Err(answer.refusal())
    }
}

/// `azure_core` promises that after a `Connection` error nothing was sent; `Other` is a request that could not be built.
fn never_left(error: &azure_core::Error) -> bool {
    matches!(error.kind(), ErrorKind::Connection | ErrorKind::Other)
}

impl fmt::Debug for ArmClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArmClient")
            .field("cloud", &self.shared.cloud)
            .field("credential", &self.shared.credential)
            .finish_non_exhaustive()
    }
}
