//! Counts corrections of drift: who has to make the same one again and again has somebody working against them.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::v1alpha1::{DriftItem, OperationKind};

/// The same correction made so many times within [`WINDOW`] means that somebody else writes too.
const LIMIT: usize = 3;

/// How long a correction counts.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// A change that the operator makes because somebody else has changed the backup instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// How it is made.
    pub kind: OperationKind,
    /// What it puts right.
    pub drift: Vec<DriftItem>,
}

/// The corrections made for one object at one generation.
#[derive(Clone, Debug, Default)]
pub struct Corrections {
    generation: i64,
    made: Vec<(Instant, Correction)>,
    /// The correction that is being made, and whether it was carried as far as the change itself.
    current: Option<(Correction, bool)>,
}

impl Corrections {
    /// Whether the same correction was made as often as can be by accident. What was corrected for an earlier generation
    /// does not count.
    #[must_use]
    pub fn is_contested(&self, generation: i64, correction: &Correction) -> bool {
        let same = |(made_at, made): &&(Instant, Correction)| {
            made_at.elapsed() < WINDOW && made.kind == correction.kind && fields(made).eq(fields(correction))
        };
        self.generation == generation && self.made.iter().filter(same).count() >= LIMIT
    }

    /// Notes that a correction is about to be made.
    pub fn begin(&mut self, generation: i64, correction: Correction) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
        self.made.retain(|(made_at, _)| made_at.elapsed() < WINDOW);
        self.made.push((Instant::now(), correction.clone()));
        self.current = Some((correction, false));
    }

    /// Notes that the change itself is about to be sent, at this generation.
    pub fn carry_out(&mut self, generation: i64, kind: OperationKind) {
        self.current = self.current.take().filter(|_| self.generation == generation);
        if let Some((correction, is_carried_out)) = &mut self.current {
            *is_carried_out |= correction.kind == kind;
        }
    }

    /// The correction that was carried out and has had its effect.
    pub fn finish(&mut self, generation: i64) -> Option<Correction> {
        let (correction, is_carried_out) = self.current.take()?;
        (is_carried_out && self.generation == generation).then_some(correction)
    }

    /// Starts counting anew, as a person has asked.
    pub fn reset(&mut self) {
        self.made.clear();
    }
}

fn fields(correction: &Correction) -> impl Iterator<Item = &str> {
    correction.drift.iter().map(|item| item.field.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correction(field: &str) -> Correction {
        let item = DriftItem { field: field.to_owned(), desired: "a".to_owned(), actual: "b".to_owned() };
        Correction { kind: OperationKind::Update, drift: vec![item] }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_correction_three_times_in_a_day_is_contested() {
        let mut corrections = Corrections::default();
        for _ in 0..LIMIT {
            assert!(!corrections.is_contested(1, &correction("policy.name")));
            corrections.begin(1, correction("policy.name"));
            tokio::time::advance(WINDOW / 4).await;
        }
        assert!(corrections.is_contested(1, &correction("policy.name")));
        assert!(!corrections.is_contested(1, &correction("protection")), "another field");
        assert!(!corrections.is_contested(2, &correction("policy.name")), "another specification");
        tokio::time::advance(WINDOW / 4).await;
        assert!(!corrections.is_contested(1, &correction("policy.name")), "the first one is a day old");
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_can_have_it_tried_again() {
        let mut corrections = Corrections::default();
        (0..LIMIT).for_each(|_| corrections.begin(1, correction("policy.name")));
        corrections.reset();
        assert!(!corrections.is_contested(1, &correction("policy.name")));
    }

    #[test]
    fn only_what_was_carried_out_was_corrected() {
        let mut corrections = Corrections::default();
        corrections.begin(1, correction("policy.name"));
        assert_eq!(corrections.finish(1), None, "Azure may have refused the change");
        corrections.begin(1, correction("policy.name"));
        corrections.carry_out(1, OperationKind::Update);
        assert_eq!(corrections.finish(1), Some(correction("policy.name")));
        assert_eq!(corrections.finish(1), None);
        corrections.begin(1, correction("policy.name"));
        corrections.carry_out(2, OperationKind::Update);
        assert_eq!(corrections.finish(2), None, "the specification has changed since");
    }
}
