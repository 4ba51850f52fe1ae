//! What the chart hands to Prometheus and Grafana is what stands in its files.

use serde_json::Value;

use crate::helm::{chart, objects, only, render};

#[test]
fn alerts_and_dashboard_arrive_unchanged() {
    let objects = objects(&render("prometheusRule: { enabled: true }\ndashboard: { enabled: true }").unwrap());
    let read = |file: &str| std::fs::read_to_string(chart().join("files").join(file)).unwrap();
    let alerts: Value = serde_saphyr::from_str(&read("alerts.yaml")).unwrap();
    assert_eq!(only(&objects, "PrometheusRule")["spec"], alerts);
    let text = only(&objects, "ConfigMap")["data"]["postgres-backup-operator.json"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(text).unwrap();
    assert_eq!(dashboard, serde_json::from_str::<Value>(&read("dashboard.json")).unwrap());
    assert!(dashboard["title"].is_string());
}
