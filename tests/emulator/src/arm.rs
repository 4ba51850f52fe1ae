//! Azure Resource Manager: what it checks before the service sees a request, and the headers it adds.

use std::time::Duration;

use http::header::{
    CACHE_CONTROL, DATE, EXPIRES, PRAGMA, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::access::Access;
use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError, UserFacingError};
use crate::http::{Request, Response};
use crate::id::ResourceId;
use crate::operations::Place;
use crate::provider::only;
use crate::route::{ArmRoute, Kind, Target};
use crate::throttle::Budget;
use crate::token::{Caller, Rejection};
use crate::validate::unauthorized;
use crate::version::ApiVersion;
use crate::world::Vault;

/// An authenticated request of a known api-version.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) now: Timestamp,
    pub(crate) caller: Caller,
    pub(crate) version: ApiVersion,
    pub(crate) correlation_id: String,
    /// What a fault lets the operation end with that it starts.
    pub(crate) doom: Option<Doom>,
}

/// How an operation is to fail.
#[derive(Clone, Debug)]
pub(crate) struct Doom {
    pub(crate) error: UserFacingError,
    /// After how much of Azure's time, when not after the usual one.
    pub(crate) takes: Option<Duration>,
}

impl Call<'_> {
    /// The request's JSON body; an empty object when there is none.
    pub(crate) fn optional_body(&self) -> Result<Value, Failure> {
        if self.request.body.is_empty() { Ok(Value::Object(Map::new())) } else { self.body() }
    }

    /// The request's JSON body.
    pub(crate) fn body(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.request.body).map_err(|error| {
            FrontDoorError::bad_request(
                "InvalidRequestContent",
                format!("The request content was invalid and could not be deserialized: '{error}'."),
            )
            .into()
        })
    }
}

impl Engine {
    /// Answers a request to Azure Resource Manager.
    pub(crate) fn arm(
        &mut self,
        now: Timestamp,
        request: &Request,
        route: &ArmRoute,
        kind: Kind,
        doom: Option<Doom>,
    ) -> Response {
        // A caller may tie its calls together with an id of its own, which must be a GUID.
        let correlation_id = request
            .header("x-ms-correlation-request-id")
            .and_then(|id| Uuid::parse_str(id).ok())
            .unwrap_or_else(|| self.random.guid())
            .to_string();
        let version = request.query_value("api-version");
        let version = version.as_deref().and_then(ApiVersion::parse);
        let caller = self.authenticate(now, request);
        let budget = caller.as_ref().ok().and_then(|caller| self.spend(now, route, caller.client_id, &request.method));
        let result = caller.and_then(|caller| {
            budget.as_ref().map_or(Ok(()), Budget::verdict)?;
            let version = version.ok_or_else(|| unsupported_version(request))?;
            let call = Call { request, now, caller, version, correlation_id: correlation_id.clone(), doom };
            self.admit(&call, route)
        });
        let mut response = result.unwrap_or_else(|failure| {
            let response = failure.response(&correlation_id);
            match &failure {
                Failure::FrontDoor(error) if error.status == StatusCode::UNAUTHORIZED => {
                    response.with(WWW_AUTHENTICATE, &self.challenge(error))
                }
                _ => response,
            }
        });
        self.add_headers(now, request, &mut response, &correlation_id);
        let reached_the_service = !response.headers.contains_key("x-ms-failure-cause");
        if let Some(version) = version.filter(|_| reached_the_service) {
            let (name, remaining) = self.rate_limits.count(now, kind, &request.method, version);
            response.set(name, &remaining.to_string());
        }
        if let Some(budget) = budget {
            budget.show(&self.clock, &mut response);
        }
        response
    }

    /// The front door's checks after token, limits and api-version: subscription, permission, resource group, resource.
    fn admit(&mut self, call: &Call<'_>, route: &ArmRoute) -> Result<Response, Failure> {
        let subscription = &route.subscription;
        if Uuid::parse_str(subscription).is_err() {
            return Err(FrontDoorError::not_found(
                "InvalidSubscriptionId",
                format!("The provided subscription identifier '{subscription}' is malformed or invalid."),
            )
            .into());
        }
        if !self.world.has_subscription(subscription) {
            return Err(FrontDoorError::not_found(
                "SubscriptionNotFound",
                format!("The subscription '{subscription}' could not be found."),
            )
            .into());
        }
        if let Some(access) = route.access(&call.request.method) {
            self.authorize(call, &access)?;
        }
        match &route.target {
            Target::LocationOperationStatus { id, .. } => {
                only(call, &[Method::GET])?;
                self.operation_status(call, id, Place::Location(subscription))
            }
            Target::LocationOperationResult { id, .. } => {
                only(call, &[Method::GET])?;
                self.operation_result(call, id, Place::Location(subscription))
            }
            Target::Vault { vault, part } => {
                let vault = self.existing_vault(vault)?;
                self.vault_request(call, &vault, part)
            }
            Target::Unknown { namespace, kind } => Err(unknown_type(namespace, kind, call.version).into()),
        }
    }

    /// Whom the token was issued to.
    fn authenticate(&self, now: Timestamp, request: &Request) -> Result<Caller, Failure> {
        let tenant = self.world.tenant_id;
        let caller = request
            .bearer()
            .ok_or(Rejection::Missing)
            .and_then(|token| self.tokens.check(now, token, &self.base_url, tenant));
        caller.map_err(|rejection| FrontDoorError::from(rejection).into())
    }

    /// Whether the caller's roles permit the action; said before anything about the resource, even whether it exists.
    fn authorize(&self, call: &Call<'_>, access: &Access) -> Result<(), FrontDoorError> {
        if !self.world.enforces_roles() {
            return Ok(());
        }
        let Caller { client_id, object_id } = call.caller;
        let mut assignments = self.role_assignments.at(self.clock.moment(call.now));
        let permitted = assignments.any(|assignment| {
            Some(assignment.principal_id) == object_id
                && assignment.scope.contains(&access.scope)
                && assignment.role.permits(&access.action)
        });
        if permitted {
            return Ok(());
        }
        let message = unauthorized(client_id, object_id.unwrap_or_default(), &access.action, access.scope.as_str());
        Err(FrontDoorError::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message))
    }

    /// Where a caller without a good token gets one.
    fn challenge(&self, error: &FrontDoorError) -> String {
        format!(
            "Bearer authorization_uri=\"{}/{}\", error=\"invalid_token\", error_description=\"{}\"",
            self.base_url, self.world.tenant_id, error.message
        )
    }

    fn existing_vault(&self, id: &ResourceId) -> Result<Vault, Failure> {
        let group = id.resource_group();
        if !self.world.has_resource_group(&group) {
            return Err(FrontDoorError::not_found(
                "ResourceGroupNotFound",
                format!("Resource group '{}' could not be found.", group.name()),
            )
            .into());
        }
        self.world.vault(id).cloned().ok_or_else(|| {
            FrontDoorError::not_found(
                "ResourceNotFound",
                format!(
                    "The Resource 'Microsoft.DataProtection/BackupVaults/{}' under resource group '{}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
                    id.name(),
                    group.name()
                ),
            )
            .into()
        })
    }

    /// The headers that every answer of Azure Resource Manager has.
    fn add_headers(&mut self, now: Timestamp, request: &Request, response: &mut Response, correlation_id: &str) {
        response.set(CACHE_CONTROL, "no-cache");
        response.set(PRAGMA, "no-cache");
        response.set(EXPIRES, "-1");
        response.set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        response.set(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
            response.set(DATE, &date);
        }
        let (request_id, routing_id) = (self.random.guid(), self.random.guid());
        let routing = format!("WESTEUROPE:{}:{routing_id}", now.strftime("%Y%m%dT%H%M%SZ"));
        response.set(HeaderName::from_static("x-ms-request-id"), &request_id.to_string());
        response.set(HeaderName::from_static("x-ms-correlation-request-id"), correlation_id);
        response.set(HeaderName::from_static("x-ms-routing-request-id"), &routing);
        let wants_its_id =
            request.header("x-ms-return-client-request-id").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if let Some(id) = request.header("x-ms-client-request-id").filter(|_| wants_its_id) {
            response.set(HeaderName::from_static("x-ms-client-request-id"), id);
        }
    }
}

fn supported_versions() -> String {
    ApiVersion::all().rev().map(ApiVersion::as_str).collect::<Vec<_>>().join(",")
}

fn unsupported_version(request: &Request) -> FrontDoorError {
    match request.query_value("api-version") {
        None => FrontDoorError::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ),
        Some(version) => FrontDoorError::bad_request(
            "InvalidApiVersionParameter",
            format!("The api-version '{version}' is invalid. The supported versions are '{}'.", supported_versions()),
        ),
    }
}

pub(crate) fn unknown_type(namespace: &str, kind: &str, version: ApiVersion) -> FrontDoorError {
    FrontDoorError::not_found(
        "InvalidResourceType",
        format!(
            "The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'. The supported api-versions are '{}'.",
            supported_versions()
        ),
    )
}
