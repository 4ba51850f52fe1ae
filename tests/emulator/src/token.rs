//! Bearer tokens: which were issued, and which of them Azure Resource Manager accepts.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::engine::Engine;
use crate::errors::FrontDoorError;
use crate::random::Random;

/// The audiences of Azure Resource Manager in every cloud, without a final slash. The emulator's own URL is one too.
const ARM_AUDIENCES: [&str; 6] = [
    "https://management.core.windows.net",
    "https://management.azure.com",
    "https://management.core.usgovcloudapi.net",
    "https://management.usgovcloudapi.net",
    "https://management.core.chinacloudapi.cn",
    "https://management.chinacloudapi.cn",
];

/// Whom a token was issued to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// The client (application) id.
    pub client_id: Uuid,
    /// The principal's object id; none in a world without principals.
    pub object_id: Option<Uuid>,
}

impl Caller {
    /// Whether this is its client id or its object id.
    pub fn is(&self, id: Uuid) -> bool {
        self.client_id == id || self.object_id == Some(id)
    }
}

/// The tokens that were issued.
#[derive(Debug)]
pub(crate) struct Tokens {
    issued: BTreeMap<String, Issued>,
    /// For how long a token is good, in real time.
    pub(crate) lifetime: Duration,
}

#[derive(Debug)]
struct Issued {
    tenant: Uuid,
    caller: Caller,
    audience: String,
    expires: Timestamp,
}

/// Why a request's token is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    Missing,
    Unknown,
    Expired { expired: Timestamp, now: Timestamp },
    Audience(String),
    Tenant { own: Uuid, expected: Uuid },
}

impl From<Rejection> for FrontDoorError {
    /// The codes and texts are those that Azure Resource Manager is known to answer with.
    fn from(rejection: Rejection) -> Self {
        let refuse = |code, message: String| Self::new(StatusCode::UNAUTHORIZED, code, message);
        match rejection {
            Rejection::Missing => refuse(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.".to_owned(),
            ),
            Rejection::Unknown => refuse("AuthenticationFailed", "Authentication failed.".to_owned()),
            Rejection::Expired { expired, now } => {
                let utc = |time: Timestamp| time.strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string();
                refuse(
                    "ExpiredAuthenticationToken",
                    format!(
                        "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                        utc(expired),
                        utc(now)
                    ),
                )
            }
            Rejection::Audience(audience) => refuse(
                "InvalidAuthenticationTokenAudience",
                format!(
                    "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'."
                ),
            ),
            Rejection::Tenant { own, expected } => refuse(
                "InvalidAuthenticationTokenTenant",
                format!(
                    "The access token is from the wrong issuer 'https://sts.windows.net/{own}/'. It must match the tenant 'https://sts.windows.net/{expected}/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/{expected}' to get the token. Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later."
                ),
            ),
        }
    }
}

impl Tokens {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { issued: BTreeMap::new(), lifetime }
    }

    /// Makes every token unknown.
    pub(crate) fn revoke_all(&mut self) {
        self.issued.clear();
    }

    /// Whom a token was issued to, whether it is still good or not.
    pub(crate) fn caller(&self, token: &str) -> Option<Caller> {
        Some(self.issued.get(token)?.caller)
    }

    /// Whom a token was issued to that is good in this tenant.
    pub(crate) fn check(&self, now: Timestamp, token: &str, base_url: &str, tenant: Uuid) -> Result<Caller, Rejection> {
        let issued = self.issued.get(token).ok_or(Rejection::Unknown)?;
        if issued.expires <= now {
            return Err(Rejection::Expired { expired: issued.expires, now });
        }
        let audience = issued.audience.trim_end_matches('/');
        if audience != base_url && !ARM_AUDIENCES.contains(&audience) {
            return Err(Rejection::Audience(issued.audience.clone()));
        }
        if issued.tenant != tenant {
            return Err(Rejection::Tenant { own: issued.tenant, expected: tenant });
        }
        Ok(issued.caller)
    }

    /// Issues a token that looks like Entra's: a JSON Web Token, whose signature is made up.
    pub(crate) fn issue(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        tenant: Uuid,
        caller: Caller,
        audience: &str,
    ) -> (String, Timestamp) {
        let expires = now.saturating_add(self.lifetime).unwrap_or(Timestamp::MAX);
        let header = json!({ "typ": "JWT", "alg": "RS256" });
        let claims = json!({
            "aud": audience,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": expires.as_second(),
            "appid": caller.client_id,
            "idtyp": "app",
            "oid": caller.object_id,
            "sub": caller.object_id,
            "tid": tenant,
            "ver": "1.0",
        });
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let token = format!("{}.{}.{}", part(header), part(claims), random.base64url(256));
        let audience = audience.to_owned();
        self.issued.insert(token.clone(), Issued { tenant, caller, audience, expires });
        (token, expires)
    }
}

impl Engine {
    /// A token for the given audience, as if it had come from the OAuth endpoint: for tests that drive the engine
    /// directly. It is nobody's, and good for nothing in a world with principals.
    pub fn issue_token(&mut self, now: Timestamp, audience: &str) -> String {
        let tenant = self.world.tenant_id;
        let nobody = Caller { client_id: Uuid::nil(), object_id: None };
        self.tokens.issue(now, &mut self.random, tenant, nobody, audience).0
    }

    /// The same for the principal with this object id; `None` when there is none.
    pub fn issue_token_for(&mut self, now: Timestamp, object_id: Uuid, audience: &str) -> Option<String> {
        let principal = self.world.principal(object_id)?;
        let (tenant, caller) = (self.world.tenant_of(principal), principal.caller());
        Some(self.tokens.issue(now, &mut self.random, tenant, caller, audience).0)
    }
}
