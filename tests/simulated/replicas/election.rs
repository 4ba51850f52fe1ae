//! Who leads, and when the other takes over.

use super::*;
use crate::wire::Reply;

/// Whether a replica says by its metric that it leads.
fn says_it_leads(replica: &Replica) -> bool {
    replica.gauges.read("leader_election_master_status") > 0.0
}

#[tokio::test(start_paused = true)]
async fn of_two_that_start_at_once_one_acts_and_the_other_is_ready_to() {
    let replicas = Replicas::settled().await;
    let (leader, standby) = replicas.roles();
    assert!(says_it_leads(leader) && !says_it_leads(standby));
    replicas.world.kubernetes.create(&samples::flexible("orders"));
    replicas.world.ready("orders").await;
    replicas.world.pass(30 * MINUTE).await;

    let of_standby = |sent: &Sent| sent.replica == standby.pod;
    let reads_or_watches = |call| {
        matches!(
            call,
            Call::Get | Call::GetLease | Call::List | Call::Watch | Call::ListPermissions | Call::WatchPermissions
        )
    };
    let strange: Vec<_> = replicas
        .world
        .wire
        .sent()
        .into_iter()
        .filter(|sent| of_standby(sent) && !reads_or_watches(sent.call))
        .collect();
    assert!(strange.iter().all(|sent| sent.call == Call::WriteLease && sent.answer == Some(409)), "{strange:#?}");
    assert!(replicas.world.wire.count_sent(|sent| of_standby(sent) && sent.call == Call::Watch) > 0, "it is warm");
    assert_eq!(replicas.world.kubernetes.lease().unwrap().spec.unwrap().lease_transitions, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_stopped_gives_the_lease_back_and_the_other_takes_over_at_its_next_look() {
    let replicas = Replicas::protected().await;
    let (leader, standby) = replicas.roles();
    leader.power.switch_off().await;
    assert_eq!(replicas.world.kubernetes.lease().unwrap().spec.unwrap().holder_identity.as_deref(), Some(""));
    assert!(leader.losses().is_empty());
    let took = replicas.until_leads(standby).await;
    assert!(took <= LOOK, "{took:?}\n{}", replicas.world.wire);
    replicas.world.pass(SECOND).await;
    assert!(says_it_leads(standby));
    assert_eq!(replicas.world.kubernetes.lease().unwrap().spec.unwrap().lease_transitions, Some(1));

    // It knows all objects already, and acts on a change at once.
    replicas.world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    replicas.world.ready("orders").await;
    assert_eq!(standby.writes().iter().filter(|sent| sent.call == Call::Put).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_stopped_finishes_what_it_is_doing_before_it_gives_the_lease_back() {
    let replicas = Replicas::settled().await;
    let (leader, standby) = replicas.roles();
    leader.wire.disturb(Call::Put, 1, Fault::Delay(40 * SECOND));
    replicas.world.kubernetes.create(&samples::flexible("orders"));
    replicas.world.sent(|sent| sent.call == Call::Put, 1).await;
    let begun = replicas.world.elapsed();
    leader.power.switch_off().await;
    assert!(replicas.world.elapsed() - begun >= 40 * SECOND, "the Lease is renewed until the pass has ended");
    replicas.until_leads(standby).await;
    replicas.world.ready("orders").await;
    assert_eq!(replicas.world.wire.of(Call::Put).len(), 1, "{}", replicas.world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_is_replaced_when_its_lease_has_expired() {
    let replicas = Replicas::protected().await;
    let (leader, standby) = replicas.roles();
    leader.die().await;
    let took = replicas.until_leads(standby).await;
    assert!((LEASE_DURATION - LOOK..=LEASE_DURATION + LOOK).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_and_is_restarted_stands_by_like_any_other() {
    let replicas = Replicas::protected().await;
    let (leader, standby) = replicas.roles();
    leader.wire.kill();
    let took = replicas.until_leads(standby).await;
    assert!(took <= LEASE_DURATION + LOOK, "{took:?}");
    replicas.world.pass(10 * MINUTE).await;
    assert_eq!(replicas.holder().unwrap().pod, standby.pod);
    assert!(!says_it_leads(leader));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_is_made_again_by_its_holder_alone() {
    for seconds in 0..6 {
        let replicas = Replicas::settled().await;
        replicas.world.pass(Duration::from_millis(seconds * 700)).await;
        let (leader, standby) = replicas.roles();
        replicas.world.kubernetes.delete_lease();
        replicas.world.pass(MINUTE).await;
        assert_eq!(replicas.holder().unwrap().pod, leader.pod);
        assert!(leader.losses().is_empty() && standby.losses().is_empty());
        replicas.world.kubernetes.create(&samples::flexible("orders"));
        replicas.world.ready("orders").await;
        assert_eq!(standby.writes().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_after_its_holder_died_is_not_taken_any_sooner() {
    let replicas = Replicas::protected().await;
    let (leader, standby) = replicas.roles();
    leader.die().await;
    replicas.world.kubernetes.delete_lease();
    let took = replicas.until_leads(standby).await;
    assert!(took >= LEASE_DURATION && took <= LEASE_DURATION + 2 * LOOK, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_is_taken_away_stops() {
    for holder in ["somebody-else", ""] {
        let replicas = Replicas::protected().await;
        let (leader, _) = replicas.roles();
        let who = leader.pod;
        replicas.world.kubernetes.edit_lease(|spec| spec.holder_identity = Some(holder.to_owned()));
        replicas.world.pass(LOOK).await;
        let loser = if who == "a" { &replicas.a } else { &replicas.b };
        let losses = loser.losses();
        assert!(losses.len() == 1 && losses[0].contains("was taken away"), "{losses:?}");
        replicas.world.pass(MINUTE).await;
        assert!(replicas.holder().is_some(), "one of them leads again");
    }
}

#[tokio::test(start_paused = true)]
async fn clocks_that_are_wrong_change_nothing() {
    let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    for (of_a, of_b) in [(hour, -hour), (-day, hour), (day, SignedDuration::ZERO)] {
        let replicas = Replicas::start(Setup::default(), of_a, of_b);
        replicas.world.pass(10 * MINUTE).await;
        let (leader, standby) = replicas.roles();
        assert_eq!(replicas.world.kubernetes.lease().unwrap().spec.unwrap().lease_transitions, Some(0));
        leader.die().await;
        let took = replicas.until_leads(standby).await;
        assert!((LEASE_DURATION - LOOK..=LEASE_DURATION + LOOK).contains(&took), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_or_stuttering_api_server_costs_nobody_the_lease() {
    let slow = [
        (Call::WriteLease, Fault::Delay(4 * SECOND)),
        (Call::GetLease, Fault::Delay(4 * SECOND)),
        // An answer that comes too late: the Lease is renewed, and its holder does not know.
        (Call::WriteLease, Fault::Delay(6 * SECOND)),
        (Call::WriteLease, Fault::LoseAnswer),
        (Call::WriteLease, Fault::LoseRequest),
        (Call::WriteLease, Fault::ArriveLate(3 * SECOND)),
        (Call::WriteLease, Reply::error(500, "InternalError").into()),
        (Call::WriteLease, Reply::error(429, "TooManyRequests").retry_after(1).into()),
        (Call::WriteLease, Reply::error(409, "Conflict").into()),
    ];
    for (call, fault) in slow {
        let replicas = Replicas::settled().await;
        let (leader, _) = replicas.roles();
        for occurrence in (1..60).step_by(3) {
            leader.wire.disturb(call, occurrence, fault.clone());
        }
        replicas.world.pass(5 * MINUTE).await;
        assert!(leader.losses().is_empty(), "{fault:?}: {:?}\n{}", leader.losses(), replicas.world.wire);
        assert_eq!(replicas.holder().unwrap().pod, leader.pod, "{fault:?}");
    }
}
