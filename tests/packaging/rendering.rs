//! What the chart makes of values: objects that a real API server takes as they are, and that say what was asked for.

use clap::Parser;
use postgres_backup_operator::cli::Cli;
use serde_json::{Value, json};

use crate::helm::{arguments, objects, only, render};
use crate::site::cluster_of_all_kinds;

/// Nothing is stored, and every field has to be known.
const DRY_RUN: &[&str] =
    &["apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-"];

/// A case: values, and what some kinds have at some places (JSON pointers) then.
struct Case {
    name: &'static str,
    values: &'static str,
    expected: Vec<(&'static str, &'static str, Value)>,
}

fn case(name: &'static str, values: &'static str, expected: Vec<(&'static str, &'static str, Value)>) -> Case {
    Case { name, values, expected }
}

fn cases() -> Vec<Case> {
    let id = "/subscriptions/11111111-1111-4111-8111-111111111111";
    vec![
        case(
            "defaults",
            "",
            vec![
                ("Deployment", "/spec/replicas", json!(2)),
                ("Deployment", "/spec/strategy/type", json!("RollingUpdate")),
                ("Deployment", "/spec/template/metadata/labels/azure.workload.identity~1use", json!("true")),
                (
                    "ServiceAccount",
                    "/metadata/annotations/azure.workload.identity~1client-id",
                    json!("44444444-4444-4444-8444-444444444444"),
                ),
                (
                    "Deployment",
                    "/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels/app.kubernetes.io~1name",
                    json!("postgres-backup-operator"),
                ),
                ("PodDisruptionBudget", "/spec/maxUnavailable", json!(1)),
            ],
        ),
        case(
            "one replica",
            "replicas: 1\nleaderElection: { enabled: false }",
            vec![("Deployment", "/spec/strategy/type", json!("Recreate")), ("PodDisruptionBudget", "", Value::Null)],
        ),
        case(
            "some namespaces, and grants",
            "watchNamespaces: [shop, billing]\nclusterName: blue\ngrants: { shop: { namespaces: { names: [shop] }, vaults: [/subscriptions/11111111-1111-4111-8111-111111111111], databases: [/subscriptions/11111111-1111-4111-8111-111111111111] } }",
            vec![("PostgresBackupGrant", "/spec/vaults/0", json!(id))],
        ),
        case(
            "all that is monitored",
            "serviceMonitor: { enabled: true, labels: { release: prometheus } }\npodMonitor: { enabled: true, interval: 1m }\nprometheusRule: { enabled: true }\ndashboard: { enabled: true, annotations: { folder: Azure } }",
            vec![
                ("ServiceMonitor", "/metadata/labels/release", json!("prometheus")),
                ("PodMonitor", "/spec/podMetricsEndpoints/0/interval", json!("1m")),
                ("PrometheusRule", "/spec/groups/0/name", json!("postgres-backup-operator")),
                ("ConfigMap", "/metadata/labels/grafana_dashboard", json!("1")),
            ],
        ),
        case(
            "an image by digest",
            "image: { repository: registry.example/pgbackup, tag: ignored, digest: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', pullPolicy: Always }\nimagePullSecrets: [{ name: registry }]",
            vec![(
                "Deployment",
                "/spec/template/spec/containers/0/image",
                json!(
                    "registry.example/pgbackup@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                ),
            )],
        ),
        case(
            "behind a proxy that inspects TLS",
            "proxy: { https: 'http://proxy.example:3128' }\nazure: { caBundle: { configMap: company-ca } }\nnetworkPolicy: { egressPorts: [443, 6443, 3128] }",
            vec![
                ("Deployment", "/spec/template/spec/volumes/0/configMap/name", json!("company-ca")),
                ("Deployment", "/spec/template/spec/containers/0/env/1/value", json!("http://proxy.example:3128")),
                ("NetworkPolicy", "/spec/egress/1/ports/2/port", json!(3128)),
            ],
        ),
        case(
            "a managed identity of the nodes in another cloud",
            "azure: { cloud: us-government, credential: managed-identity, apiVersion: '2025-07-01' }",
            vec![
                ("Deployment", "/spec/template/metadata/labels/azure.workload.identity~1use", Value::Null),
                ("NetworkPolicy", "/spec/egress/2/to/0/ipBlock/cidr", json!("169.254.169.254/32")),
            ],
        ),
        case(
            "where and how it runs",
            "nodeSelector: { kubernetes.io/os: linux }\ntolerations: [{ key: critical, operator: Exists }]\npriorityClassName: system-cluster-critical\nruntimeClassName: gvisor\naffinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: pool, operator: In, values: [system] }] }] } } }\ntopologySpreadConstraints: [{ maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule }]",
            vec![
                ("Deployment", "/spec/template/spec/runtimeClassName", json!("gvisor")),
                (
                    "Deployment",
                    "/spec/template/spec/topologySpreadConstraints/0/topologyKey",
                    json!("topology.kubernetes.io/zone"),
                ),
            ],
        ),
        case(
            "more of everything",
            "commonLabels: { team: platform }\npodLabels: { tier: control }\npodAnnotations: { note: hello }\nextraArgs: [--poll-interval=30s]\nextraEnv: [{ name: RUST_BACKTRACE, value: '1' }]\nextraVolumes: [{ name: scratch, emptyDir: {} }]\nextraVolumeMounts: [{ name: scratch, mountPath: /scratch }]\nextraObjects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: '{{ .Release.Name }}-extra' } }]",
            vec![
                ("ConfigMap", "/metadata/name", json!("postgres-backup-operator-extra")),
                ("Deployment", "/metadata/labels/team", json!("platform")),
                ("Deployment", "/spec/template/spec/containers/0/volumeMounts/0/mountPath", json!("/scratch")),
            ],
        ),
        case(
            "what others bring",
            "crds: { enabled: false }\nserviceAccount: { create: false, name: theirs }\nrbac: { create: false, aggregateToView: false, aggregateToEdit: false }\nservice: { enabled: false }\nnetworkPolicy: { enabled: false }\npodDisruptionBudget: { enabled: false }",
            vec![
                ("Deployment", "/spec/template/spec/serviceAccountName", json!("theirs")),
                ("ServiceAccount", "", Value::Null),
                ("ClusterRole", "", Value::Null),
                ("CustomResourceDefinition", "", Value::Null),
            ],
        ),
        case(
            "a deletion guard",
            "deletionGuard: { enabled: true }\nfullnameOverride: guarded",
            vec![("Deployment", "/metadata/name", json!("guarded"))],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_object_is_what_was_asked_for_and_accepted_by_a_real_api_server() {
    let control_plane = cluster_of_all_kinds().await;
    for Case { name, values, expected } in cases() {
        let manifests = render(values).unwrap_or_else(|error| panic!("{name}: {error}"));
        let objects = objects(&manifests);
        for (kind, pointer, value) in expected {
            let found = objects.iter().find(|object| object["kind"] == kind);
            let actual = found.and_then(|object| object.pointer(pointer)).cloned().unwrap_or_default();
            assert_eq!(actual, value, "{name}: {kind}{pointer}");
        }
        let accepted = control_plane.kubectl().run_with_input(DRY_RUN, &manifests).await;
        let accepted = accepted.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(accepted.lines().count(), objects.len(), "{name}: {accepted}");
        let args = arguments(only(&objects, "Deployment"));
        let command = [&["postgres-backup-operator".to_owned()], &args[..]].concat();
        Cli::try_parse_from(command).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_server_does_not_know_would_be_noticed() {
    let control_plane = cluster_of_all_kinds().await;
    for (kind, line, replaced) in
        [("Deployment", "replicas: 2", "replicaCount: 2"), ("ServiceMonitor", "path: /metrics", "paht: /metrics")]
    {
        let manifests = render("serviceMonitor: { enabled: true }").unwrap();
        assert!(manifests.contains(line), "{kind}");
        let broken = manifests.replace(line, replaced);
        let refused = control_plane.kubectl().run_with_input(DRY_RUN, &broken).await.unwrap_err().to_string();
        assert!(refused.contains(&replaced[..4]), "{kind}: {refused}");
    }
}
