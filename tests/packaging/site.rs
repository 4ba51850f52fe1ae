//! Clusters to install into.

use std::path::{Path, PathBuf};

use kube::Api;
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use postgres_backup_operator::api::crd::Kind;
use test_support::{
    AzureEndpoints, ControlPlane, EXCHANGE_AUDIENCE, OperatorOptions, WorkloadIdentity, shared_control_plane,
};
use tokio::sync::OnceCell;

use crate::helm::{IDENTITY, NAME, arguments, helm, objects, only, project};

/// The names of the definitions that the chart brings.
pub fn definitions() -> [String; 2] {
    Kind::ALL.map(|kind| format!("{}.pgbackup.dev", kind.plural()))
}

/// The operator.
pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_postgres-backup-operator"))
}

/// Waits until the API server serves kinds.
pub async fn served(control_plane: &ControlPlane, definitions: &[String]) {
    let api = Api::all(control_plane.client().await.unwrap());
    for name in definitions {
        await_condition(api.clone(), name, is_crd_established()).await.unwrap();
    }
}

/// A cluster that knows every kind that the chart can create, for dry runs.
pub async fn cluster_of_all_kinds() -> &'static ControlPlane {
    static KNOWN: OnceCell<()> = OnceCell::const_new();
    let control_plane = shared_control_plane().await.unwrap();
    KNOWN
        .get_or_init(async || {
            let foreign = ["podmonitors", "prometheusrules", "servicemonitors"];
            let ours = definitions().map(|name| format!("crds/{name}.yaml"));
            let files = foreign.map(|kind| format!("tests/vectors/prometheus-operator/{kind}.yaml"));
            for file in ours.into_iter().chain(files) {
                let file = project().join(file);
                let args = ["apply", "--server-side", "-f", file.to_str().unwrap()];
                control_plane.kubectl().run(&args).await.unwrap();
            }
            served(control_plane, &definitions()).await;
            served(control_plane, &foreign.map(|kind| format!("{kind}.monitoring.coreos.com"))).await;
            for namespace in ["postgres-backup-operator", "shop", "billing", "team-a"] {
                control_plane.kubectl().run(&["create", "namespace", namespace]).await.unwrap();
            }
        })
        .await;
    control_plane
}

/// Installs a chart with values into its namespace, or upgrades it, and returns what helm prints.
pub fn install(
    control_plane: &ControlPlane,
    command: &[&str],
    chart: &Path,
    values: &[&str],
) -> Result<String, String> {
    let set = values.iter().chain(&[IDENTITY]).flat_map(|value| ["--set", value]);
    let target = [NAME, chart.to_str().unwrap(), "--namespace", NAME, "--create-namespace"];
    let args: Vec<_> = command.iter().copied().chain(target).chain(set).collect();
    helm(control_plane.admin_kubeconfig(), &args)
}

/// How the kubelet would start the operator of the installed release: with its ServiceAccount and the arguments in its Deployment, but
/// for those that say where Azure is.
pub async fn operator_options(control_plane: &ControlPlane, azure: AzureEndpoints) -> OperatorOptions {
    let manifests = helm(control_plane.admin_kubeconfig(), &["get", "manifest", NAME, "--namespace", NAME]).unwrap();
    let objects = objects(&manifests);
    let token_file = control_plane.service_account_token_file(NAME, NAME, EXCHANGE_AUDIENCE).await.unwrap();
    let identity = WorkloadIdentity {
        client_id: "44444444-4444-4444-8444-444444444444".to_owned(),
        tenant_id: "22222222-2222-4222-8222-222222222222".to_owned(),
        token_file,
    };
    let kubeconfig = control_plane.service_account_kubeconfig(NAME, NAME).await.unwrap();
    let mut options = OperatorOptions::new(kubeconfig, azure, identity);
    let elsewhere = ["run", "--cloud=", "--credential="];
    let arguments = arguments(only(&objects, "Deployment")).into_iter();
    let arguments = arguments.filter(|argument| !elsewhere.iter().any(|given| argument.starts_with(given)));
    options.args = arguments.chain(["--poll-interval=1s".to_owned()]).map(Into::into).collect();
    // As in the pod, where they come from the kubelet.
    options.env = vec![("POD_NAMESPACE".into(), NAME.into()), ("HOSTNAME".into(), "operator-0".into())];
    options
}
