//! Lenient reading of JSON that Azure wrote.
//!
//! The service changes the casing of member names between operations and regions (`resourceId`, `resourceID`) and leaves out
//! or nulls what it has nothing to say about, so members are found without regard to case, and a member of the wrong type
//! counts as missing.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// The member `name` of an object, without regard to case; an exact match wins.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| key(object, name).and_then(|key| object.get(key))).filter(|found| !found.is_null())
}

/// A member of a member.
pub(super) fn path<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().try_fold(value, |value, name| member(value, name))
}

/// A member that is a string with something in it.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    member(value, name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// A member that is a time; one without an offset is in UTC. The year 1, .NET's word for "no time", counts as missing, as
/// does everything before 1970.
pub(super) fn timestamp(value: &Value, name: &str) -> Option<Timestamp> {
    let text = text(value, name)?.trim();
    let local = || text.parse::<DateTime>().and_then(|time| time.to_zoned(TimeZone::UTC)).map(|time| time.timestamp());
    text.parse().or_else(|_| local()).ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

/// Removes a member, whatever its casing.
pub(super) fn remove(object: &mut Map<String, Value>, name: &str) {
    while let Some(key) = key(object, name).map(str::to_owned) {
        object.remove(&key);
    }
}

/// Puts `value` in the place of the member `name`, whatever casing it had.
pub(super) fn replace(object: &mut Map<String, Value>, name: &str, value: Value) {
    remove(object, name);
    object.insert(name.to_owned(), value);
}

fn key<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.keys().map(String::as_str).find(|key| key.eq_ignore_ascii_case(name))
}
