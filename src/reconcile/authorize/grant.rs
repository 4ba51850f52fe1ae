//! What a grant allows, parsed. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

use super::asked::{Namespace, Request};
use crate::api::grant::{NamespacesSpec, PostgresBackupGrant, ServiceAccountSpec};
use crate::api::{DeletionPolicy, Mode};
use crate::azure::{DatabaseScope, Identity, KeyVaultHost, PolicyName, VaultScope, WorkloadIdentity};

/// A grant as it takes effect: what could not be read allows nothing.
#[derive(Clone, Debug)]
pub struct Grant {
    name: String,
    names: Option<Vec<String>>,
    /// `None` in `Some` matches no namespace.
    selector: Option<Option<Selector>>,
    vaults: Vec<VaultScope>,
    databases: Vec<DatabaseScope>,
    key_vaults: Vec<KeyVaultHost>,
    policies: Option<Vec<PolicyName>>,
    modes: Option<Vec<Mode>>,
    deletion_policies: Option<Vec<DeletionPolicy>>,
    allow_take_over: bool,
    identity: Option<GrantedIdentity>,
    problems: Vec<Problem>,
}

#[derive(Clone, Debug)]
enum GrantedIdentity {
    Own,
    ServiceAccount { name: String, client_id: String, tenant_id: String },
}

/// What is wrong with a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A part of it cannot be used, and why.
    Unusable(String),
    /// It matches nothing, because this is empty.
    Empty(&'static str),
}

impl Problem {
    /// What cannot be used, and why.
    #[must_use]
    pub fn unusable(&self) -> Option<&str> {
        match self {
            Self::Unusable(text) => Some(text),
            Self::Empty(_) => None,
        }
    }

    /// The field that is empty.
    #[must_use]
    pub fn empty(&self) -> Option<&str> {
        match self {
            Self::Empty(field) => Some(field),
            Self::Unusable(_) => None,
        }
    }
}

impl Grant {
    /// Parses a grant. `service_account` is used where it names none.
    #[must_use]
    pub fn parse(object: &PostgresBackupGrant, service_account: &str) -> Self {
        let spec = &object.spec;
        let mut problems = Vec::new();
        let selector = spec.namespaces.selector.as_ref().map(|selector| parse_selector(selector, &mut problems));
        let grant = Self {
            name: object.name_any(),
            names: spec.namespaces.names.clone(),
            selector,
            vaults: parse_all("vaults", &spec.vaults, &mut problems),
            databases: parse_all("databases", &spec.databases, &mut problems),
            key_vaults: parse_all("keyVaults", &spec.key_vaults, &mut problems),
            policies: spec.policies.as_ref().map(|names| parse_all("policies", names, &mut problems)),
            modes: spec.modes.clone(),
            deletion_policies: spec.deletion_policies.clone(),
            allow_take_over: spec.allow_take_over,
            identity: match &spec.identity {
                None => Some(GrantedIdentity::Own),
                Some(identity) => parse_identity(&identity.service_account, service_account, &mut problems),
            },
            problems: Vec::new(),
        };
        let empty = [
            (is_empty(&spec.namespaces), "spec.namespaces"),
            (spec.vaults.is_empty(), "spec.vaults"),
            (spec.databases.is_empty(), "spec.databases"),
            (spec.policies.as_ref().is_some_and(Vec::is_empty), "spec.policies"),
            (spec.modes.as_ref().is_some_and(Vec::is_empty), "spec.modes"),
            (spec.deletion_policies.as_ref().is_some_and(Vec::is_empty), "spec.deletionPolicies"),
        ];
        problems.extend(empty.into_iter().filter(|(empty, _)| *empty).map(|(_, field)| Problem::Empty(field)));
        Self { problems, ..grant }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether it allows all of a request from this namespace.
    #[must_use]
    pub fn allows(&self, request: &Request, namespace: Namespace<'_>) -> bool {
        self.serves(namespace)
            && self.vaults.iter().any(|scope| scope.contains(&request.vault))
            && self.databases.iter().any(|scope| scope.contains(&request.database))
            && request.key_vault.as_ref().is_none_or(|host| self.key_vaults.contains(host))
            && request.policy.as_ref().is_none_or(|policy| is_listed(self.policies.as_ref(), policy))
            && is_listed(self.modes.as_ref(), &request.mode)
            && is_listed(self.deletion_policies.as_ref(), &request.deletion_policy)
            && (self.allow_take_over || !request.takes_over)
    }

    /// As whom it has requests sent for an object in this namespace; nothing if that cannot be read.
    #[must_use]
    pub fn identity(&self, namespace: &str) -> Option<Identity> {
        self.identity.as_ref().map(|identity| match identity {
            GrantedIdentity::Own => Identity::Own,
            GrantedIdentity::ServiceAccount { name, client_id, tenant_id } => Identity::Workload(WorkloadIdentity {
                namespace: namespace.to_owned(),
                service_account: name.clone(),
                client_id: client_id.clone(),
                tenant_id: tenant_id.clone(),
            }),
        })
    }

    fn serves(&self, namespace: Namespace<'_>) -> bool {
        let named = self.names.as_ref().map(|names| names.iter().any(|name| name == namespace.name));
        // Labels that are not known match nothing, not even a selector of labels that must be absent.
        let selected = self.selector.as_ref().map(|selector| {
            selector.as_ref().zip(namespace.labels).is_some_and(|(selector, labels)| selector.matches(labels))
        });
        match (named, selected) {
            (None, None) => false,
            (named, selected) => named.unwrap_or(true) && selected.unwrap_or(true),
        }
    }
}

/// Whether an optional list has the item; without the list everything is listed.
fn is_listed<T: PartialEq>(list: Option<&Vec<T>>, item: &T) -> bool {
    list.is_none_or(|list| list.contains(item))
}

fn is_empty(namespaces: &NamespacesSpec) -> bool {
    let NamespacesSpec { names, selector } = namespaces;
    let nothing_selected = |selector: &LabelSelector| {
        selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
            && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
    };
    match (names, selector) {
        (None, None) => true,
        (names, selector) => {
            names.as_ref().is_some_and(Vec::is_empty) || selector.as_ref().is_some_and(nothing_selected)
        }
    }
}

/// A selector; nothing for one that matches no namespace. To Kubernetes an empty selector means everything, which nobody
/// should grant by leaving something out.
fn parse_selector(selector: &LabelSelector, problems: &mut Vec<Problem>) -> Option<Selector> {
    match Selector::try_from(selector.clone()) {
        Ok(selector) => (!selector.selects_all()).then_some(selector),
        Err(error) => {
            problems.push(Problem::Unusable(format!("spec.namespaces.selector: {error}")));
            None
        }
    }
}

fn parse_all<T>(field: &str, texts: &[String], problems: &mut Vec<Problem>) -> Vec<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let mut parsed = Vec::with_capacity(texts.len());
    for text in texts {
        match text.parse() {
            Ok(item) => parsed.push(item),
            Err(error) => problems.push(Problem::Unusable(format!("spec.{field}: {error}"))),
        }
    }
    parsed
}

fn parse_identity(
    account: &ServiceAccountSpec,
    default_name: &str,
    problems: &mut Vec<Problem>,
) -> Option<GrantedIdentity> {
    let mut guid = |field: &str, text: &str| match uuid::Uuid::try_parse(text) {
        Ok(guid) if text.len() == 36 => Some(guid.to_string()),
        _ => {
            problems.push(Problem::Unusable(format!("spec.identity.serviceAccount.{field} is not a GUID")));
            None
        }
    };
    let (client_id, tenant_id) = (guid("clientId", &account.client_id), guid("tenantId", &account.tenant_id));
    let name = account.name.clone().unwrap_or_else(|| default_name.to_owned());
    Some(GrantedIdentity::ServiceAccount { name, client_id: client_id?, tenant_id: tenant_id? })
}

#[cfg(test)]
mod tests;
