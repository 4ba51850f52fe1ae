//! Workload identity federation: the tokens of another issuer, such as a Kubernetes API server, that a principal may
//! sign in with. The issuer's keys are part of the world: nothing is fetched.

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::directory::Account;
use crate::entra::EntraError;
use crate::world::World;

/// Trust in the tokens that one issuer gives to one subject. All three compare exactly, also in case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedCredential {
    /// `iss` of the token.
    pub issuer: String,
    /// `sub` of the token, such as `system:serviceaccount:{namespace}:{name}`.
    pub subject: String,
    /// An `aud` of the token.
    #[serde(default = "token_exchange")]
    pub audience: String,
}

fn token_exchange() -> String {
    "api://AzureADTokenExchange".to_owned()
}

impl FederatedCredential {
    /// Trust in a Kubernetes service account, with the audience that Entra recommends.
    pub fn of_service_account(issuer: &str, namespace: &str, name: &str) -> Self {
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        Self { issuer: issuer.to_owned(), subject, audience: token_exchange() }
    }
}

/// An issuer of tokens, with the keys that it publishes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenIssuer {
    /// `iss` of its tokens.
    pub issuer: String,
    /// Its JSON Web Key Set; of a Kubernetes API server, what it serves as `/openid/v1/jwks`.
    pub jwks: JwkSet,
}

/// The signatures that are accepted. Entra documents RS256, and says of others that they may work.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

/// What an assertion says. Times are in seconds since 1970.
#[derive(Clone, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audiences,
    exp: i64,
    #[serde(default)]
    nbf: i64,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

impl Audiences {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Several(audiences) => audiences,
        }
    }
}

/// Whether an assertion proves at `now` that its sender is this account.
pub(crate) fn verify(world: &World, account: &Account<'_>, assertion: &str, now: Timestamp) -> Result<(), EntraError> {
    let malformed = |_| EntraError::bad_request("invalid_request", 50_027, "JWT token is invalid or malformed.");
    // What it says decides with which key it is verified.
    let token: TokenData<Claims> = insecure_decode(assertion).map_err(malformed)?;
    let claims = token.claims;
    find_record(account, &claims)?;
    let key = find_key(world, &claims.iss, token.header.kid.as_deref())?;
    if !is_signed_with(key, token.header.alg, assertion) {
        return Err(EntraError::bad_request(
            "invalid_request",
            50_027,
            "JWT token is invalid or malformed. External ID token from issuer failed signature verification.",
        ));
    }
    if (claims.nbf..claims.exp).contains(&now.as_second()) {
        return Ok(());
    }
    let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string();
    let moment = |seconds| time(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX));
    Err(EntraError::invalid_client(
        700_024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time of assertion {}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
            time(now),
            moment(claims.nbf),
            moment(claims.exp)
        ),
    ))
}

/// The account must have a credential for the issuer, the audience and the subject. Entra names the first of them that
/// no credential has.
fn find_record(account: &Account<'_>, claims: &Claims) -> Result<(), EntraError> {
    let mut records: Vec<&FederatedCredential> = account.federated_credentials.iter().collect();
    if records.is_empty() {
        let client = account.caller.client_id;
        let description = format!("The client '{client}'() has no configured federated identity credentials.");
        return Err(EntraError::invalid_client(70_025, description));
    }
    let audiences = claims.aud.as_slice();
    records.retain(|record| record.issuer == claims.iss);
    if records.is_empty() {
        return Err(no_match(700_211, "issuer", &claims.iss));
    }
    records.retain(|record| audiences.contains(&record.audience));
    if records.is_empty() {
        return Err(no_match(700_212, "audience", &audiences.join(", ")));
    }
    records.retain(|record| record.subject == claims.sub);
    if records.is_empty() { Err(no_match(700_213, "subject", &claims.sub)) } else { Ok(()) }
}

fn no_match(code: u32, claim: &str, value: &str) -> EntraError {
    EntraError::invalid_client(
        code,
        format!(
            "No matching federated identity record found for presented assertion {claim} '{value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
        ),
    )
}

/// The issuer's key that the assertion names.
fn find_key<'a>(world: &'a World, issuer: &str, key_id: Option<&str>) -> Result<&'a Jwk, EntraError> {
    let Some(known) = world.token_issuers.iter().find(|known| known.issuer == issuer) else {
        let description = "Request to External OIDC endpoint failed.";
        return Err(EntraError::bad_request("invalid_request", 50_166, description));
    };
    let key_id = key_id.unwrap_or_default();
    known.jwks.find(key_id).ok_or_else(|| {
        EntraError::invalid_client(
            7_000_272,
            format!(
                "The certificate with identifier {key_id} used to sign the federated credential could not be found in the metadata of identity provider {issuer}. Please validate that your Identity Provider's metadata exposes the key used to sign the incoming token."
            ),
        )
    })
}

fn is_signed_with(key: &Jwk, algorithm: Algorithm, assertion: &str) -> bool {
    let Ok(decoding_key) = DecodingKey::from_jwk(key) else {
        return false;
    };
    // Only the signature: the claims are checked above, and the time is not the system's.
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    ALGORITHMS.contains(&algorithm) && decode::<Value>(assertion, &decoding_key, &validation).is_ok()
}
