//! The emulated Azure of the demonstration.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};
use test_support::{AzureEndpoints, EmulatorProcess, Method, Process};

/// Real operations take minutes.
const TIME_SCALE: &str = "20";

/// What is in the emulated subscription at the start.
const WORLD: &str = "tests/emulator/worlds/demo.json";

/// What is of interest in an entry of the emulator's journal.
#[derive(Debug, Deserialize)]
struct JournalEntry {
    kind: String,
}

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Azure {
    emulator: EmulatorProcess,
    world: Value,
}

impl Azure {
    /// Starts the emulator; its files go to `directory`.
    pub(crate) async fn start(binary: &Path, directory: &Path) -> Result<Self, Box<dyn Error>> {
        let args = ["--world", WORLD, "--time-scale", TIME_SCALE];
        let emulator = EmulatorProcess::start(binary, directory, args).await?;
        let world = serde_json::from_slice(&fs::read(WORLD)?)?;
        Ok(Self { emulator, world })
    }

    /// What the operator must know to find it.
    pub(crate) fn endpoints(&self) -> AzureEndpoints {
        self.emulator.endpoints()
    }

    /// Tenant and client id of the workload identity that may sign in.
    pub(crate) fn identity(&self) -> Result<(String, String), Box<dyn Error>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        text(&self.world["tenantId"])
            .zip(text(&self.world["clients"][0]["clientId"]))
            .ok_or_else(|| format!("{WORLD} names no tenant and client").into())
    }

    /// Gives a vault's identity all the roles that Azure Backup asks for on a resource and below it, as the owner of the
    /// resource would with `az role assignment create`.
    pub(crate) async fn grant(&self, vault: &str, scope: &str) -> Result<(), Box<dyn Error>> {
        let grant = json!({ "vault": vault, "scope": scope });
        self.emulator.admin(Method::POST, "grants", Some(&grant)).await?;
        Ok(())
    }

    /// How many requests of each kind the emulator has answered so far, by the names of its journal.
    pub(crate) async fn requests(&self) -> Result<BTreeMap<String, usize>, Box<dyn Error>> {
        let journal = self.emulator.admin(Method::GET, "journal", None).await?;
        let mut counts = BTreeMap::new();
        for entry in serde_json::from_value::<Vec<JournalEntry>>(journal)? {
            *counts.entry(entry.kind).or_default() += 1;
        }
        Ok(counts)
    }

    /// The process.
    pub(crate) fn process(&self) -> &Process {
        self.emulator.process()
    }

    /// Base URL of Azure Resource Manager and of the admin API.
    pub(crate) fn url(&self) -> &str {
        self.emulator.url()
    }

    /// File with its certificate authority.
    pub(crate) fn ca_file(&self) -> &Path {
        self.emulator.ca_file()
    }
}
