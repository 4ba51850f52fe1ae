//! The result: `report.json` and its tables.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::BenchError;
use crate::machine::Machine;
use crate::median::median;
use crate::options::{Kind, Limits, Options};
use crate::phases::{Creation, Deletion, Quiet, Restart};
use crate::scenarios::{Permission, Setup, SlowVault};
use crate::stage::Stage;
use crate::table;

/// One measurement: the conditions, the figures that most people ask for, and then everything.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) scenario: Kind,
    pub(crate) objects: usize,
    pub(crate) vaults: usize,
    /// How many seconds of Azure's time passed in one second.
    pub(crate) time_scale: f64,
    /// What Azure takes at most for one object, in seconds.
    pub(crate) operation_s: f64,
    pub(crate) limits: Limits,
    /// The seconds in which the limits let the writes of the fleet through.
    pub(crate) limits_s: Option<f64>,
    /// How many times as long it took as the limits and Azure's own time make necessary.
    pub(crate) times_necessary: Option<f64>,
    /// From the start of the operator until it called itself ready.
    pub(crate) start_to_ready_s: f64,
    /// The operator's memory without objects.
    pub(crate) rss_idle_mb: f64,
    /// CPU seconds of the operator until all were ready.
    pub(crate) cpu_s: f64,
    pub(crate) kube_object_writes_per_object: f64,
    pub(crate) kube_requests_per_object: f64,
    pub(crate) events_per_object: f64,
    pub(crate) azure_requests_per_object: f64,
    /// Besides polls and what serves many objects.
    pub(crate) azure_requests_per_object_without_polls: f64,
    pub(crate) azure_writes_per_object: f64,
    /// The share of the answers 429.
    pub(crate) throttled_share: f64,
    pub(crate) azure_writes_on_restart: Option<u64>,
    /// How many requests a second the emulator answers.
    pub(crate) emulator_ceiling_per_s: f64,
    /// The share of the time until all were ready that the emulator computed, of one core.
    pub(crate) emulator_cpu_share: f64,
    #[serde(flatten)]
    pub(crate) creation: Creation,
    pub(crate) restart: Option<Restart>,
    pub(crate) quiet: Option<Quiet>,
    pub(crate) deletion: Option<Deletion>,
    pub(crate) permission: Option<Permission>,
    pub(crate) slow_vault: Option<SlowVault>,
}

impl Run {
    /// The creation of a fleet; the phases that follow are added by whoever runs them.
    pub(crate) fn new(setup: &Setup, stage: &Stage, rss_idle_mb: f64, creation: Creation, ceiling: f64) -> Self {
        let objects = setup.fleet.objects;
        let per_object = |count: u64| count as f64 / objects as f64;
        let usage = &creation.usage;
        let (azure, kubernetes) = (&usage.azure, &usage.kubernetes);
        Self {
            scenario: setup.kind,
            objects,
            vaults: setup.fleet.vaults,
            time_scale: setup.time_scale,
            operation_s: setup.operation_s(),
            limits: setup.limits,
            limits_s: setup.limits_s(),
            times_necessary: setup
                .limits_s()
                .zip(creation.all_ready_s)
                .map(|(limits, all)| all / (limits + setup.operation_s())),
            start_to_ready_s: stage.start_to_ready.as_secs_f64(),
            rss_idle_mb,
            cpu_s: usage.cpu.operator,
            kube_object_writes_per_object: per_object(kubernetes.object_writes),
            kube_requests_per_object: per_object(kubernetes.total),
            events_per_object: per_object(kubernetes.events),
            azure_requests_per_object: per_object(azure.total),
            azure_requests_per_object_without_polls: per_object(azure.single_without_polls()),
            azure_writes_per_object: per_object(azure.writes),
            throttled_share: azure.throttled_share,
            azure_writes_on_restart: None,
            emulator_ceiling_per_s: ceiling,
            emulator_cpu_share: usage.cpu.emulator / usage.seconds,
            creation,
            restart: None,
            quiet: None,
            deletion: None,
            permission: None,
            slow_vault: None,
        }
    }
}

/// All measurements so far.
#[derive(Debug)]
pub(crate) struct Report {
    options: Value,
    machine: Machine,
    binary_mb: f64,
    scenarios: Vec<Value>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Result<Self, BenchError> {
        let path = &options.operator;
        let size = std::fs::metadata(path).map_err(|source| BenchError::Proc { path: path.clone(), source })?.len();
        let binary_mb = size as f64 / 1024.0 / 1024.0;
        Ok(Self { options: serde_json::to_value(options)?, machine: Machine::this(), binary_mb, scenarios: Vec::new() })
    }

    /// Adds a scenario: the medians of its runs, and the runs themselves.
    pub(crate) fn add(&mut self, runs: &[Value]) {
        let mut scenario = median(runs);
        scenario["runs"] = if runs.len() > 1 { json!(runs) } else { json!([]) };
        self.scenarios.push(scenario);
    }

    /// All of it as JSON.
    pub(crate) fn json(&self) -> Value {
        let Self { options, machine, binary_mb, scenarios } = self;
        json!({ "options": options, "machine": machine, "operator_binary_mb": binary_mb, "scenarios": scenarios })
    }

    /// The tables.
    pub(crate) fn markdown(&self) -> String {
        table::markdown(&self.json())
    }

    /// Writes both to files.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), BenchError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| BenchError::Write { path: directory.to_owned(), source })?;
        for (name, text) in [("report.json", format!("{:#}\n", self.json())), ("report.md", self.markdown())] {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|source| BenchError::Write { path: path.clone(), source })?;
        }
        Ok(())
    }
}
