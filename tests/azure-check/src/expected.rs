//! What Azure answers if an assumption is right.

use std::fmt;

use postgres_backup_operator::azure::ProtectionState;

use crate::observation::{Answer, End, Found, Observation, PolicyShown, text, write_parts};

/// An observation that agrees with an assumption. What is left out does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// The answer to the request.
    pub answer: Option<ExpectedAnswer>,
    /// How the operation ends.
    pub end: Option<ExpectedEnd>,
    /// What is there afterwards.
    pub found: Option<ExpectedFound>,
    /// Which policy a PUT leaves behind.
    pub policy: Option<PolicyShown>,
}

/// The HTTP status of an answer, and the code of a refusal.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedAnswer {
    status: u16,
    code: Option<&'static str>,
}

/// The end of an operation.
#[derive(Clone, Copy, Debug)]
pub enum ExpectedEnd {
    /// `Succeeded`.
    Succeeded,
    /// `Failed` with an error of this code.
    Failed(&'static str),
}

/// What is there afterwards.
#[derive(Clone, Copy, Debug)]
pub enum ExpectedFound {
    /// Neither an instance nor a soft-deleted one.
    Nothing,
    /// A soft-deleted instance.
    SoftDeleted,
    /// No instance; perhaps a soft-deleted one.
    Gone,
    /// An instance in this state.
    Instance(&'static ProtectionState),
}

impl Expected {
    /// A successful answer.
    #[must_use]
    pub const fn success(status: u16) -> Self {
        Self { answer: Some(ExpectedAnswer { status, code: None }), end: None, found: None, policy: None }
    }

    /// A refusal.
    #[must_use]
    pub const fn refusal(status: u16, code: &'static str) -> Self {
        Self { answer: Some(ExpectedAnswer { status, code: Some(code) }), end: None, found: None, policy: None }
    }

    /// An instance in this state, whatever was answered before.
    #[must_use]
    pub const fn state(state: &'static ProtectionState) -> Self {
        Self { answer: None, end: None, found: Some(ExpectedFound::Instance(state)), policy: None }
    }

    /// The operation succeeds.
    #[must_use]
    pub const fn succeeding(self) -> Self {
        Self { end: Some(ExpectedEnd::Succeeded), ..self }
    }

    /// The operation fails.
    #[must_use]
    pub const fn failing(self, code: &'static str) -> Self {
        Self { end: Some(ExpectedEnd::Failed(code)), ..self }
    }

    /// The instance is in this state afterwards.
    #[must_use]
    pub const fn in_state(self, state: &'static ProtectionState) -> Self {
        Self { found: Some(ExpectedFound::Instance(state)), ..self }
    }

    /// This is there afterwards.
    #[must_use]
    pub const fn leaving(self, found: ExpectedFound) -> Self {
        Self { found: Some(found), ..self }
    }

    /// The instance has the policy that was asked for.
    #[must_use]
    pub const fn with_the_new_policy(self) -> Self {
        Self { policy: Some(PolicyShown::Asked), ..self }
    }

    /// Whether this is what was observed.
    #[must_use]
    pub fn matches(&self, observed: &Observation) -> bool {
        agrees(self.answer, observed.answer.as_ref(), ExpectedAnswer::matches)
            && agrees(self.end, observed.end.as_ref(), ExpectedEnd::matches)
            && agrees(self.found, observed.found.as_ref(), ExpectedFound::matches)
            && agrees(self.policy, observed.policy.as_ref(), |expected, shown| expected == *shown)
    }
}

/// What is expected must have been observed.
fn agrees<E, O>(expected: Option<E>, observed: Option<&O>, matches: impl Fn(E, &O) -> bool) -> bool {
    expected.is_none_or(|expected| observed.is_some_and(|observed| matches(expected, observed)))
}

impl ExpectedAnswer {
    fn matches(self, answer: &Answer) -> bool {
        let same_code = match (self.code, answer.code.as_deref()) {
            (None, None) => true,
            (Some(expected), Some(code)) => expected.eq_ignore_ascii_case(code),
            _ => false,
        };
        self.status == answer.status && same_code
    }
}

impl ExpectedEnd {
    fn matches(self, end: &End) -> bool {
        match (self, end) {
            (Self::Succeeded, End::Succeeded) => true,
            (Self::Failed(code), End::Failed(error)) => code.eq_ignore_ascii_case(&error.code),
            _ => false,
        }
    }
}

impl ExpectedFound {
    fn matches(self, found: &Found) -> bool {
        match (self, found) {
            (Self::Nothing | Self::Gone, Found::Nothing) => true,
            (Self::SoftDeleted | Self::Gone, Found::SoftDeleted { .. }) => true,
            (Self::Instance(expected), Found::Instance { state, .. }) => expected == state,
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(f, &[text(&self.answer), text(&self.end), text(&self.found), text(&self.policy)])
    }
}

impl fmt::Display for ExpectedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Answer { status: self.status, code: self.code.map(str::to_owned) }.fmt(f)
    }
}

impl fmt::Display for ExpectedEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("then Succeeded"),
            Self::Failed(code) => write!(f, "then Failed with {code}"),
        }
    }
}

impl fmt::Display for ExpectedFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no instance"),
            Self::SoftDeleted => f.write_str("soft-deleted"),
            Self::Gone => f.write_str("gone"),
            Self::Instance(state) => state.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postgres_backup_operator::azure::ProtectionState as State;

    fn observed(status: u16, code: Option<&str>, end: Option<End>, state: Option<State>) -> Observation {
        Observation {
            answer: Some(Answer { status, code: code.map(str::to_owned) }),
            end,
            found: state.map(|state| Found::Instance { state, error: None }),
            ..Observation::default()
        }
    }

    #[test]
    fn everything_that_is_expected_counts_and_nothing_else() {
        const STOP: Expected = Expected::success(202).succeeding().in_state(&State::ProtectionStopped);
        const BUSY: Expected = Expected::refusal(409, "AnotherOperationInProgress");
        let (done, stopped) = (Some(End::Succeeded), Some(State::ProtectionStopped));
        let table = [
            (STOP, observed(202, None, done.clone(), stopped.clone()), true),
            (STOP, observed(200, None, done.clone(), stopped.clone()), false),
            (STOP, observed(202, None, Some(End::Canceled), stopped.clone()), false),
            (STOP, observed(202, None, None, stopped.clone()), false),
            (STOP, observed(202, None, done.clone(), Some(State::BackupsSuspended)), false),
            (STOP, observed(202, None, done, None), false),
            (BUSY, observed(409, Some("anotheroperationinprogress"), None, stopped), true),
            (BUSY, observed(409, Some("Conflict"), None, None), false),
            (BUSY, observed(409, None, None, None), false),
            (BUSY, observed(400, Some("AnotherOperationInProgress"), None, None), false),
        ];
        for (expected, observed, matches) in table {
            assert_eq!(expected.matches(&observed), matches, "{expected} and {observed}");
        }
    }

    #[test]
    fn expectations_and_observations_read_alike() {
        let expected = Expected::success(201).succeeding().in_state(&State::ProtectionStopped).with_the_new_policy();
        let mut seen = observed(201, None, Some(End::Succeeded), Some(State::ProtectionStopped));
        seen.policy = Some(PolicyShown::Asked);
        assert_eq!(expected.to_string(), "201, then Succeeded, ProtectionStopped, new policy");
        assert_eq!(seen.to_string(), expected.to_string());
    }
}
