//! SIGKILL at the worst moments: a restarted operator goes on where its predecessor stopped.

use azure_emulator::Kind;
use kube::api::DeleteParams;
use postgres_backup_operator::api::PostgresBackup;
use postgres_backup_operator::api::v1alpha1::OperationKind;
use test_support::OperatorProcess;

use crate::stage::{Stage, flexible_server};

/// Waits until status records a request of this kind.
async fn until_recorded(stage: &Stage<'_>, operator: &OperatorProcess, kind: OperationKind) {
    let recorded = move |object: Option<&PostgresBackup>| {
        let operation = object.and_then(|object| object.status.as_ref()?.operation.as_ref());
        operation.is_some_and(|operation| operation.kind == kind)
    };
    stage.waiter("orders", operator).until(&format!("recording {kind:?}"), recorded).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_validation_it_follows_the_same_validation() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    until_recorded(&stage, &operator, OperationKind::Validate).await;
    operator.kill().await;

    let operator = stage.operator().await;
    stage.until_ready("orders", &operator).await;
    assert_eq!((stage.count(Kind::ValidateForBackup), stage.count(Kind::PutInstance)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_create_it_does_not_create_again() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    stage.until_requested(Kind::PutInstance).await;
    operator.kill().await;

    let operator = stage.operator().await;
    stage.until_ready("orders", &operator).await;
    assert_eq!((stage.count(Kind::ValidateForBackup), stage.count(Kind::PutInstance)), (1, 1));
    assert_eq!(stage.emulator.engine().lock().unwrap().instances().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_delete_it_waits_for_the_same_delete() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    stage.until_ready("orders", &operator).await;
    stage.api().delete("orders", &DeleteParams::default()).await.unwrap();
    stage.until_requested(Kind::DeleteInstance).await;
    operator.kill().await;
    assert!(stage.get("orders").await.metadata.deletion_timestamp.is_some(), "the finalizer holds the object");

    let operator = stage.operator().await;
    stage.waiter("orders", &operator).until_gone().await.unwrap();
    assert_eq!(stage.count(Kind::DeleteInstance), 1);
    assert_eq!(stage.emulator.engine().lock().unwrap().instances().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_healthy_objects_changes_nothing() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    let before = stage.until_ready("orders", &operator).await;
    let status = operator.terminate().await.unwrap();
    assert!(status.is_some_and(|status| status.success()), "SIGTERM ends it with {status:?}:\n{}", operator.log());
    // Only now: the audit log follows the answers a moment later.
    let (seen, writes) = (stage.count(Kind::GetInstance), stage.object_writes("orders"));

    let operator = stage.operator().await;
    for _ in 0..1000 {
        if stage.count(Kind::GetInstance) > seen {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(stage.count(Kind::GetInstance), seen + 1, "one look, but:\n{}", operator.log());
    assert_eq!(stage.count(Kind::PutInstance), 1);
    assert_eq!(stage.object_writes("orders"), writes);
    assert_eq!(stage.get("orders").await.metadata.resource_version, before.metadata.resource_version);
}
