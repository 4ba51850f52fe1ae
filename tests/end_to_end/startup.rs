//! What the binary says when it cannot run, and that it never says a secret.

use std::process::{Command, Output};

use crate::stage::{Stage, binary, flexible_server, project};

/// Runs the binary in an empty environment until it ends.
fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(binary()).env_clear().envs(env.iter().copied()).args(args).output().unwrap()
}

#[test]
fn it_says_in_one_message_why_it_cannot_run() {
    let kubeconfig = project().join("tests/end_to_end/unreachable-kubeconfig.yaml");
    let kubeconfig = kubeconfig.to_str().unwrap();
    let secret = [("AZURE_CLIENT_SECRET", "s3cr3t"), ("AZURE_CLIENT_ID", "id"), ("AZURE_TENANT_ID", "tenant")];
    let with = |more: &[(&'static str, &'static str)]| [&secret[..], more].concat();
    let unreachable = [&secret[..], &[("KUBECONFIG", kubeconfig)]].concat();
    for (expected, args, env) in [
        ("is not supported; use one of 2021-01-01", &["run", "--api-version", "2020-01-01"][..], vec![]),
        ("no Azure credential found", &["run"], vec![]),
        ("AZURE_TENANT_ID", &["run", "--credential", "workload-identity"], vec![("AZURE_CLIENT_ID", "id")]),
        ("found no Kubernetes cluster", &["run"], with(&[("HOME", "/nonexistent")])),
        ("the Kubernetes API server https://127.0.0.1:1/ cannot be reached", &["run"], unreachable),
        ("cannot read the certificate authorities in /nonexistent", &["run", "--ca-bundle", "/nonexistent"], with(&[])),
        ("only https is allowed", &["run", "--arm-endpoint", "http://management.azure.com"], with(&[])),
        ("--log", &["run", "--log", "postgres=loud"], with(&[])),
        ("give it with --leader-election-namespace", &["run", "--leader-elect"], with(&[])),
        (
            "has to be longer than the renew deadline (15 s)",
            &["run", "--leader-election-renew-deadline=15s"],
            with(&[("POD_NAMESPACE", "backup")]),
        ),
    ] {
        let output = run(args, &env);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{args:?} runs");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert!(!message.contains("s3cr3t"), "{message}");
        assert!(message.starts_with("error: ") && !message.contains("panicked"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_never_reach_log_status_or_events() {
    let stage = Stage::new().await.with_args(&["--log=trace,hyper=info,h2=info"]);
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    let object = stage.until_ready("orders", &operator).await;
    let log = operator.log();
    let status = serde_json::to_string(&object.status).unwrap();
    let assertion = std::fs::read_to_string(&stage.options.identity.token_file).unwrap();
    let kubeconfig = std::fs::read_to_string(&stage.options.kubeconfig).unwrap();
    let account = kubeconfig.split("token: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    for secret in [assertion.trim(), account, "Bearer "] {
        assert!(!log.contains(secret), "in the log: {}", &log[log.find(secret).unwrap_or(0)..]);
        assert!(!status.contains(secret), "in status");
    }
}
