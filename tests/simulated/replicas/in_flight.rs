//! A request that left a leader in its term, and reaches Azure when another leads: it does no harm.

use super::*;
use crate::wire::Hold;

/// How long a request whose outcome is unknown may still take effect.
const UNCERTAINTY: Duration = Duration::from_secs(5 * 60);

/// How long after its sender died a request arrives: before and after another leads, and just before that one gives it up.
const DELAYS: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(14),
    Duration::from_secs(20),
    Duration::from_secs(60),
    Duration::from_secs(200),
    Duration::from_secs(295),
];

/// Holds the leader's next request of a kind up, lets the leader die with it, and lets the request through after a time.
async fn outlive_its_sender(replicas: &Replicas, call: Call, begin: impl FnOnce(&World), delay: Duration) {
    let (leader, _) = replicas.roles();
    let hold = Hold::default();
    leader.wire.disturb(call, 1, Fault::Hold(hold.clone()));
    let sent = replicas.world.wire.of(call).len();
    begin(&replicas.world);
    replicas.world.sent(|sent| sent.call == call, sent + 1).await;
    replicas.world.pass(SECOND).await;
    leader.die().await;
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        hold.release();
    });
}

#[tokio::test(start_paused = true)]
async fn a_create_that_outlives_its_sender_is_the_only_one() {
    for delay in DELAYS {
        let replicas = Replicas::settled().await;
        let create = |world: &World| world.kubernetes.create(&samples::flexible("orders"));
        outlive_its_sender(&replicas, Call::Put, create, delay).await;
        replicas.world.ready("orders").await;
        replicas.world.pass(30 * MINUTE).await;
        assert_eq!(replicas.world.wire.of(Call::Put).len(), 1, "{delay:?}\n{}", replicas.world.wire);
        assert_eq!(replicas.world.azure.instances().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_comes_through_after_the_next_leaders_own_makes_no_second_instance() {
    for delay in [UNCERTAINTY + 30 * SECOND, UNCERTAINTY + 2 * MINUTE, 60 * MINUTE] {
        let replicas = Replicas::settled().await;
        let create = |world: &World| world.kubernetes.create(&samples::flexible("orders"));
        outlive_its_sender(&replicas, Call::Put, create, delay).await;
        replicas.world.ready("orders").await;
        replicas.world.pass(2 * delay).await;
        let object = replicas.world.ready("orders").await;
        assert_eq!(replicas.world.wire.of(Call::Put).len(), 2, "{delay:?}\n{}", replicas.world.wire);
        assert_eq!(replicas.world.azure.instances().len(), 1);
        assert!(crate::world::answers(&object));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_outlives_its_sender_is_the_only_one() {
    for delay in DELAYS {
        let replicas = Replicas::protected().await;
        let delete = |world: &World| world.kubernetes.delete("orders");
        outlive_its_sender(&replicas, Call::Delete, delete, delay).await;
        replicas.world.gone("orders").await;
        replicas.world.pass(30 * MINUTE).await;
        assert_eq!(replicas.world.wire.of(Call::Delete).len(), 1, "{delay:?}\n{}", replicas.world.wire);
        assert_eq!((replicas.world.azure.instances().len(), replicas.world.azure.tombstones()), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_comes_through_after_the_next_leaders_own_finds_nothing() {
    let replicas = Replicas::protected().await;
    let delete = |world: &World| world.kubernetes.delete("orders");
    outlive_its_sender(&replicas, Call::Delete, delete, UNCERTAINTY + 2 * MINUTE).await;
    replicas.world.gone("orders").await;
    replicas.world.pass(30 * MINUTE).await;
    assert_eq!(replicas.world.wire.of(Call::Delete).len(), 2, "{}", replicas.world.wire);
    assert_eq!((replicas.world.azure.instances().len(), replicas.world.azure.tombstones()), (0, 1));
}

/// The one request that may do harm: nothing holds a request up for so long, but what is promised is promised.
#[tokio::test(start_paused = true)]
async fn a_delete_that_comes_through_to_the_successor_of_what_it_was_meant_for_is_undone() {
    let replicas = Replicas::protected().await;
    let delete = |world: &World| world.kubernetes.delete("orders");
    outlive_its_sender(&replicas, Call::Delete, delete, 20 * MINUTE).await;
    replicas.world.gone("orders").await;
    replicas.world.kubernetes.create(&samples::flexible("orders"));
    replicas.world.ready("orders").await;
    replicas.world.pass(20 * MINUTE).await;
    assert_eq!(replicas.world.wire.count_sent(|sent| sent.call == Call::Delete && sent.answer == Some(202)), 2);
    replicas.world.pass(30 * MINUTE).await;
    replicas.world.ready("orders").await;
    assert_eq!((replicas.world.azure.instances().len(), replicas.world.azure.tombstones()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_while_a_create_outlives_its_sender_leaves_no_orphan() {
    for delay in DELAYS {
        let replicas = Replicas::settled().await;
        let create = |world: &World| world.kubernetes.create(&samples::flexible("orders"));
        outlive_its_sender(&replicas, Call::Put, create, delay).await;
        replicas.world.kubernetes.delete("orders");
        replicas.world.gone("orders").await;
        replicas.world.pass(30 * MINUTE).await;
        assert_eq!(replicas.world.azure.instances().len(), 0, "{delay:?}\n{}", replicas.world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_taken_back_meanwhile_does_not_come_through_later() {
    for delay in DELAYS {
        let replicas = Replicas::protected().await;
        let change = |world: &World| world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
        outlive_its_sender(&replicas, Call::Put, change, delay).await;
        replicas.world.kubernetes.edit("orders", |spec| spec.policy.name = "weekly".to_owned());
        replicas.world.ready("orders").await;
        replicas.world.pass(30 * MINUTE).await;
        let policy = replicas.world.azure.instance().spec.policy.policy_id.to_string();
        assert!(policy.ends_with("/weekly"), "{delay:?}\n{}", replicas.world.wire);
    }
}
