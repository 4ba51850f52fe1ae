//! An error in Azure's words.

use super::class::{ErrorClass, classify};
use super::json::{member, path, text};
use serde_json::Value;
use std::fmt;

/// Longest texts kept, in characters; an error is stored in the status of a Kubernetes object.
const CODE: usize = 256;
const MESSAGE: usize = 2_048;
const DETAIL: usize = 4_096;
const ACTION: usize = 1_024;
const ACTIONS: usize = 10;

/// An error as Azure words it, from an HTTP answer, a failed operation or a protected instance.
///
/// Decoding never fails: what is missing or of the wrong type is left out. Texts are for people; Azure writes them in the
/// language asked for, and only `code` may be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceError {
    /// The code, such as `UserErrorMissingRequiredPermissions`; `Http502` where an answer had none.
    pub code: String,
    /// What went wrong, in one sentence.
    pub message: String,
    /// The innermost cause, where it says more than the message: principal, action and scope of a missing permission stand
    /// only here.
    pub detail: Option<String>,
    /// What Azure advises to do.
    pub recommended_actions: Vec<String>,
    /// What the error is about, if Azure names it.
    pub target: Option<String>,
    /// What Microsoft's support asks for. Differs from one occurrence to the next.
    pub activity_id: Option<String>,
}

impl ServiceError {
    /// Decodes `{"error": …}`, a bare error, or a UserFacingError, which an error carries in `additionalInfo` and a
    /// protected instance in `protectionErrorDetails`. Nothing, if there is neither code nor message.
    pub fn decode(value: &Value) -> Option<Self> {
        let error = member(value, "error").filter(|error| error.is_object()).unwrap_or(value);
        let info = user_facing(error).unwrap_or(error);
        let either = |name: &str| text(info, name).or_else(|| text(error, name));
        let (code, message) = (either("code"), either("message"));
        if code.is_none() && message.is_none() {
            return None;
        }
        let message = clean(message.unwrap_or_default(), MESSAGE);
        let detail = innermost(info).or_else(|| details(info)).or_else(|| details(error));
        Some(Self {
            code: clean(code.unwrap_or_default(), CODE),
            detail: detail.map(|detail| clean(&detail, DETAIL)).filter(|detail| *detail != message),
            message,
            recommended_actions: actions(info),
            target: either("target").map(|target| clean(target, CODE)),
            activity_id: path(info, &["properties"])
                .and_then(|properties| text(properties, "ActivityId"))
                .map(|id| clean(id, CODE)),
        })
    }

    /// Decodes the body of an answer; what it lacks is filled in from the `x-ms-error-code` header and the status.
    pub(super) fn of_answer(status: u16, header_code: Option<&str>, body: &[u8]) -> Self {
        let decoded = serde_json::from_slice(body).ok().and_then(|body: Value| Self::decode(&body));
        let mut error = decoded.unwrap_or_default();
        if error.code.is_empty() {
            error.code = header_code.map_or_else(|| format!("Http{status}"), |code| clean(code, CODE));
        }
        if error.message.is_empty() {
            error.message = format!("Azure answered with HTTP status {status} and no readable error.");
        }
        error
    }

    /// Decodes the `error` of a failed operation, which ought to be there.
    pub(super) fn decode_operation(body: &Value) -> Self {
        member(body, "error")
            .and_then(Self::decode)
            .unwrap_or_else(|| Self::own("OperationFailed", "The operation failed, and Azure does not say why."))
    }

    /// An error this client words itself.
    pub(super) fn own(code: &'static str, message: impl fmt::Display) -> Self {
        Self { code: code.to_owned(), message: clean(&message.to_string(), MESSAGE), ..Self::default() }
    }

    /// What follows from the error of an operation or of a protected instance. An HTTP error knows more: see
    /// [`AzureError::class`](super::AzureError::class).
    pub fn class(&self) -> ErrorClass {
        classify(None, &self.code)
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.as_str() {
            "" => f.write_str(&self.message),
            code => write!(f, "{code}: {}", self.message),
        }
    }
}

/// The `info` of the entry of `additionalInfo` that is a UserFacingError.
fn user_facing(error: &Value) -> Option<&Value> {
    member(error, "additionalInfo")?
        .as_array()?
        .iter()
        .find(|entry| text(entry, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("UserFacingError")))
        .and_then(|entry| member(entry, "info"))
}

/// The deepest message in the chain `innerError` → `embeddedInnerError` → …, else the deepest code. A real inner code can
/// be `Success` inside a failure, which says nothing.
fn innermost(info: &Value) -> Option<String> {
    let mut code = None;
    let mut message = None;
    let mut next = member(info, "innerError");
    while let Some(inner) = next {
        let found = path(inner, &["additionalInfo"]).and_then(|extra| text(extra, "DetailedNonLocalisedMessage"));
        message = found.or_else(|| text(inner, "message")).or(message);
        code = text(inner, "code").filter(|code| !code.eq_ignore_ascii_case("Success")).or(code);
        next = member(inner, "embeddedInnerError").or_else(|| member(inner, "innerError"));
    }
    message.or(code.filter(|code| Some(*code) != text(info, "code"))).map(str::to_owned)
}

/// The errors in `details`, as Resource Manager lists them.
fn details(error: &Value) -> Option<String> {
    let lines: Vec<String> = member(error, "details")?
        .as_array()?
        .iter()
        .filter_map(|entry| match (text(entry, "code"), text(entry, "message")) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (one, other) => one.or(other).map(str::to_owned),
        })
        .take(ACTIONS)
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn actions(info: &Value) -> Vec<String> {
    let given = member(info, "recommendedAction").or_else(|| member(info, "recommendedActions"));
    let list: Vec<&str> = match given {
        Some(Value::Array(entries)) => entries.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(only)) => vec![only],
        _ => Vec::new(),
    };
    list.into_iter().map(|action| clean(action, ACTION)).filter(|action| !action.is_empty()).take(ACTIONS).collect()
}

/// One line, trimmed, of at most `longest` characters.
fn clean(given: &str, longest: usize) -> String {
    let line: String = given.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(longest) {
        Some(_) => line.chars().take(longest - 1).chain(['…']).collect(),
        None => line,
    }
}

#[cfg(test)]
mod tests;
