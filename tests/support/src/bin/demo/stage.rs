//! The processes of the demonstration.

use std::{error::Error, path::Path};

use test_support::{ControlPlane, EXCHANGE_AUDIENCE, Kubectl, OperatorOptions, OperatorProcess, WorkloadIdentity};

use crate::{azure::Azure, screen};

/// Namespace and name of the operator's service account in `deploy/install.yaml`.
const SERVICE_ACCOUNT: (&str, &str) = ("postgres-backup-operator", "postgres-backup-operator");

/// Everything that runs. Dropped in this order.
#[derive(Debug)]
pub(crate) struct Stage {
    operator: OperatorProcess,
    azure: Azure,
    control_plane: ControlPlane,
    metrics: String,
}

impl Stage {
    /// Starts everything and installs the operator as its manifests say. The current directory is the repository's root.
    pub(crate) async fn set(operator: &Path, emulator: &Path) -> Result<Self, Box<dyn Error>> {
        let control_plane = ControlPlane::start().await?;
        screen::say(&format!("kube-apiserver and etcd run at {}.", control_plane.url()));
        let azure = Azure::start(emulator, control_plane.directory()).await?;
        screen::say(&format!(
            "The emulated Azure runs at {}; its operations take a twentieth of the real time.",
            azure.url()
        ));

        let kubectl = control_plane.kubectl();
        screen::run(kubectl, &["apply", "-f", "crds/", "-f", "deploy/install.yaml"]).await?;
        screen::say(
            "There is no kubelet here, so this program starts the operator in place of the Deployment, with a token of its\n\
             ServiceAccount: it has the rights that the manifest gives, and no others.",
        );
        let (namespace, account) = SERVICE_ACCOUNT;
        let (tenant_id, client_id) = azure.identity()?;
        let kubeconfig = control_plane.service_account_kubeconfig(namespace, account).await?;
        let token_file = control_plane.service_account_token_file(namespace, account, EXCHANGE_AUDIENCE).await?;
        let identity = WorkloadIdentity { client_id, tenant_id, token_file };
        let mut options = OperatorOptions::new(kubeconfig, azure.endpoints(), identity);
        // It looks as much more often as the operations are shorter: 15 s is its default.
        options.args = ["--poll-interval=1s", "--log-format=text"].map(Into::into).to_vec();
        let operator = OperatorProcess::start(operator, &options)?;
        let address = operator.wait_ready().await?;
        Ok(Self { operator, azure, control_plane, metrics: format!("http://{address}/metrics") })
    }

    /// kubectl for the administrator.
    pub(crate) fn kubectl(&self) -> &Kubectl {
        self.control_plane.kubectl()
    }

    /// The emulated Azure.
    pub(crate) fn azure(&self) -> &Azure {
        &self.azure
    }

    /// The last lines that the operator wrote.
    pub(crate) fn operator_log_tail(&self) -> String {
        self.operator.process().log_tail()
    }

    /// Stops the operator as the kubelet would, then the rest.
    pub(crate) async fn strike(self) -> Result<(), Box<dyn Error>> {
        let status = self.operator.terminate().await?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("the operator ended with {status} on SIGTERM").into()),
            None => Err("the operator ended on SIGTERM, but its exit status is unknown".into()),
        }
    }

    /// Waits until one of the processes has ended by itself, which none should, and says which.
    pub(crate) async fn any_ended(&self) -> Box<dyn Error> {
        let [etcd, api_server] = self.control_plane.processes();
        let (operator, azure) = (self.operator.process(), self.azure.process());
        let ended = tokio::select! {
            _ = etcd.exited() => &*etcd,
            _ = api_server.exited() => &*api_server,
            _ = operator.exited() => operator,
            _ = azure.exited() => azure,
        };
        format!("{} has ended; the end of its log:\n{}", ended.name(), ended.log_tail()).into()
    }

    /// Tells how to use what has been left running.
    pub(crate) fn print_how_to_reach(&self) {
        let Self { operator, azure, control_plane, metrics } = self;
        let kubectl = control_plane.kubectl().program().display();
        let kubeconfig = control_plane.admin_kubeconfig().display();
        let (ca, url, log) = (azure.ca_file().display(), azure.url(), operator.process().log_file().display());
        screen::heading("Everything is left running. In another terminal:");
        println!(
            "
export KUBECONFIG={kubeconfig}
alias kubectl={kubectl}
kubectl get pgb -n demo -o wide
kubectl explain pgb.spec.database --recursive

curl --cacert {ca} {url}/_admin/world      # what is in the emulated Azure
curl --cacert {ca} {url}/_admin/journal    # what the operator asked of it; more in tests/emulator/README.md
curl {metrics}
tail -f {log}

Ctrl-C here stops everything."
        );
    }
}
