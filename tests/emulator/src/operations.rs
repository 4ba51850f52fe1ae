//! Long-running operations: their ids and URLs, and what polling them shows.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::arm::Call;
use crate::changes::Work;
use crate::clock::Moment;
use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError, Incident, ServiceError, UserFacingError};
use crate::http::Response;
use crate::id::ResourceId;
use crate::instance::timestamp;
use crate::random::Random;
use crate::token::Caller;
use crate::version::{ApiVersion, Feature};
use crate::world::Vault;

/// The header with the URL of the operation's status.
const AZURE_ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");

/// The time of an end that has not come.
const NEVER: &str = "0001-01-01T00:00:00";

/// An operation that was accepted.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The base64 text of two GUIDs, of which the first is the vault's.
    pub id: String,
    /// The vault it belongs to.
    pub vault: ResourceId,
    /// The vault's region.
    pub location: String,
    /// The api-version of the request that started it.
    pub version: ApiVersion,
    /// When it started.
    pub started: Timestamp,
    /// The correlation id of that request, under which its errors are reported.
    pub correlation_id: String,
    /// Who sent that request.
    pub caller: Caller,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    pub(crate) accepted_at: Moment,
    pub(crate) work: Work,
    /// What a fault lets it end with.
    pub(crate) doom: Option<UserFacingError>,
    retry_after: Duration,
}

/// How an operation ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// When.
    pub ended: Timestamp,
    /// Whether it failed, and why.
    pub failure: Option<Incident>,
}

/// Below what an operation is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Vault(&'a ResourceId),
    /// A location of this subscription.
    Location(&'a str),
}

/// Which of an operation's URLs.
#[derive(Clone, Copy, Debug)]
enum Resource {
    VaultStatus,
    LocationStatus,
    /// Always below the location.
    Result,
}

impl Operation {
    /// The path, without query.
    fn path(&self, resource: Resource) -> String {
        let location = format!(
            "/subscriptions/{}/providers/Microsoft.DataProtection/locations/{}",
            self.vault.subscription(),
            self.location
        );
        let (parent, collection) = match resource {
            Resource::VaultStatus => (self.vault.as_str(), "operationStatus"),
            Resource::LocationStatus => (location.as_str(), "operationStatus"),
            Resource::Result => (location.as_str(), "operationResults"),
        };
        format!("{parent}/{collection}/{}", self.id)
    }

    /// Whether it is an operation of this vault or subscription: another one's is not found there.
    fn is_in(&self, place: Place<'_>) -> bool {
        match place {
            Place::Vault(vault) => self.vault == *vault,
            Place::Location(subscription) => self.vault.subscription().eq_ignore_ascii_case(subscription),
        }
    }

    /// The query of a poll URL: since 2022-01-01 signed with a certificate and some 3,000 characters long.
    fn query(&self, path: &str, certificate: &str) -> String {
        let version = self.version;
        if !version.has(Feature::VaultScopedOperationStatus) {
            return format!("api-version={version}");
        }
        // Ticks: units of 100 ns since the year 1.
        let ticks = self.started.as_nanosecond() / 100 + 621_355_968_000_000_000;
        let mut random = Random::seeded(fingerprint(path));
        let (signature, hash) = (random.base64url(256), random.base64url(32));
        format!("api-version={version}&t={ticks}&c={certificate}&s={signature}&h={hash}")
    }
}

/// FNV-1a, so that a path has one signature that needs no storing.
fn fingerprint(path: &str) -> u64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Engine {
    /// Starts an operation that ends after `takes` of Azure's time.
    pub(crate) fn start_operation(
        &mut self,
        call: &Call<'_>,
        vault: &Vault,
        work: Work,
        takes: Duration,
        retry_after: Duration,
    ) -> Operation {
        let vault_guid = self.vault_guid(&vault.id);
        let id = STANDARD.encode(format!("{vault_guid};{}", self.random.guid()));
        let operation = Operation {
            id: id.clone(),
            vault: vault.id.clone(),
            location: vault.location.clone(),
            version: call.version,
            started: call.now,
            correlation_id: call.correlation_id.clone(),
            caller: call.caller,
            outcome: None,
            accepted_at: self.clock.moment(call.now),
            work,
            doom: call.doom.as_ref().map(|doom| doom.error.clone()),
            retry_after,
        };
        let takes = call.doom.as_ref().and_then(|doom| doom.takes).unwrap_or(takes);
        self.schedule_end(&id, operation.accepted_at + takes);
        self.operations.insert(id, operation.clone());
        operation
    }

    /// The headers of an accepted POST or DELETE.
    pub(crate) fn accepted(&self, operation: &Operation) -> Response {
        self.started(Response::empty(StatusCode::ACCEPTED), operation)
            .with(LOCATION, &self.url(operation, Resource::Result))
    }

    /// The headers of any answer that started an operation: no `Location` with a PUT.
    pub(crate) fn started(&self, response: Response, operation: &Operation) -> Response {
        let status = if operation.version.has(Feature::VaultScopedOperationStatus) {
            Resource::VaultStatus
        } else {
            Resource::LocationStatus
        };
        let retry_after = self.clock.retry_after(operation.retry_after);
        response.with(AZURE_ASYNC_OPERATION, &self.url(operation, status)).with(RETRY_AFTER, &retry_after.to_string())
    }

    fn url(&self, operation: &Operation, resource: Resource) -> String {
        let path = operation.path(resource);
        let query = operation.query(&path, &self.certificate);
        format!("{}{path}?{query}", self.base_url)
    }

    /// GET of `operationStatus`: always 200, the body tells. Never a `Retry-After`.
    pub(crate) fn operation_status(&self, call: &Call<'_>, id: &str, place: Place<'_>) -> Result<Response, Failure> {
        let resource = match place {
            Place::Vault(_) => Resource::VaultStatus,
            Place::Location(_) => Resource::LocationStatus,
        };
        let operation = self.polled(call, id, resource, place)?;
        let zone = if operation.version.has(Feature::VaultScopedOperationStatus) { "Z" } else { "" };
        let outcome = operation.outcome.as_ref();
        let failure = outcome.and_then(|outcome| outcome.failure.as_ref());
        let body = OperationStatus {
            id: operation.path(resource),
            name: &operation.id,
            status: match (outcome, failure) {
                (None, _) => "Inprogress",
                (Some(_), None) => "Succeeded",
                (Some(_), Some(_)) => "Failed",
            },
            error: failure.map(|Incident { error, activity_id }| {
                if operation.work.is_sync() { error.of_sync(activity_id) } else { error.of_operation(activity_id) }
            }),
            start_time: timestamp(operation.started),
            end_time: outcome.map_or_else(
                || format!("{NEVER}{zone}"),
                |outcome| outcome.ended.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            ),
        };
        Ok(Response::json(StatusCode::OK, &body))
    }

    /// GET of `operationResults`: 202 while it runs, then what a synchronous call would have answered.
    pub(crate) fn operation_result(&self, call: &Call<'_>, id: &str, place: Place<'_>) -> Result<Response, Failure> {
        let operation = self.polled(call, id, Resource::Result, place)?;
        let status_url = self.url(operation, Resource::LocationStatus);
        let response = match &operation.outcome {
            None => Response::empty(StatusCode::ACCEPTED)
                .with(LOCATION, &self.url(operation, Resource::Result))
                .with(RETRY_AFTER, &self.clock.retry_after(operation.retry_after).to_string()),
            Some(Outcome { failure: None, .. }) => {
                Response::json(StatusCode::OK, &OperationJobExtendedInfo { object_type: "OperationJobExtendedInfo" })
            }
            Some(Outcome { failure: Some(incident), .. }) => {
                Failure::from(incident.error.clone()).response(&incident.activity_id)
            }
        };
        Ok(response.with(AZURE_ASYNC_OPERATION, &status_url))
    }

    /// The operation that a poll asks for. The URL must be the one that was handed out: a client that rebuilds it
    /// cannot sign it, and one that got it from somebody else may not use it. (How Azure refuses a wrong signature is
    /// inferred; what it says to somebody else is known from a report.)
    fn polled(&self, call: &Call<'_>, id: &str, resource: Resource, place: Place<'_>) -> Result<&Operation, Failure> {
        let operation = self.operations.get(id).filter(|operation| operation.is_in(place)).ok_or(Failure::NotFound)?;
        if !operation.version.has(Feature::VaultScopedOperationStatus) {
            return Ok(operation);
        }
        let refuse = |message: &str| FrontDoorError::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message);
        let path = operation.path(resource);
        if call.request.query != operation.query(&path, &self.certificate) {
            return Err(refuse(
                "The signature of the operation's URL is missing or wrong. Poll the URL exactly as it was received.",
            )
            .into());
        }
        if self.world.enforces_roles() && operation.caller != call.caller {
            return Err(refuse(
                "Only the original caller of an asynchronous operation is allowed to retrieve the results. The content hash provided in the query params of the request uri does not match the expected hash.",
            )
            .into());
        }
        Ok(operation)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationStatus<'a> {
    id: String,
    name: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ServiceError<'a>>,
    start_time: String,
    end_time: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationJobExtendedInfo {
    object_type: &'static str,
}
