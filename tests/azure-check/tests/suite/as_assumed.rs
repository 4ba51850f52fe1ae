//! The emulator does everything that is assumed of Azure.

use std::collections::BTreeSet;

use azure_check::assumption::Check;
use azure_check::assumptions;
use azure_emulator::SoftDeleteState;

use crate::emulated::Azure;

/// Everything that can be checked, but for these.
fn checkable(but: &[&str]) -> BTreeSet<&'static str> {
    let trials = assumptions::all().filter(|assumption| matches!(assumption.check, Check::Trial(_)));
    trials.map(|assumption| assumption.id).filter(|id| !but.contains(id)).collect()
}

#[tokio::test]
async fn in_a_vault_whose_soft_delete_is_on() {
    let azure = Azure::start().await;
    let run = azure.check(&["--other-policy", "monthly", "--yes"]).await;
    assert_eq!(run.as_assumed(), checkable(&["delete-is-always-soft", "delete-is-final"]), "{}", run.output);
    assert_eq!(run.report().exit_code(), 0);
    let (instances, soft_deleted) = azure.left();
    assert!(instances.is_empty(), "{instances:?}");
    // What such a vault has once had, it keeps for a while; the run says so.
    let [name] = &soft_deleted[..] else { panic!("{soft_deleted:?}") };
    assert!(name.starts_with("azure-check-orders-"), "{name}");
    assert!(run.output.contains(&format!("keeps the deleted backup instance {name} until 20")), "{}", run.output);
}

#[tokio::test]
async fn in_a_vault_whose_soft_delete_is_off() {
    let azure = Azure::start().await;
    azure.set_soft_delete(SoftDeleteState::Off);
    let run = azure.check(&["--other-policy", "monthly", "--yes"]).await;
    assert_eq!(run.as_assumed(), checkable(&["delete"]), "{}", run.output);
    assert_eq!(run.report().exit_code(), 0);
    assert_eq!(azure.left(), (vec![], vec![]), "{}", run.output);
    assert!(run.output.ends_with("not checked."), "nothing is left: {}", run.output);
}

#[tokio::test]
async fn in_the_course_of_a_second_run_as_far_as_the_first_one_lets_it() {
    let azure = Azure::start().await;
    azure.check(&["--only", "create", "--yes"]).await;
    let run = azure.check(&["--other-policy", "monthly", "--yes"]).await;
    let first = ["validate", "operation-before-protection", "put-while-configuring", "create"];
    assert_eq!(run.prevented(), first.into_iter().collect(), "{}", run.output);
    assert_eq!(run.as_assumed().len() + first.len() + 2, checkable(&[]).len(), "{}", run.output);
    assert_eq!(run.report().exit_code(), 2, "not everything could be checked");
    assert!(azure.left().0.is_empty());
}

/// Whatever is asked for alone brings the instance to where it has to be, and leaves no instance behind.
#[tokio::test]
async fn one_by_one() {
    let with_soft_delete_off = ["delete-is-always-soft", "delete-is-final"];
    for id in checkable(&[]) {
        let azure = Azure::start().await;
        if with_soft_delete_off.contains(&id) {
            azure.set_soft_delete(SoftDeleteState::Off);
        }
        let run = azure.check(&["--only", id, "--other-policy", "monthly", "--yes"]).await;
        assert_eq!(run.as_assumed(), [id].into(), "{}", run.output);
        assert_eq!((run.report().exit_code(), azure.left().0), (0, vec![]), "{id}: {}", run.output);
    }
}

#[tokio::test]
async fn with_an_older_version_as_far_as_that_goes() {
    let azure = Azure::start().await;
    azure.set_soft_delete(SoftDeleteState::Off);
    let run = azure.check(&["--api-version", "2021-01-01", "--yes"]).await;
    for id in ["create", "change-policy", "stop", "validate-change", "undelete"] {
        assert_eq!(run.as_assumed().contains(id), id == "create", "{id}: {}", run.output);
    }
    assert_eq!(run.different(), BTreeSet::new(), "{}", run.output);
    assert_eq!(azure.left(), (vec![], vec![]));
}
