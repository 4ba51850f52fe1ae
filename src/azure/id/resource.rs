//! The general form of an id: `/subscriptions/{s}/resourceGroups/{g}/providers/{namespace}/{type}/{name}[/{type}/{name}…]`.

use super::name::{ANY_RESOURCE, Name, NameRule, ParseNameError, RESOURCE_GROUP, SubscriptionId, clip};
use std::fmt;
use std::str::FromStr;

/// The id of any resource in a resource group.
///
/// Ids of other scopes (subscription, tenant, extension resources) are not used by this crate and do not parse.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    subscription: SubscriptionId,
    resource_group: Name,
    namespace: Name,
    /// Type and name of the resource, after those of its parents.
    children: Vec<(Name, Name)>,
}

impl ResourceId {
    /// The subscription the resource is in.
    pub fn subscription(&self) -> &SubscriptionId {
        &self.subscription
    }

    /// The resource group, as the user spelled it.
    pub fn resource_group(&self) -> &str {
        self.resource_group.as_str()
    }

    /// The name of the resource itself: the last segment of the id.
    pub fn name(&self) -> &str {
        self.child(self.children.len() - 1)
    }

    /// The name at a level of the hierarchy; 0 is the top-level resource.
    pub(super) fn child(&self, level: usize) -> &str {
        self.children[level].1.as_str()
    }

    /// What stands behind `providers`: the namespace, then types and names.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        let children = self.children.iter().flat_map(|(kind, name)| [kind.as_str(), name.as_str()]);
        std::iter::once(self.namespace.as_str()).chain(children)
    }

    /// The id of the resource this one is nested in; of a top-level resource, its own.
    pub(super) fn parent(&self) -> Self {
        let mut parent = self.clone();
        if parent.children.len() > 1 {
            parent.children.pop();
        }
        parent
    }

    /// The id as the path of a URL: every segment percent-encoded (UTF-8, RFC 3986).
    pub fn path(&self) -> String {
        self.to_string().split('/').map(encode_segment).collect::<Vec<_>>().join("/")
    }
}

impl FromStr for ResourceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        const ANY: Shape = Shape {
            what: "an Azure resource",
            namespace: "Microsoft.DBforPostgreSQL",
            types: &[("flexibleServers", ANY_RESOURCE)],
        };
        parse(text).map_err(|reason| ANY.error(text, reason))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "/subscriptions/{}/resourceGroups/{}/providers/{}",
            self.subscription, self.resource_group, self.namespace
        )?;
        self.children.iter().try_for_each(|(kind, name)| write!(f, "/{kind}/{name}"))
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the id of one kind of resource looks like.
pub(super) struct Shape {
    /// The kind, for error messages: "a Backup vault".
    pub(super) what: &'static str,
    pub(super) namespace: &'static str,
    /// The types from the top-level resource down, in their documented spelling, with the rule for each name.
    pub(super) types: &'static [(&'static str, NameRule)],
}

impl Shape {
    /// Parses an id of this kind; keywords come out in their documented spelling.
    pub(super) fn parse(&self, text: &str) -> Result<ResourceId, ParseIdError> {
        parse(text).and_then(|id| self.fit(id)).map_err(|reason| self.error(text, reason))
    }

    fn fit(&self, id: ResourceId) -> Result<ResourceId, Reason> {
        let found = type_of(id.namespace.as_str(), id.children.iter().map(|(kind, _)| kind.as_str()));
        if !found.eq_ignore_ascii_case(&self.resource_type()) {
            return Err(Reason::Type { found: clip(&found), expected: self.resource_type() });
        }
        let children = self
            .types
            .iter()
            .zip(&id.children)
            .map(|((kind, rule), (_, name))| Ok((Name::new(*kind), rule.check(name.as_str())?)))
            .collect::<Result<_, ParseNameError>>()?;
        Ok(ResourceId { namespace: Name::new(self.namespace), children, ..id })
    }

    fn resource_type(&self) -> String {
        type_of(self.namespace, self.types.iter().map(|(kind, _)| *kind))
    }

    fn error(&self, given: &str, reason: Reason) -> ParseIdError {
        let children: String = self.types.iter().map(|(kind, _)| format!("/{kind}/<name>")).collect();
        ParseIdError {
            given: clip(given),
            what: self.what,
            reason: Box::new(reason),
            form: format!("/subscriptions/<id>/resourceGroups/<name>/providers/{}{children}", self.namespace),
        }
    }
}

fn type_of<'a>(namespace: &str, kinds: impl Iterator<Item = &'a str>) -> String {
    kinds.fold(namespace.to_owned(), |whole, kind| format!("{whole}/{kind}"))
}

fn parse(text: &str) -> Result<ResourceId, Reason> {
    let mut segments = text.strip_prefix('/').ok_or(Reason::NoLeadingSlash)?.split('/');
    keyword(segments.next(), "subscriptions")?;
    let subscription = segments.next().unwrap_or_default().parse()?;
    keyword(segments.next(), "resourceGroups")?;
    let resource_group = RESOURCE_GROUP.check(segments.next().unwrap_or_default())?;
    keyword(segments.next(), "providers")?;
    let namespace = ANY_RESOURCE.check(segments.next().unwrap_or_default())?;
    let mut children = Vec::new();
    while let Some(kind) = segments.next() {
        let kind = ANY_RESOURCE.check(kind)?;
        let name = segments.next().ok_or_else(|| Reason::NoName { kind: clip(kind.as_str()) })?;
        children.push((kind, ANY_RESOURCE.check(name)?));
    }
    if children.is_empty() {
        return Err(Reason::NoResource);
    }
    Ok(ResourceId { subscription, resource_group, namespace, children })
}

fn keyword(found: Option<&str>, expected: &'static str) -> Result<(), Reason> {
    match found {
        Some(found) if found.eq_ignore_ascii_case(expected) => Ok(()),
        found => Err(Reason::Keyword { expected, found: clip(found.unwrap_or_default()) }),
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986 and the parentheses resource groups may have.
fn encode_segment(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'(' | b')' => {
                encoded.push(byte.into());
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not the resource id of {what}: {reason}; the form is {form}")]
pub struct ParseIdError {
    given: String,
    what: &'static str,
    reason: Box<Reason>,
    form: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("it does not begin with '/'")]
    NoLeadingSlash,
    #[error("{found:?} stands where {expected:?} belongs")]
    Keyword { expected: &'static str, found: String },
    #[error("it names a provider but no resource")]
    NoResource,
    #[error("the name after {kind:?} is missing")]
    NoName { kind: String },
    #[error("it is of type {found}, not {expected}")]
    Type { found: String, expected: String },
    #[error(transparent)]
    Name(#[from] ParseNameError),
}
