//! What faults have brought to light, each by itself.

use std::time::Duration;

use postgres_backup_operator::api::Reason;

use crate::samples;
use crate::wire::Call::{ApplyStatus, Poll, Put, Validate, ValidateChange};
use crate::wire::Reply;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

/// Trouble is looked at again once a minute at most, after a few quicker attempts.
const MOST_IN_AN_HOUR: usize = 75;

/// Answers to polls that tell nothing of the operation.
fn unreadable_reports() -> [Reply; 4] {
    [
        Reply::error(401, "InvalidAuthenticationToken"),
        Reply::error(403, "AuthorizationFailed"),
        Reply::error(404, "ResourceNotFound"),
        Reply::error(410, "Gone"),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_validation_whose_report_cannot_be_read_is_asked_for_again_at_a_slackening_pace() {
    for answer in unreadable_reports() {
        let world = World::start();
        world.wire.disturb_all(Poll, answer.clone());
        world.kubernetes.create(&samples::flexible("orders"));
        world.pass(HOUR).await;
        let (asked, written) = (world.wire.of(Validate).len(), world.wire.of(ApplyStatus).len());
        assert!((2..=MOST_IN_AN_HOUR).contains(&asked), "{answer:?}: {asked} validations\n{}", world.wire);
        assert!(written <= 4, "{answer:?}: {written} writes\n{}", world.wire);
        assert_eq!(world.wire.of(Put).len(), 0);
        world.wire.calm();
        world.ready("orders").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_to_read_reports_that_is_missing_is_told() {
    let world = World::start();
    world.wire.disturb_all(Poll, Reply::error(403, "AuthorizationFailed"));
    world.kubernetes.create(&samples::flexible("orders"));
    world.reconciling("orders", Reason::MissingPermissions).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_does_not_wait_for_a_verdict_that_nobody_may_read() {
    let world = World::protected().await;
    world.wire.disturb_all(Poll, Reply::error(403, "AuthorizationFailed"));
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
    assert_eq!(world.wire.of(ValidateChange).len(), 1, "{}", world.wire);
}
