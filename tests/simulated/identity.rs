//! The token endpoint is slow, down, or lies: nothing is sent without a token, no slot is lost, nobody is asked over and over.

use std::time::Duration;

use postgres_backup_operator::api::Reason;
use postgres_backup_operator::api::conditions::ConditionType;

use crate::azure::SignIn;
use crate::samples;
use crate::wire::{Call, Sent};
use crate::world::{World, is};

const MINUTE: Duration = Duration::from_secs(60);

/// More objects than there are slots for passes.
const FLEET: usize = 40;

fn fleet() -> impl Iterator<Item = String> {
    (0..FLEET).map(|number| format!("fleet-{number:02}"))
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_is_sent_and_everybody_is_told_and_goes_on_when_there_is_one() {
    for trouble in [SignIn::Fails, SignIn::Hangs] {
        let world = World::start();
        world.azure.sign_in(trouble);
        fleet().for_each(|name| world.kubernetes.create(&samples::flexible(&name)));
        for name in fleet() {
            world.reconciling(&name, Reason::CredentialUnavailable).await;
        }
        world.pass(20 * MINUTE).await;
        assert_eq!(world.wire.count(Call::is_azure), 0, "{trouble:?}");
        // Each object asks about once a minute, after a few quicker tries at the beginning.
        let asked = world.azure.sign_ins();
        assert!(asked <= FLEET * 40, "{trouble:?}: {asked} sign-ins");
        let written = |sent: &Sent| sent.call == Call::ApplyStatus && sent.answer == Some(200);
        let writes = world.wire.count_sent(written);
        assert!(writes <= FLEET, "{trouble:?}: {writes} writes");

        world.azure.sign_in(SignIn::Works);
        let begun = world.elapsed();
        for name in fleet() {
            world.ready(&name).await;
        }
        assert!(world.elapsed() - begun < 10 * MINUTE, "{trouble:?}: {:?}", world.elapsed() - begun);
        assert_eq!(world.azure.instances().len(), FLEET);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_protected_stays_ready_while_nobody_can_sign_in_until_the_deadline() {
    let world = World::protected().await;
    world.azure.revoke_tokens();
    world.azure.sign_in(SignIn::Fails);
    world.pass(25 * MINUTE).await;
    assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready));
    world.stalled("orders", Reason::CredentialUnavailable).await;
    world.azure.sign_in(SignIn::Works);
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_spent_at_once_cost_one_sign_in_for_each_request() {
    let world = World::start();
    world.azure.sign_in(SignIn::GivesSpentTokens);
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    assert_eq!(world.azure.sign_ins(), world.wire.count(Call::is_azure));
}
