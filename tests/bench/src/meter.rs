//! What was used between two moments: requests, CPU seconds, memory.

use std::time::Instant;

use serde::Serialize;
use test_support::Method;

use crate::azure::{self, AzureRequests};
use crate::error::BenchError;
use crate::kubernetes::KubernetesRequests;
use crate::process;
use crate::stage::Stage;

/// What happened in a phase.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    /// How long it took.
    pub(crate) seconds: f64,
    /// CPU seconds.
    pub(crate) cpu: Cpu,
    /// Requests to Azure.
    pub(crate) azure: AzureRequests,
    /// Requests to the API server.
    pub(crate) kubernetes: KubernetesRequests,
}

/// CPU seconds by process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cpu {
    pub(crate) operator: f64,
    pub(crate) emulator: f64,
    pub(crate) api_server: f64,
    pub(crate) etcd: f64,
    pub(crate) bench: f64,
    /// All of the machine that none of these used: how much the measurement was disturbed.
    pub(crate) others: f64,
}

/// A measurement that has begun.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Instant,
    operator: u32,
    cpu: Cpu,
    machine: f64,
}

impl Meter {
    /// Begins: counters start at zero.
    pub(crate) async fn begin(stage: &mut Stage) -> Result<Self, BenchError> {
        stage.emulator.admin(Method::DELETE, "traffic", None).await?;
        // What was before is read and forgotten.
        KubernetesRequests::read(&mut stage.audit)?;
        let operator = stage.operator.process().id();
        Ok(Self { started: Instant::now(), operator, cpu: cpu(stage)?, machine: process::machine_cpu_seconds()? })
    }

    /// When it began.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// What was used so far. An operator that was started in between counts from its start.
    pub(crate) async fn read(self, stage: &mut Stage) -> Result<Usage, BenchError> {
        let seconds = self.started.elapsed().as_secs_f64();
        let now = cpu(stage)?;
        let before = if stage.operator.process().id() == self.operator { self.cpu.operator } else { 0.0 };
        let mut used = Cpu {
            operator: now.operator - before,
            emulator: now.emulator - self.cpu.emulator,
            api_server: now.api_server - self.cpu.api_server,
            etcd: now.etcd - self.cpu.etcd,
            bench: now.bench - self.cpu.bench,
            others: 0.0,
        };
        let ours = used.operator + used.emulator + used.api_server + used.etcd + used.bench;
        used.others = (process::machine_cpu_seconds()? - self.machine - ours).max(0.0);
        let traffic = azure::traffic(&stage.emulator).await?;
        let kubernetes = KubernetesRequests::read(&mut stage.audit)?;
        Ok(Usage { seconds, cpu: used, azure: AzureRequests::of(&traffic)?, kubernetes })
    }
}

fn cpu(stage: &Stage) -> Result<Cpu, BenchError> {
    let [etcd, api_server] = stage.control_plane.processes();
    Ok(Cpu {
        operator: process::cpu_seconds(stage.operator.process().id())?,
        emulator: process::cpu_seconds(stage.emulator.process().id())?,
        api_server: process::cpu_seconds(api_server.id())?,
        etcd: process::cpu_seconds(etcd.id())?,
        bench: process::own_cpu_seconds()?,
        others: 0.0,
    })
}
