//! Death of the leader at every request of a create and of a delete: the other replica, not the process that is started in
//! place of the dead one, brings it to the same end, and does nothing again that Azure had accepted.

use super::*;

/// What is left at the end.
#[derive(Debug, PartialEq, Eq)]
struct End {
    exists: bool,
    instances: usize,
    tombstones: usize,
    accepted: [usize; 2],
}

impl End {
    fn of(world: &World) -> Self {
        let accepted = |call| {
            let of_kind = world.wire.of(call);
            of_kind.iter().filter(|sent| matches!(sent.answer, Some(201 | 202))).count()
        };
        Self {
            exists: world.kubernetes.get("orders").is_some(),
            instances: world.azure.instances().len(),
            tombstones: world.azure.tombstones(),
            accepted: [accepted(Call::Put), accepted(Call::Delete)],
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Story {
    Create,
    Delete,
}

impl Story {
    async fn prepare(self) -> Replicas {
        // Who died is started again when all is over.
        let setup = Setup { downtime: 10 * MINUTE, ..Setup::default() };
        match self {
            Self::Create => Replicas::settled_with(setup).await,
            Self::Delete => Replicas::protected_with(setup).await,
        }
    }

    async fn run(self, world: &World) {
        match self {
            Self::Create => {
                world.kubernetes.create(&samples::flexible("orders"));
                world.ready("orders").await;
            }
            Self::Delete => {
                world.kubernetes.delete("orders");
                world.gone("orders").await;
            }
        }
        // Whatever anybody still has in mind comes to light.
        world.pass(6 * MINUTE).await;
    }
}

/// Runs a story undisturbed, and then with the death of the leader before and after each of its requests.
async fn sweep(story: Story) {
    let replicas = story.prepare().await;
    let first = replicas.world.wire.position();
    let leader = replicas.roles().0.pod;
    story.run(&replicas.world).await;
    let sent = replicas.world.wire.sent();
    let last = sent.iter().rposition(|sent| sent.call.writes_object()).unwrap();
    let positions: Vec<_> = (first..=last).filter(|position| sent[*position].replica == leader).collect();
    let calm = End::of(&replicas.world);
    drop(replicas);
    for position in &positions {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let replicas = story.prepare().await;
            let survivor = replicas.roles().1.pod;
            replicas.world.wire.disturb_position(*position, fault.clone());
            story.run(&replicas.world).await;
            let what = format!("{story:?}, {fault:?} at request {position}\n{}", replicas.world.wire);
            assert_eq!(End::of(&replicas.world), calm, "{what}");
            assert_eq!(replicas.holder().unwrap().pod, survivor, "{what}");
        }
    }
    println!("{story:?}: {} deaths of the leader", positions.len() * 2);
}

#[tokio::test(start_paused = true)]
async fn a_create_is_finished_by_the_other_replica_wherever_the_leader_dies() {
    sweep(Story::Create).await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_finished_by_the_other_replica_wherever_the_leader_dies() {
    sweep(Story::Delete).await;
}
