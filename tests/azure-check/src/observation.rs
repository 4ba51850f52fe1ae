//! What Azure answered, and what became of the instance.

use std::fmt;

use jiff::Timestamp;
use postgres_backup_operator::azure::{ProtectionState, ServiceError};

/// Everything a trial has seen. What a trial does not look at is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// The answer to the request.
    pub answer: Option<Answer>,
    /// How the operation that it started ended.
    pub end: Option<End>,
    /// What is there afterwards.
    pub found: Option<Found>,
    /// Which policy the instance has after a PUT that asked for another one.
    pub policy: Option<PolicyShown>,
    /// What else there is to say, such as Azure's message.
    pub note: Option<String>,
}

/// The answer to a request: the HTTP status, and the code of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The error's code.
    pub code: Option<String>,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// `Succeeded`.
    Succeeded,
    /// `Failed`, with this error.
    Failed(ServiceError),
    /// `Canceled`.
    Canceled,
    /// Its state cannot be read, for this reason.
    Unreadable(String),
}

/// What is there under the instance's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Neither an instance nor a soft-deleted one.
    Nothing,
    /// A soft-deleted instance.
    SoftDeleted {
        /// Until when it can be undeleted, if Azure says so.
        until: Option<Timestamp>,
    },
    /// An instance.
    Instance {
        /// Its protection state.
        state: ProtectionState,
        /// Why protection does not work, in Azure's words.
        error: Option<ServiceError>,
    },
}

/// Which policy an instance shows after a PUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyShown {
    /// The one that the PUT asked for.
    Asked,
    /// Another one.
    Another,
}

impl Found {
    /// Whether Azure is at work on it, so that it will be something else soon.
    #[must_use]
    pub fn is_on_its_way(&self) -> bool {
        use ProtectionState::{ConfiguringProtection, SoftDeleting, UpdatingProtection};
        matches!(self, Self::Instance { state: ConfiguringProtection | UpdatingProtection | SoftDeleting, .. })
    }

    /// Whether there is an instance.
    #[must_use]
    pub fn is_instance(&self) -> bool {
        matches!(self, Self::Instance { .. })
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(f, &[text(&self.answer), text(&self.end), text(&self.found), text(&self.policy)])
    }
}

/// Writes what is there, with commas between.
pub(crate) fn write_parts(f: &mut fmt::Formatter<'_>, parts: &[Option<String>]) -> fmt::Result {
    let parts: Vec<&str> = parts.iter().filter_map(Option::as_deref).collect();
    f.write_str(&parts.join(", "))
}

/// The text of what is there.
pub(crate) fn text<T: fmt::Display>(part: &Option<T>) -> Option<String> {
    part.as_ref().map(T::to_string)
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        self.code.as_deref().map_or(Ok(()), |code| write!(f, " {code}"))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("then Succeeded"),
            Self::Failed(error) => write!(f, "then Failed with {}", error.code),
            Self::Canceled => f.write_str("then Canceled"),
            Self::Unreadable(why) => write!(f, "then unreadable ({why})"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no instance"),
            Self::SoftDeleted { .. } => f.write_str("soft-deleted"),
            Self::Instance { state, error: None } => state.fmt(f),
            Self::Instance { state, error: Some(error) } => write!(f, "{state} ({})", error.code),
        }
    }
}

impl fmt::Display for PolicyShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "new policy",
            Self::Another => "old policy",
        })
    }
}
