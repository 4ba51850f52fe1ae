use super::*;
use crate::api::Reason;
use crate::api::conditions::Finding;
use crate::reconcile::testing::now;

const DEADLINE: Duration = Duration::from_secs(1800);

/// A status in which `type_` has been True for `seconds`, at generation 1.
fn status(type_: ConditionType, seconds: i64) -> PostgresBackupStatus {
    let mut status = PostgresBackupStatus { observed_generation: 1, ..PostgresBackupStatus::default() };
    let since = now() - jiff::SignedDuration::from_secs(seconds);
    conditions::set(&mut status.conditions, type_, Finding::yes(Reason::Validating, ""), 1, since);
    status
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_counted_per_generation_and_starts_over_with_progress() {
    let mut memory = Memory::default();
    let fresh = PostgresBackupStatus::default();
    let standing = |memory: &mut Memory, generation| memory.standing(generation, &fresh, DEADLINE, now());
    assert_eq!(standing(&mut memory, 1), Standing::WithinDeadline);
    tokio::time::advance(DEADLINE).await;
    assert_eq!(standing(&mut memory, 1), Standing::PastDeadline);
    assert_eq!(standing(&mut memory, 2), Standing::WithinDeadline, "the specification has changed");
    tokio::time::advance(DEADLINE).await;
    assert_eq!(standing(&mut memory, 2), Standing::PastDeadline);
    memory.note_progress();
    assert_eq!(standing(&mut memory, 2), Standing::WithinDeadline, "what stood in the way is gone");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_starts_over_also_where_status_still_tells_of_the_past() {
    let mut memory = Memory::default();
    let stalled = status(ConditionType::Stalled, 1);
    let _ = memory.note_blind_look(DEADLINE);
    assert_eq!(memory.standing(1, &stalled, DEADLINE, now()), Standing::PastDeadline);
    tokio::time::advance(DEADLINE).await;
    memory.note_request("now");
    assert_eq!(memory.standing(1, &stalled, DEADLINE, now()), Standing::WithinDeadline);
    assert_eq!(memory.note_blind_look(DEADLINE), (1, Standing::WithinDeadline));
    tokio::time::advance(DEADLINE).await;
    assert_eq!(memory.standing(1, &stalled, DEADLINE, now()), Standing::PastDeadline);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_deadline_goes_on_from_status_as_far_as_that_is_plausible() {
    use ConditionType::{Reconciling, Stalled};

    tokio::time::advance(DEADLINE * 2).await;
    for (expected, generation, status) in [
        (Standing::WithinDeadline, 1, PostgresBackupStatus::default()),
        (Standing::WithinDeadline, 1, status(Reconciling, 60)),
        (Standing::PastDeadline, 1, status(Reconciling, 100_000)),
        (Standing::WithinDeadline, 1, status(Reconciling, -100_000)),
        (Standing::WithinDeadline, 2, status(Reconciling, 100_000)),
        (Standing::PastDeadline, 1, status(Stalled, 1)),
        (Standing::WithinDeadline, 2, status(Stalled, 1)),
    ] {
        let standing = Memory::default().standing(generation, &status, DEADLINE, now());
        assert_eq!(standing, expected, "at {generation} after {:?}", status.conditions);
    }
}

#[tokio::test(start_paused = true)]
async fn looks_that_azure_does_not_answer_are_counted_until_it_does() {
    let mut memory = Memory::default();
    assert_eq!(memory.note_blind_look(DEADLINE), (1, Standing::WithinDeadline));
    tokio::time::advance(DEADLINE).await;
    assert_eq!(memory.note_blind_look(DEADLINE), (2, Standing::PastDeadline));
    memory.note_look();
    assert_eq!(memory.note_blind_look(DEADLINE), (1, Standing::WithinDeadline));
}

#[test]
fn only_the_objects_that_are_watched_are_remembered() {
    let memories = Memories::default();
    memories.note_failure("here");
    memories.note_failure("gone");
    memories.retain(&HashSet::from(["here".to_owned()]));
    assert_eq!((memories.recall("here").attempts(), memories.recall("gone").attempts()), (1, 0));
}
