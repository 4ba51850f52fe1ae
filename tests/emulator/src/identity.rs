//! The token endpoints: Entra's OAuth endpoint, for workload identity and client secrets, and the managed identity's
//! endpoint in App Service form.

use std::collections::BTreeMap;

use http::header::{CACHE_CONTROL, PRAGMA};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::engine::Engine;
use crate::entra::EntraError;
use crate::federation;
use crate::http::{Request, Response};
use crate::token::Caller;

/// `client_assertion_type` of a JSON Web Token.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The parameters of a request for a token.
fn form(request: &Request) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
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
        let form = form(request);
        let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let required = |name| field(name).ok_or_else(|| EntraError::missing(name));
        let Some(tenant_id) = self.world.tenant(tenant) else {
            return Err(EntraError::bad_request(
                "invalid_request",
                90_002,
                format!(
                    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
                ),
            ));
        };
        let grant_type = required("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(EntraError::bad_request(
                "unsupported_grant_type",
                70_003,
                format!("The app requested an unsupported grant type '{grant_type}'."),
            ));
        }
        let client_id = required("client_id")?;
        let Some(account) = self.world.account(tenant_id, client_id) else {
            return Err(EntraError::bad_request(
                "unauthorized_client",
                700_016,
                format!(
                    "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
                ),
            ));
        };
        match (field("client_assertion"), field("client_secret")) {
            (Some(assertion), _) => {
                if field("client_assertion_type") != Some(JWT_BEARER) {
                    return Err(EntraError::missing("client_assertion_type"));
                }
                if self.world.verifies_assertions() {
                    federation::verify(&self.world, &account, assertion, now)?;
                }
            }
            (None, Some(secret)) if account.has_secret(secret) => {}
            (None, Some(_)) => {
                return Err(EntraError::invalid_client(
                    7_000_215,
                    format!(
                        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client_id}'."
                    ),
                ));
            }
            (None, None) => {
                return Err(EntraError::invalid_client(
                    7_000_218,
                    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
                ));
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
        let caller = account.caller;
        Ok(self.tokens.issue(now, &mut self.random, tenant_id, caller, audience).0)
    }

    /// Whose token a request asks for, whether it gets it or not.
    pub(crate) fn token_client(&self, request: &Request, tenant: &str) -> Option<Caller> {
        let client_id = form(request).remove("client_id")?;
        let account = self.world.tenant(tenant).and_then(|tenant| self.world.account(tenant, &client_id));
        let unknown = || Some(Caller { client_id: Uuid::parse_str(&client_id).ok()?, object_id: None });
        account.map(|account| account.caller).or_else(unknown)
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
        let host = self.world.managed_identity.as_ref();
        if host.is_none_or(|host| secret != Some(host.identity_header.as_str())) {
            return refuse(
                StatusCode::UNAUTHORIZED,
                "The X-IDENTITY-HEADER is missing or is not the value of IDENTITY_HEADER.",
            );
        }
        let Some(caller) = self.world.host_identity(request.query_value("client_id").as_deref()) else {
            return refuse(
                StatusCode::BAD_REQUEST,
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
            );
        };
        let Some(resource) = request.query_value("resource") else {
            return refuse(StatusCode::BAD_REQUEST, "The parameter 'resource' is missing.");
        };
        let tenant = self.world.tenant_id;
        let (token, expires) = self.tokens.issue(now, &mut self.random, tenant, caller, &resource);
        let body = json!({
            "access_token": token,
            "expires_on": expires.as_second().to_string(),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": caller.client_id,
        });
        Response::json(StatusCode::OK, &body)
    }
}
