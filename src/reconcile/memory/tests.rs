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
async fn the_deadline_is_counted_per_generation_and_starts_over_when_trouble_gives_way() {
    let mut memory = Memory::default();
    let fresh = PostgresBackupStatus::default();
    let mut standing = |progress, generation| memory.standing(progress, generation, &fresh, DEADLINE, now());
    assert_eq!(standing(Progress::Troubled, 1), Standing::WithinDeadline);
    tokio::time::advance(DEADLINE).await;
    assert_eq!(standing(Progress::Troubled, 1), Standing::PastDeadline);
    assert_eq!(standing(Progress::Troubled, 2), Standing::WithinDeadline, "the specification has changed");
    tokio::time::advance(DEADLINE).await;
    assert_eq!(standing(Progress::Working, 2), Standing::WithinDeadline, "the trouble is over");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_deadline_goes_on_from_status_as_far_as_that_is_plausible() {
    use ConditionType::{Reconciling, Stalled};
    use Progress::{Troubled, Working};

    tokio::time::advance(DEADLINE * 2).await;
    for (expected, progress, generation, status) in [
        (Standing::WithinDeadline, Working, 1, PostgresBackupStatus::default()),
        (Standing::WithinDeadline, Working, 1, status(Reconciling, 60)),
        (Standing::PastDeadline, Working, 1, status(Reconciling, 100_000)),
        (Standing::WithinDeadline, Working, 1, status(Reconciling, -100_000)),
        (Standing::WithinDeadline, Working, 2, status(Reconciling, 100_000)),
        (Standing::PastDeadline, Troubled, 1, status(Stalled, 1)),
        (Standing::WithinDeadline, Working, 1, status(Stalled, 1)),
        (Standing::WithinDeadline, Troubled, 2, status(Stalled, 1)),
    ] {
        let standing = Memory::default().standing(progress, generation, &status, DEADLINE, now());
        assert_eq!(standing, expected, "{progress:?} at {generation} after {:?}", status.conditions);
    }
}
