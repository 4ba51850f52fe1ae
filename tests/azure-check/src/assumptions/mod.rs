//! Everything that is assumed, in the order in which it is checked: that of a backup instance's life.

mod creating;
mod deleting;
mod paused;
mod protected;
mod reading;
mod uncheckable;

use crate::assumption::Assumption;

/// All assumptions: those that are checked, in their order, then those that cannot be.
pub fn all() -> impl Iterator<Item = &'static Assumption> {
    let parts = [
        reading::ASSUMPTIONS,
        creating::ASSUMPTIONS,
        protected::ASSUMPTIONS,
        paused::ASSUMPTIONS,
        deleting::ASSUMPTIONS,
        uncheckable::ASSUMPTIONS,
    ];
    parts.into_iter().flatten()
}

/// The assumption of this name.
#[must_use]
pub fn named(id: &str) -> Option<&'static Assumption> {
    all().find(|assumption| assumption.id == id)
}

/// The provider's code for an instance, or a soft-deleted one, that does not exist.
pub(crate) const NOT_FOUND: &str = "UserErrorGenericResourceNotFound";

/// The emulator's code for an action that does not go with the protection state. It is made up.
const WRONG_STATE: &str = "UserErrorInvalidProtectionState";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::assumption::{Action, Check};
    use crate::stage::{Content, Request, Stage};

    #[test]
    fn names_are_names_and_texts_are_sentences() {
        let mut names = BTreeSet::new();
        for assumption in all() {
            let Assumption { id, claim, source, operator, .. } = assumption;
            assert!(names.insert(id), "{id} is there twice");
            assert!(
                id.split('-')
                    .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())),
                "{id}"
            );
            for text in [claim, operator] {
                assert!(text.ends_with('.'), "{id}: {text}");
            }
            for text in [*claim, operator, source.text()] {
                assert!(!text.contains(['|', '\n']) && !text.contains("  "), "{id}: {text} does not fit into a table");
            }
            if let Check::Impossible(why) = &assumption.check {
                assert!(!why.is_empty() && !why.ends_with('.'), "{id}: {why}");
            }
        }
    }

    #[test]
    fn what_changes_the_policy_says_that_it_needs_another_one() {
        for assumption in all() {
            let Check::Trial(trial) = &assumption.check else { continue };
            let other = matches!(
                trial.action,
                Action::Send(Request::Put(Content::OtherPolicy) | Request::ValidateChange(Content::OtherPolicy))
            );
            assert_eq!(trial.needs.contains(&crate::assumption::Need::OtherPolicy), other, "{}", assumption.id);
            assert!(!trial.expected.is_empty(), "{}", assumption.id);
            assert_eq!(matches!(trial.action, Action::Read(_)), trial.from == Stage::Anywhere, "{}", assumption.id);
        }
    }
}
