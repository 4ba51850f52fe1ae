//! A leader that cannot renew the Lease, while all else works for it: it stops in time, and its fence is closed by then.

use super::*;
use crate::world::{is, status};
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::leader::Fence;

/// Ways not to reach the Lease.
fn partitions() -> [Fault; 3] {
    [Fault::Refuse, Fault::LoseRequest, Fault::Delay(24 * 60 * MINUTE)]
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_the_other_begins() {
    for fault in partitions() {
        let replicas = Replicas::protected().await;
        let (leader, standby) = replicas.roles();
        leader.cut_off_from_lease(&fault);
        let begun = replicas.world.elapsed();
        let stopped = async {
            while leader.losses().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            replicas.world.elapsed() - begun
        };
        let (stopped, took) = tokio::join!(stopped, replicas.until_leads(standby));
        assert!(stopped <= RENEW_DEADLINE, "{fault:?}: {stopped:?}");
        // A renewal whose answer is lost has its effect all the same.
        assert!(took <= LEASE_DURATION + 2 * LOOK && stopped + 2 * SECOND < took, "{fault:?}: {stopped:?} {took:?}");
        assert!(leader.losses()[0].contains("could not be renewed for 10 s"), "{:?}", leader.losses());
        // It is started again, and still cannot do anything.
        replicas.world.pass(10 * MINUTE).await;
        assert_eq!((leader.losses().len(), replicas.holder().unwrap().pod), (1, standby.pod));
    }
}

#[tokio::test(start_paused = true)]
async fn whenever_a_leader_is_cut_off_the_object_gets_where_it_should_be() {
    for step in 0..20 {
        let replicas = Replicas::settled().await;
        let (leader, _) = replicas.roles();
        replicas.world.kubernetes.create(&samples::flexible("orders"));
        replicas.world.pass(Duration::from_millis(step * 1_700)).await;
        leader.cut_off_from_lease(&Fault::Refuse);
        replicas.world.ready("orders").await;
        replicas.world.pass(6 * MINUTE).await;
        assert_eq!(replicas.world.azure.instances().len(), 1);
        assert_eq!(replicas.world.wire.of(Call::Put).len(), 1, "{step}\n{}", replicas.world.wire);
    }
}

/// What a process does that does not notice that it leads no more: nothing. The fence alone stands between it and Azure.
#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_end_changes_nothing_once_its_fence_is_closed() {
    let setup = || Setup { fence: Fence::open(), ..Setup::default() };
    let calm = World::with(setup());
    calm.kubernetes.create(&samples::flexible("orders"));
    calm.ready("orders").await;
    let count = calm.wire.position();
    drop(calm);
    for position in 1..count {
        let setup = setup();
        let world = World::with(setup.clone());
        world.kubernetes.create(&samples::flexible("orders"));
        world.sent(|_| true, position).await;
        setup.fence.close();
        let closed_at = world.wire.position();
        world.pass(30 * MINUTE).await;
        let since = world.wire.since(closed_at);
        // What is under way between the question and the wire has left already.
        let writes: Vec<_> =
            since.iter().filter(|sent| sent.call.writes_azure() || sent.call.writes_object()).collect();
        assert!(writes.is_empty(), "closed after {position} requests: {writes:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_opens_again_lets_the_work_go_on() {
    let setup = Setup { fence: Fence::closed(), ..Setup::default() };
    let world = World::with(setup.clone());
    world.kubernetes.create(&samples::flexible("orders"));
    world.pass(10 * MINUTE).await;
    let object = world.kubernetes.get("orders").unwrap();
    assert_eq!(status(&object).conditions.len(), 0, "a stand-by writes no status");
    assert_eq!(world.kubernetes.grant_writes(samples::EVERYTHING), 0, "nor that of a grant");
    assert_eq!(world.wire.count(|call| call.is_azure()), 0);
    setup.fence.open_until(tokio::time::Instant::now() + 60 * MINUTE);
    let object = world.ready("orders").await;
    assert!(is(&object, ConditionType::Ready));
    world.pass(5 * SECOND).await;
    assert_eq!(world.kubernetes.grant_writes(samples::EVERYTHING), 1);
}
