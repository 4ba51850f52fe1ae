//! What the other tests rely on: the control plane works, rights are real, and nothing stays behind.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, api::DeleteParams};
use test_support::{
    AzureEndpoints, KubectlError, OperatorOptions, OperatorProcess, Program, Waiter, WorkDir, WorkloadIdentity,
    client_for, shared_control_plane,
};

#[tokio::test]
async fn applied_objects_can_be_read_waited_for_and_counted() {
    let control_plane = shared_control_plane().await.unwrap();
    let namespace = control_plane.create_namespace("harness").await.unwrap();
    let manifest = |value: &str| {
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings, namespace: {namespace}}}, data: {{key: {value}}}}}"
        )
    };

    let said = control_plane.apply(&manifest("first")).await.unwrap();
    assert_eq!(said.trim(), "configmap/settings created");
    control_plane.apply(&manifest("second")).await.unwrap();
    control_plane.apply(&manifest("second")).await.unwrap();

    let maps = Api::<ConfigMap>::namespaced(control_plane.client().await.unwrap(), &namespace);
    let waiter = Waiter::new(maps.clone(), "settings");
    let has = |value: &'static str| {
        move |map: Option<&ConfigMap>| {
            map.and_then(|map| map.data.as_ref())
                .is_some_and(|data| data.get("key").is_some_and(|found| found == value))
        }
    };
    waiter.until("updated", has("second")).await.unwrap();
    maps.delete("settings", &DeleteParams::default()).await.unwrap();
    waiter.until_gone().await.unwrap();

    let verbs: Vec<String> = control_plane
        .audit_writes("configmaps", &namespace, "settings")
        .unwrap()
        .into_iter()
        .map(|event| event.verb)
        .collect();
    assert_eq!(verbs, ["create", "patch", "delete"], "the third apply changed nothing and sends nothing");

    let too_late = waiter.within(Duration::from_millis(50)).until("created again", has("third")).await.unwrap_err();
    assert!(
        too_late.to_string().contains(&format!("ConfigMap {namespace}/settings was not created again")),
        "{too_late}"
    );
    assert!(too_late.to_string().contains("it does not exist"), "{too_late}");
}

#[tokio::test]
async fn a_service_account_has_the_rights_of_its_bindings_and_no_others() {
    let control_plane = shared_control_plane().await.unwrap();
    let namespace = control_plane.create_namespace("harness").await.unwrap();
    control_plane
        .apply(&format!(
            "
apiVersion: v1
kind: ServiceAccount
metadata: {{ name: reader, namespace: {namespace} }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{ name: reader, namespace: {namespace} }}
rules:
- {{ apiGroups: [''], resources: [configmaps], verbs: [get, list] }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{ name: reader, namespace: {namespace} }}
roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }}
subjects:
- {{ kind: ServiceAccount, name: reader, namespace: {namespace} }}
"
        ))
        .await
        .unwrap();

    let kubeconfig = control_plane.service_account_kubeconfig(&namespace, "reader").await.unwrap();
    let client = client_for(&kubeconfig).await.unwrap();
    let listed = Api::<ConfigMap>::default_namespaced(client.clone()).list(&Default::default()).await.unwrap();
    assert_eq!(listed.items.len(), 0);
    let refused = Api::<Namespace>::all(client).list(&Default::default()).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused:?}");

    let kubectl = control_plane.kubectl().with_kubeconfig(&kubeconfig);
    let refused = kubectl.run(&["delete", "configmap", "settings"]).await.unwrap_err();
    let user = format!("system:serviceaccount:{namespace}:reader");
    assert!(matches!(&refused, KubectlError::Refused { stderr, .. } if stderr.contains(&user)), "{refused}");

    let file =
        control_plane.service_account_token_file(&namespace, "reader", "api://AzureADTokenExchange").await.unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap().split('.').count(), 3, "a signed JWT has three parts");
}

#[tokio::test]
async fn a_process_is_stopped_by_signal_by_force_and_by_being_forgotten() {
    let work = WorkDir::new().unwrap();
    let shell = |script: &str| Program::new("/bin/sh").args(["-c", script]);
    let said = |log: &'static str| work.join(log);

    let polite =
        shell("trap 'echo asked; exit 7' TERM; echo up; while :; do sleep 0.01; done").spawn(&said("polite")).unwrap();
    until("the program is up", || polite.log().contains("up")).await;
    let status = polite.terminate(Duration::from_secs(30)).await.unwrap().unwrap();
    assert_eq!((status.code(), polite.log().as_str()), (Some(7), "up\nasked\n"));

    let stubborn =
        shell("trap 'echo ignored' TERM; echo up; while :; do sleep 0.01; done").spawn(&said("stubborn")).unwrap();
    until("the program is up", || stubborn.log().contains("up")).await;
    let refused = stubborn.terminate(Duration::from_millis(100)).await.unwrap_err();
    assert!(refused.to_string().contains("sh did not stop within 100ms of SIGTERM"), "{refused}");
    assert_eq!(stubborn.exit_status(), None);
    assert_eq!(stubborn.kill().await.unwrap().code(), None, "killed by a signal");

    let forgotten = shell("while :; do sleep 0.01; done").spawn(&said("forgotten")).unwrap();
    let id = forgotten.id();
    assert!(runs(id));
    drop(forgotten);
    assert!(!runs(id), "dropping waits for the end");

    let missing = Program::new("/nowhere/operator").spawn(&said("missing")).unwrap_err();
    assert_eq!(missing.to_string(), "cannot start /nowhere/operator");
}

#[tokio::test]
async fn an_operator_that_ends_at_once_is_reported_with_its_status() {
    let nowhere = PathBuf::from("/nowhere");
    let azure = AzureEndpoints::emulated("https://127.0.0.1:1", &nowhere);
    let identity = WorkloadIdentity {
        client_id: "client".to_owned(),
        tenant_id: "tenant".to_owned(),
        token_file: nowhere.clone(),
    };
    let options = OperatorOptions::new(nowhere, azure, identity);
    let operator = OperatorProcess::start(Path::new("/bin/false"), &options).unwrap();
    let error = operator.wait_ready().await.unwrap_err();
    let said = "the operator ended before it was ready (exit status: 1); the end of its log:\n    (nothing printed)";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn a_killed_parent_leaves_no_processes_and_no_files() {
    // Provides the programs first, so that they are not built by a parent that is about to be killed.
    shared_control_plane().await.unwrap();
    let mut parent = Command::new(env!("CARGO_BIN_EXE_control-plane")).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
    let kubeconfig = PathBuf::from(lines.next().unwrap().strip_prefix("export KUBECONFIG=").unwrap());
    let children: Vec<u32> =
        lines.by_ref().take(2).map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(children.iter().copied().all(runs), "{children:?}");
    assert!(kubeconfig.exists());

    parent.kill().unwrap();
    parent.wait().unwrap();

    until("etcd and kube-apiserver are gone", || !children.iter().copied().any(runs)).await;
    until("their files are gone", || !kubeconfig.parent().is_some_and(Path::exists)).await;
}

/// Whether a process runs; one that has ended and is not reaped yet does not. Linux has /proc, others have ps.
fn runs(id: u32) -> bool {
    let state = if Path::new("/proc/self").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().unwrap_or_default().to_owned()
    } else {
        let ps = Command::new("ps").args(["-o", "stat=", "-p", &id.to_string()]).output().unwrap();
        String::from_utf8(ps.stdout).unwrap()
    };
    !state.is_empty() && !state.starts_with('Z')
}

/// Waits for something that nothing announces.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < test_support::PATIENCE, "not within {:?}: {what}", test_support::PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
