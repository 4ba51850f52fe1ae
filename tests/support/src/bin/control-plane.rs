//! Runs etcd and kube-apiserver until Ctrl-C, for trying things by hand: `make control-plane`.

use std::{error::Error, io::Write};

use test_support::ControlPlane;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let control_plane = ControlPlane::start().await?;
    let mut out = std::io::stdout();
    writeln!(out, "export KUBECONFIG={}", control_plane.admin_kubeconfig().display())?;
    for process in control_plane.processes() {
        writeln!(out, "# {} runs as process {}", process.name(), process.id())?;
    }
    writeln!(out, "# Ctrl-C stops both and removes their files")?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}
