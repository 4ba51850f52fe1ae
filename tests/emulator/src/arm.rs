//! Azure Resource Manager: what it checks before the service sees a request, and the headers it adds.

use http::header::{
    CACHE_CONTROL, DATE, EXPIRES, PRAGMA, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;
use uuid::Uuid;

use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError};
use crate::http::{Request, Response};
use crate::id::ResourceId;
use crate::operations::Scope;
use crate::route::{ArmRoute, Kind, Target, VaultPart};
use crate::token::Rejection;
use crate::version::{ApiVersion, Feature};
use crate::world::Vault;

/// An authenticated request of a known api-version.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) now: Timestamp,
    pub(crate) version: ApiVersion,
    pub(crate) correlation_id: String,
}

impl Call<'_> {
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
    pub(crate) fn arm(&mut self, now: Timestamp, request: &Request, route: &ArmRoute, kind: Kind) -> Response {
        // A caller may tie its calls together with an id of its own, which must be a GUID.
        let correlation_id = request
            .header("x-ms-correlation-request-id")
            .and_then(|id| Uuid::parse_str(id).ok())
            .unwrap_or_else(|| self.random.guid())
            .to_string();
        let version = request.query_value("api-version");
        let version = version.as_deref().and_then(ApiVersion::parse);
        let result = self.admit(now, request, route, &correlation_id, version);
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
        response
    }

    /// The front door's checks, in its order: token, api-version, subscription, resource group, resource.
    fn admit(
        &mut self,
        now: Timestamp,
        request: &Request,
        route: &ArmRoute,
        correlation_id: &str,
        version: Option<ApiVersion>,
    ) -> Result<Response, Failure> {
        self.authenticate(now, request)?;
        let version = version.ok_or_else(|| unsupported_version(request))?;
        let call = Call { request, now, version, correlation_id: correlation_id.to_owned() };
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
        match &route.target {
            Target::LocationOperationStatus { id, .. } => {
                only(&call, &[Method::GET])?;
                self.operation_status(&call, id, Scope::Location)
            }
            Target::LocationOperationResult { id, .. } => {
                only(&call, &[Method::GET])?;
                self.operation_result(&call, id)
            }
            Target::Vault { vault, part } => {
                let vault = self.existing_vault(vault)?;
                self.vault_request(&call, vault, part)
            }
            Target::Unknown { namespace, kind } => Err(unknown_type(namespace, kind, version).into()),
        }
    }

    fn authenticate(&mut self, now: Timestamp, request: &Request) -> Result<(), Failure> {
        let bearer = request
            .header("authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let rejection = match bearer {
            None => Some(Rejection::Missing),
            Some(token) => self.tokens.check(now, token, &self.base_url).err(),
        };
        rejection.map_or(Ok(()), |rejection| Err(FrontDoorError::from(rejection).into()))
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

    fn vault_request(&mut self, call: &Call<'_>, vault: Vault, part: &VaultPart) -> Result<Response, Failure> {
        let needs = |feature: Feature, kind: &str| {
            if call.version.has(feature) {
                Ok(())
            } else {
                Err(unknown_type("Microsoft.DataProtection", kind, call.version))
            }
        };
        match part {
            VaultPart::Itself => {
                only(call, &[Method::GET])?;
                Ok(self.get_vault(call, &vault))
            }
            VaultPart::ValidateForBackup => {
                only(call, &[Method::POST])?;
                self.validate_for_backup(call, &vault)
            }
            VaultPart::Instances => {
                only(call, &[Method::GET])?;
                Ok(self.list_instances(call, &vault))
            }
            VaultPart::Instance(name) => {
                only(call, &[Method::GET, Method::PUT, Method::DELETE])?;
                match call.request.method {
                    Method::PUT => self.put_instance(call, &vault, name),
                    Method::DELETE => Ok(self.delete_instance(call, &vault, name)),
                    _ => self.get_instance(call, &vault, name),
                }
            }
            VaultPart::DeletedInstances => {
                needs(Feature::DeletedBackupInstances, "backupVaults/deletedBackupInstances")?;
                only(call, &[Method::GET])?;
                Ok(self.list_deleted(call, &vault))
            }
            VaultPart::DeletedInstance(name) => {
                needs(Feature::DeletedBackupInstances, "backupVaults/deletedBackupInstances")?;
                only(call, &[Method::GET])?;
                self.get_deleted(call, &vault, name)
            }
            VaultPart::Policies => {
                only(call, &[Method::GET])?;
                Ok(Self::list_policies(&vault))
            }
            VaultPart::Policy(name) => {
                only(call, &[Method::GET])?;
                Self::get_policy(&vault, name)
            }
            VaultPart::OperationStatus(id) => {
                needs(Feature::VaultScopedOperationStatus, "backupVaults/operationStatus")?;
                only(call, &[Method::GET])?;
                self.operation_status(call, id, Scope::Vault)
            }
            VaultPart::OperationResult(id) => {
                only(call, &[Method::GET])?;
                self.operation_result(call, id)
            }
            VaultPart::InstanceAction(action) => Err(FrontDoorError::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                format!("This emulator does not have the action '{action}' of a backup instance."),
            )
            .into()),
        }
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

fn only(call: &Call<'_>, methods: &[Method]) -> Result<(), FrontDoorError> {
    let method = &call.request.method;
    if methods.contains(method) {
        Ok(())
    } else {
        Err(FrontDoorError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("The requested resource does not support http method '{method}'."),
        ))
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

fn unknown_type(namespace: &str, kind: &str, version: ApiVersion) -> FrontDoorError {
    FrontDoorError::not_found(
        "InvalidResourceType",
        format!(
            "The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'. The supported api-versions are '{}'.",
            supported_versions()
        ),
    )
}
