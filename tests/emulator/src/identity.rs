//! The token endpoints: Entra's OAuth endpoint, for workload identity and client secrets, and the managed identity's
//! endpoint in App Service form.

use std::collections::BTreeMap;

use http::header::{CACHE_CONTROL, PRAGMA};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use crate::engine::Engine;
use crate::http::{Request, Response};

/// An error of Entra's token endpoint.
struct EntraError {
    status: StatusCode,
    error: &'static str,
    code: u32,
    description: String,
}

impl EntraError {
    fn bad_request(error: &'static str, code: u32, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, code, description: description.into() }
    }

    fn missing(parameter: &str) -> Self {
        Self::bad_request(
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }
}

impl Engine {
    /// The client-credentials flow with a federated assertion or a secret.
    pub(crate) fn oauth_token(&mut self, now: Timestamp, request: &Request, tenant: &str) -> Response {
        let result = self.oauth_grant(now, request, tenant);
        let response = match result {
            Ok(token) => {
                let seconds = self.tokens.lifetime.as_secs();
                Response::json(
                    StatusCode::OK,
                    &json!({
                        "token_type": "Bearer",
                        "expires_in": seconds,
                        "ext_expires_in": seconds,
                        "access_token": token,
                    }),
                )
            }
            Err(error) => self.entra_error(now, &error),
        };
        response.with(CACHE_CONTROL, "no-store, no-cache").with(PRAGMA, "no-cache")
    }

    fn oauth_grant(&mut self, now: Timestamp, request: &Request, tenant: &str) -> Result<String, EntraError> {
        if request.method != Method::POST {
            return Err(EntraError::bad_request(
                "invalid_request",
                900_561,
                format!("The endpoint only accepts POST requests. Received a {} request.", request.method),
            ));
        }
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let required = |name| field(name).ok_or_else(|| EntraError::missing(name));
        if !tenant.eq_ignore_ascii_case(&self.world.tenant_id.to_string()) {
            return Err(EntraError::bad_request(
                "invalid_request",
                90_002,
                format!(
                    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
                ),
            ));
        }
        let grant_type = required("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(EntraError::bad_request(
                "unsupported_grant_type",
                70_003,
                format!("The app requested an unsupported grant type '{grant_type}'."),
            ));
        }
        let client_id = required("client_id")?;
        let known =
            self.world.clients.iter().find(|client| client_id.eq_ignore_ascii_case(&client.client_id.to_string()));
        let Some(client) = known else {
            return Err(EntraError::bad_request(
                "unauthorized_client",
                700_016,
                format!("Application with identifier '{client_id}' was not found in the directory '{tenant}'."),
            ));
        };
        match (field("client_assertion"), field("client_secret")) {
            (Some(_), _)
                if field("client_assertion_type") == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") => {
            }
            (Some(_), _) => return Err(EntraError::missing("client_assertion_type")),
            (None, Some(secret)) if client.client_secret.as_deref() == Some(secret) => {}
            (None, Some(_)) => {
                return Err(EntraError {
                    status: StatusCode::UNAUTHORIZED,
                    error: "invalid_client",
                    code: 7_000_215,
                    description: format!(
                        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client_id}'."
                    ),
                });
            }
            (None, None) => {
                return Err(EntraError {
                    status: StatusCode::UNAUTHORIZED,
                    error: "invalid_client",
                    code: 7_000_218,
                    description:
                        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
                            .to_owned(),
                });
            }
        }
        let scope = required("scope")?;
        let Some(audience) = scope.strip_suffix("/.default") else {
            return Err(EntraError::bad_request(
                "invalid_scope",
                1_002_012,
                format!(
                    "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
                ),
            ));
        };
        let (tenant, client) = (self.world.tenant_id, client.client_id);
        Ok(self.tokens.issue(now, &mut self.random, tenant, client, audience).0)
    }

    fn entra_error(&mut self, now: Timestamp, error: &EntraError) -> Response {
        let (trace, correlation) = (self.random.guid(), self.random.guid());
        let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let code = error.code;
        let description = format!(
            "AADSTS{code}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            error.description
        );
        let body = json!({
            "error": error.error,
            "error_description": description,
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        Response::json(error.status, &body)
    }

    /// Where a client that looks the tenant up first finds the token endpoint.
    pub(crate) fn openid_configuration(&self, tenant: &str) -> Response {
        let authority = format!("{}/{tenant}", self.base_url);
        let body = json!({
            "issuer": format!("{authority}/v2.0"),
            "authorization_endpoint": format!("{authority}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{authority}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        Response::json(StatusCode::OK, &body)
    }

    /// `IDENTITY_ENDPOINT` of App Service, api-version 2019-08-01.
    pub(crate) fn managed_identity_token(&mut self, now: Timestamp, request: &Request) -> Response {
        let refuse = |status: StatusCode, message: &str| {
            Response::json(status, &json!({ "statusCode": status.as_u16(), "message": message }))
        };
        let secret = request.header("x-identity-header");
        let identity = self.world.managed_identity.as_ref();
        let Some(identity) = identity.filter(|identity| secret == Some(identity.identity_header.as_str())) else {
            return refuse(
                StatusCode::UNAUTHORIZED,
                "The X-IDENTITY-HEADER is missing or is not the value of IDENTITY_HEADER.",
            );
        };
        let client = identity.client_id;
        let wanted = request.query_value("client_id");
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&client.to_string())) {
            return refuse(
                StatusCode::BAD_REQUEST,
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
            );
        }
        let Some(resource) = request.query_value("resource") else {
            return refuse(StatusCode::BAD_REQUEST, "The parameter 'resource' is missing.");
        };
        let tenant = self.world.tenant_id;
        let (token, expires) = self.tokens.issue(now, &mut self.random, tenant, client, &resource);
        let body = json!({
            "access_token": token,
            "expires_on": expires.as_second().to_string(),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": client,
        });
        Response::json(StatusCode::OK, &body)
    }
}
