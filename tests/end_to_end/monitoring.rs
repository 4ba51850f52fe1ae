//! What an operator exports while it works, as a real Prometheus scrapes it: every panel of the dashboard shows data, and
//! every rule can be evaluated.

use std::process::Command;
use std::time::{Duration, Instant};

use azure_emulator::Kind;
use jiff::Timestamp;
use kube::api::DeleteParams;
use postgres_backup_operator::api::DeletionPolicy;
use postgres_backup_operator::metrics::definition;
use serde_json::{Value, json};
use test_support::Prometheus;

use crate::stage::{Stage, condition, flexible_server, project, single_server_database};

/// How long a panel may take to show data once everything has happened.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Grafana puts in for its variables, on this test's scale of time.
const VARIABLES: [(&str, &str); 1] = [("$__rate_interval", "5s")];

/// The titles and queries of the dashboard's panels.
fn panels() -> Vec<(String, String)> {
    let path = project().join("charts/postgres-backup-operator/files/dashboard.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel:#}");
        for target in targets {
            let mut query = target["expr"].as_str().unwrap().to_owned();
            for (variable, value) in VARIABLES {
                query = query.replace(variable, value);
            }
            queries.push((panel["title"].as_str().unwrap().to_owned(), query));
        }
    }
    queries
}

/// The names and expressions of the alerts.
fn alerts() -> Vec<(String, String)> {
    let path = project().join("charts/postgres-backup-operator/files/alerts.yaml");
    let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rules = file["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules.map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

/// Lets happen in Azure and in the cluster what the panels tell of.
async fn let_everything_happen(stage: &Stage<'_>, operator: &test_support::OperatorProcess) {
    let throttled =
        json!({ "kind": "getVault", "effect": { "respond": { "status": 429, "headers": { "Retry-After": "1" } } } });
    stage.emulator.engine().lock().unwrap().add_fault(serde_json::from_value(throttled).unwrap());
    // Waits for a permission, while Azure validates again and again.
    stage.create("billing", flexible_server("billing")).await;
    // Is put right after somebody has changed it, then deleted.
    stage.create("orders", flexible_server("orders")).await;
    stage.until_ready("orders", operator).await;
    {
        let engine = stage.emulator.engine();
        let mut engine = engine.lock().unwrap();
        let id = engine.instances().next().unwrap().id.clone();
        let instance = engine.instance_mut(&id).unwrap();
        let monthly = instance.spec.policy.policy_id.to_string().replace("/weekly", "/monthly");
        instance.spec.policy.policy_id = azure_emulator::ResourceId::parse(&monthly).unwrap();
    }
    stage.until_event("orders", "DriftCorrected").await;
    stage.api().delete("orders", &DeleteParams::default()).await.unwrap();
    stage.waiter("orders", operator).until_gone().await.unwrap();
    // Is where it should be and stays there.
    stage.create("empdb11", single_server_database()).await;
    stage.until_ready("empdb11", operator).await;
    // Only looks, and finds what was deleted.
    let mut observing = flexible_server("orders");
    observing["mode"] = json!("Observe");
    stage.create("observed", observing).await;
    let object = stage.until_reason("observed", operator, "SoftDeleted").await;
    assert_eq!(condition(&object, "Stalled"), Some(("True", "SoftDeleted")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_panel_shows_data_and_every_rule_reads_what_is_exported() {
    let stage = Stage::new().await.with_args(&["--drift-interval=1s"]);
    let operator = stage.operator().await;
    let address = operator.wait_ready().await.unwrap();
    let start = Timestamp::now().to_string();
    let prometheus = Prometheus::scraping(address, Duration::from_millis(100)).await.unwrap();
    let_everything_happen(&stage, &operator).await;

    let samples: Vec<String> =
        definition::ALL.iter().flat_map(|definition| definition.samples().collect::<Vec<_>>()).collect();
    for (title, query) in panels().into_iter().chain(alerts()) {
        let metrics = prometheus.metrics_of(&query).await.unwrap();
        assert!(!metrics.is_empty(), "{title}: {query}");
        for metric in metrics {
            assert!(samples.contains(&metric), "{title}: the operator does not export {metric}");
        }
    }
    let begun = Instant::now();
    for (title, query) in panels() {
        loop {
            let end = Timestamp::now().to_string();
            let range = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", "500ms")];
            let data = prometheus.get("query_range", &range).await.unwrap();
            if data["result"].as_array().is_some_and(|series| !series.is_empty()) {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{title} shows nothing: {query}\n{}", metrics_text(address).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    for (title, query) in alerts() {
        prometheus.get("query", &[("query", &query)]).await.unwrap_or_else(|error| panic!("{title}: {error}"));
    }

    // What Prometheus has understood is what the cluster and Azure hold.
    let named = prometheus.get("query", &[("query", definition::NOT_READY_SINCE.name)]).await.unwrap();
    let mut waiting: Vec<_> = named["result"].as_array().unwrap().iter().map(|series| &series["metric"]).collect();
    waiting.sort_by_key(|labels| labels["resource_name"].as_str().map(str::to_owned));
    let waiting: Vec<_> = waiting
        .iter()
        .map(|labels| (&labels["resource_namespace"], &labels["resource_name"], &labels["condition"]))
        .collect();
    let namespace = json!(stage.namespace);
    assert_eq!(
        waiting,
        [(&namespace, &json!("billing"), &json!("Reconciling")), (&namespace, &json!("observed"), &json!("Stalled"))]
    );
    let value = async |query: &str| {
        let data = prometheus.get("query", &[("query", query)]).await.unwrap();
        data["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    assert_eq!(value("postgresbackup_conditions{type=\"Ready\",status=\"True\"}").await.as_deref(), Some("1"));
    assert_eq!(value("postgresbackup_drift_corrected_total").await.as_deref(), Some("1"));
    assert_eq!(value("postgresbackup_instances_deleted_total").await.as_deref(), Some("1"));
    assert_eq!(value("azure_requests_total{code=\"429\"}").await.as_deref(), Some("1"));
    let puts = stage.count(Kind::PutInstance).to_string();
    assert_eq!(value("sum(azure_requests_total{operation=\"put_backup_instance\"})").await, Some(puts));
    let targets = prometheus.get("targets", &[]).await.unwrap();
    assert_eq!(
        (&targets["activeTargets"][0]["health"], &targets["activeTargets"][0]["lastError"]),
        (&json!("up"), &json!(""))
    );
    let metadata = prometheus.get("targets/metadata", &[("metric", "azure_requests")]).await.unwrap();
    assert_eq!((&metadata[0]["type"], &metadata[0]["help"]), (&json!("counter"), &json!(definition::REQUESTS.help)));
}

async fn metrics_text(address: std::net::SocketAddr) -> String {
    reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap()
}

/// The shell blocks of a page, without what needs more than `PostgresBackup`s in a cluster: pods, Azure, a raw API.
fn commands(page: &str) -> impl Iterator<Item = String> {
    let elsewhere = ["-n postgres-backup-operator", "az ", "--raw", "| grep", "postgres-backup-operator crd"];
    page.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```")).map(move |(block, _)| {
        let lines = block.lines().filter(|line| !elsewhere.iter().any(|part| line.contains(part)));
        lines.collect::<Vec<_>>().join("\n")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_runbooks_work() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    stage.create("billing", flexible_server("billing")).await;
    stage.until_reason("billing", &operator, "MissingPermissions").await;
    // So that what is deleted stays, as the runbook about deletions has it.
    operator.terminate().await.unwrap();
    stage.api().delete("billing", &DeleteParams::default()).await.unwrap();

    let build = project().join("tests/control-plane/build.sh");
    let assets = Command::new("/bin/sh").arg(build).output().unwrap();
    let path = format!("{}:{}", String::from_utf8(assets.stdout).unwrap().trim(), std::env::var("PATH").unwrap());
    let mut count = 0;
    for entry in std::fs::read_dir(project().join("docs/runbooks")).unwrap() {
        let page = entry.unwrap().path();
        for block in commands(&std::fs::read_to_string(&page).unwrap()).filter(|block| block.contains("kubectl")) {
            // The other namespaces are other tests'.
            let here = format!("get pgb -n {}", stage.namespace);
            let block =
                block.replace("get pgb -A", &here).replace("NAMESPACE", &stage.namespace).replace("NAME", "orders");
            let mut shell = Command::new("/bin/sh");
            shell
                .args(["-e", "-c", &block])
                .env("PATH", &path)
                .env("KUBECONFIG", stage.control_plane.admin_kubeconfig());
            let output = shell.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{}: {block}\n{said}", page.display());
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} blocks found");
    let policies = ["orders", "billing"].map(async |name| stage.get(name).await.spec.deletion_policy);
    let [orders, billing] = policies;
    assert_eq!((orders.await, billing.await), (DeletionPolicy::Delete, DeletionPolicy::Retain));
}
