//! Leases: what replicas do with them, and what other people do.

use http::Method;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use serde_json::{Value, json};

use super::ApiServer;
use super::resource::{Key, Refusal};
use super::store::{Author, Edit};
use crate::wire::Call;

/// What a replica asks about a Lease.
pub enum LeaseRequest {
    Get(Key),
    Create(Key, Value),
    Replace(Key, Value),
    Unknown(String),
}

impl LeaseRequest {
    /// `rest` is the path below the namespace's Leases.
    pub fn parse(method: &Method, namespace: &str, rest: &[&str], body: Value) -> Self {
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        match (method, rest) {
            (&Method::GET, [name]) => Self::Get(key(name)),
            (&Method::PUT, [name]) => Self::Replace(key(name), body),
            (&Method::POST, []) => Self::Create(key(body["metadata"]["name"].as_str().unwrap_or_default()), body),
            (method, rest) => Self::Unknown(format!("{method} {rest:?}")),
        }
    }

    pub fn call(&self) -> Call {
        match self {
            Self::Get(_) | Self::Unknown(_) => Call::GetLease,
            Self::Create(..) | Self::Replace(..) => Call::WriteLease,
        }
    }

    /// Whom a write names as the holder, or the name of the Lease.
    pub fn about(&self) -> String {
        match self {
            Self::Get((_, name)) | Self::Unknown(name) => name.clone(),
            Self::Create(_, lease) | Self::Replace(_, lease) => {
                lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
            }
        }
    }
}

impl ApiServer {
    pub(super) fn serve_lease(&self, request: LeaseRequest) -> Result<Value, Refusal> {
        match request {
            LeaseRequest::Get(key) => self.stored_lease(&key).ok_or_else(|| Refusal::not_found(&key.1)),
            LeaseRequest::Create(key, mut lease) => {
                if self.stored_lease(&key).is_some() {
                    return Err(Refusal::new(409, "AlreadyExists", format!("{} already exists", key.1)));
                }
                lease["metadata"]["namespace"] = json!(key.0);
                Ok(self.put_lease(&key, lease, Author::Operator))
            }
            LeaseRequest::Replace(key, lease) => {
                let stored = self.stored_lease(&key).ok_or_else(|| Refusal::not_found(&key.1))?;
                match lease["metadata"]["resourceVersion"].as_str() {
                    None => self.wire.violation("a Lease was written without a resourceVersion"),
                    Some(version) if stored["metadata"]["resourceVersion"] != version => {
                        return Err(Refusal::conflict(&key.1));
                    }
                    Some(_) => {}
                }
                Ok(self.put_lease(&key, lease, Author::Operator))
            }
            LeaseRequest::Unknown(what) => {
                self.wire.violation(format!("the fake API server does not know {what} of Leases"));
                Err(Refusal::new(501, "NotImplemented", what))
            }
        }
    }

    /// The one Lease that there is.
    pub fn lease(&self) -> Option<Lease> {
        let leases = self.leases.lock().unwrap();
        leases.objects().first_key_value().map(|(_, lease)| serde_json::from_value(lease.clone()).unwrap())
    }

    /// `kubectl edit` of the one Lease that there is.
    pub fn edit_lease(&self, change: impl FnOnce(&mut LeaseSpec)) {
        let mut lease = self.lease().expect("there is a Lease");
        change(lease.spec.as_mut().expect("it has been written"));
        let key = (lease.metadata.namespace.clone().unwrap(), lease.metadata.name.clone().unwrap());
        self.put_lease(&key, serde_json::to_value(lease).unwrap(), Author::User);
    }

    /// `kubectl delete` of the one Lease that there is.
    pub fn delete_lease(&self) {
        self.leases.lock().unwrap().clear();
        self.announce();
    }

    fn stored_lease(&self, key: &Key) -> Option<Value> {
        self.leases.lock().unwrap().get(key).cloned()
    }

    fn put_lease(&self, key: &Key, lease: Value, author: Author) -> Value {
        let stored = self.leases.lock().unwrap().commit(self.time.elapsed(), key, lease, author, Edit::Edited);
        self.announce();
        stored
    }
}
