//! Asking Entra for tokens, and the issuers that it trusts.

use azure_emulator::{Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PKCS_RSA_SHA384, SigningKey};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::Run;

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Asks a tenant for a token for Azure Resource Manager, with this proof of who asks.
pub(crate) fn ask(run: &mut Run, tenant: Uuid, client_id: &str, proof: &[(&str, &str)]) -> Response {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", client_id)
        .append_pair("scope", "https://management.azure.com/.default")
        .extend_pairs(proof)
        .finish();
    let mut request = Request::new(Method::POST, &format!("/{tenant}/oauth2/v2.0/token"));
    request.body = form.into();
    run.engine.handle(run.now, &request)
}

/// The status, the number of the error, and what it says of the assertion.
pub(crate) fn verdict(response: &Response) -> (u16, u64, String) {
    let body = response.body_json();
    let description = body["error_description"].as_str().unwrap_or_default();
    let (text, _) = description.split_once(" Trace ID: ").unwrap_or_default();
    let code = body["error_codes"][0].as_u64().unwrap_or_default();
    (response.status.as_u16(), code, text.trim_start_matches(&format!("AADSTS{code}: ")).to_owned())
}

/// A key of an issuer.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pair: KeyPair,
    algorithm: Algorithm,
}

impl Key {
    pub(crate) fn rsa(id: &'static str) -> Self {
        Self { id, pair: KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(), algorithm: Algorithm::RS256 }
    }

    pub(crate) fn elliptic(id: &'static str) -> Self {
        Self { id, pair: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), algorithm: Algorithm::ES256 }
    }

    /// The same RSA key, used with another algorithm than it is published for.
    pub(crate) fn with_sha384(&self) -> Self {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&self.pair.serialize_pem(), &PKCS_RSA_SHA384).unwrap();
        Self { id: self.id, pair, algorithm: Algorithm::RS384 }
    }

    /// The public half, as an API server publishes it.
    pub(crate) fn published(&self) -> Jwk {
        let mut jwk = match self.algorithm {
            Algorithm::RS256 => {
                let key = DecodingKey::from_rsa_der(self.pair.public_key_raw());
                Jwk::from_decoding_key(&key, Some(self.algorithm)).unwrap()
            }
            _ => Jwk::from_encoding_key(&self.encoding_key(), self.algorithm).unwrap(),
        };
        jwk.common.key_id = Some(self.id.to_owned());
        jwk
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key_raw()
    }

    fn encoding_key(&self) -> EncodingKey {
        EncodingKey::from_ec_der(&self.pair.serialize_der())
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "kid": self.id })
    }

    /// A token that says this and is signed with the key, whatever its header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        match self.algorithm {
            Algorithm::RS256 | Algorithm::RS384 => {
                format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()).unwrap()))
            }
            algorithm => {
                let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding_key(), algorithm);
                format!("{message}.{}", signature.unwrap())
            }
        }
    }
}

pub(crate) fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}
