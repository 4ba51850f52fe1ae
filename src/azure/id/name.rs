//! Names inside an id: compared without regard to case, and checked against the rules Azure documents for them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// A name or keyword as Resource Manager sees it: the spelling is kept, comparison ignores case.
#[derive(Clone)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = char> {
        self.0.chars().flat_map(char::to_lowercase)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.folded().eq(other.folded())
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|c| c.hash(state));
        // Ends the name, so that ("ab", "c") and ("a", "bc") hash apart.
        state.write_u8(0xff);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What a name must look like. Lengths are in characters.
pub(super) struct NameRule {
    /// What is being named, for error messages: "a Backup vault".
    pub(super) what: &'static str,
    pub(super) min: usize,
    pub(super) max: usize,
    /// The rule in words, without the length.
    pub(super) text: &'static str,
    pub(super) accepts: fn(&str) -> bool,
}

impl NameRule {
    pub(super) fn check(&self, text: &str) -> Result<Name, ParseNameError> {
        let length = text.chars().count();
        if length < self.min || length > self.max || !(self.accepts)(text) {
            return Err(ParseNameError {
                given: clip(text),
                what: self.what,
                min: self.min,
                max: self.max,
                rule: self.text,
            });
        }
        Ok(Name::new(text))
    }
}

/// A name that does not follow the rules of what it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} cannot be the name of {what}: {min} to {max} characters, {rule}")]
pub struct ParseNameError {
    given: String,
    what: &'static str,
    min: usize,
    max: usize,
    rule: &'static str,
}

/// The start of a user's text for an error message, so that a megabyte of nonsense is not echoed.
pub(super) fn clip(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether `text` starts and ends with an ASCII letter or digit and has only those and `extra` between.
pub(super) fn alphanumeric_ends(text: &str, extra: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

/// Resource groups: 1 to 90 characters (Azure's naming rules; letters and digits of any script are allowed).
pub(super) const RESOURCE_GROUP: NameRule = NameRule {
    what: "a resource group",
    min: 1,
    max: 90,
    text: "letters, digits, '-', '_', '.', '(' and ')', not ending with '.'",
    accepts: |text| text.chars().all(|c| c.is_alphanumeric() || "-_.()".contains(c)) && !text.ends_with('.'),
};

/// The widest rule: names of resources about which this crate knows nothing more.
pub(super) const ANY_RESOURCE: NameRule = NameRule {
    what: "a resource",
    min: 1,
    max: 260,
    text: "letters, digits, '-', '_', '.', '(' and ')', not ending with '.'",
    accepts: RESOURCE_GROUP.accepts,
};

/// The id of an Azure subscription.
///
/// A GUID. The placeholder Microsoft's documentation prints instead of one (`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in the
/// article on backing up PostgreSQL also with 13 or without the last `x`s) is accepted, so that documented examples can be
/// used as they stand; no subscription has such an id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(Name);

impl SubscriptionId {
    /// The id as the user spelled it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for SubscriptionId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        const RULE: NameRule = NameRule {
            what: "a subscription",
            min: 23,
            max: 37,
            text: "a GUID such as 7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11",
            accepts: |text| is_guid(text) || is_documentation_placeholder(text),
        };
        RULE.check(text).map(Self)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_guid(text: &str) -> bool {
    group_lengths(text, |c| c.is_ascii_hexdigit()).is_some_and(|lengths| lengths == [8, 4, 4, 4, 12])
}

fn is_documentation_placeholder(text: &str) -> bool {
    group_lengths(text, |c| matches!(c, 'x' | 'X'))
        .is_some_and(|lengths| matches!(lengths[..], [8, 4, 4, 4] | [8, 4, 4, 4, 12 | 13]))
}

/// The lengths of the groups between hyphens, if every character in them is `allowed`.
fn group_lengths(text: &str, allowed: fn(char) -> bool) -> Option<Vec<usize>> {
    text.split('-').map(|group| group.chars().all(allowed).then_some(group.len())).collect()
}
