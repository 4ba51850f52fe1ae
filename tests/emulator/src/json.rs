//! Reading request bodies the way the service does: member names without regard to case, `null` as absent.

use serde_json::{Map, Value};

/// One object of a request body, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
}

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The body, or a member of it, has another type than the schema's.
    Type { path: String, expected: &'static str },
    /// A required member is missing or empty.
    Missing { path: String },
}

pub(crate) type Read<T> = Result<T, ReadError>;

impl<'a> Object<'a> {
    pub(crate) fn root(body: &'a Value) -> Read<Self> {
        Self::of(body, "")
    }

    fn of(value: &'a Value, path: &str) -> Read<Self> {
        let members = value.as_object().ok_or_else(|| type_error(path, "object"))?;
        Ok(Self { members })
    }

    /// A member's value; `None` when it is absent or null.
    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.members
            .iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null())
            .map(|(_, value)| value)
    }

    pub(crate) fn object(self, name: &str) -> Read<Option<Self>> {
        self.get(name).map(|value| Self::of(value, name)).transpose()
    }

    pub(crate) fn required_object(self, name: &str) -> Read<Self> {
        self.object(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn text(self, name: &str) -> Read<Option<&'a str>> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| type_error(name, "string"))).transpose()
    }

    /// A string that must be there and not be empty.
    pub(crate) fn required_text(self, name: &str) -> Read<&'a str> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    pub(crate) fn boolean(self, name: &str) -> Read<Option<bool>> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| type_error(name, "boolean"))).transpose()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.members.iter()
    }
}

fn missing(path: &str) -> ReadError {
    ReadError::Missing { path: path.to_owned() }
}

fn type_error(path: &str, expected: &'static str) -> ReadError {
    ReadError::Type { path: path.to_owned(), expected }
}
