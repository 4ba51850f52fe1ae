//! The emulated Azure in this process, for tests that also look inside.

use std::{io, path::PathBuf};

use azure_emulator::{Emulator, EmulatorConfig, StartError};

use crate::{operator::AzureEndpoints, work_dir::WorkDir};

/// Why the emulator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// It does not listen.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file with its certificate authority could not be written.
    #[error("cannot write the emulator's certificate authority")]
    CaFile(#[source] io::Error),
}

/// An emulator that belongs to the tokio runtime it is started in, with the file that an operator in another process
/// needs in order to trust it.
#[derive(Debug)]
pub struct EmulatedAzure {
    emulator: Emulator,
    ca_file: PathBuf,
    _work: WorkDir,
}

impl EmulatedAzure {
    /// Starts an emulator.
    ///
    /// # Errors
    ///
    /// When it cannot listen or its certificate cannot be written.
    pub async fn start(config: EmulatorConfig) -> Result<Self, EmulatorError> {
        let work = WorkDir::new().map_err(EmulatorError::CaFile)?;
        let emulator = Emulator::start(config).await?;
        let ca_file = work.join("azure-ca.pem");
        std::fs::write(&ca_file, emulator.ca_pem()).map_err(EmulatorError::CaFile)?;
        Ok(Self { emulator, ca_file, _work: work })
    }

    /// What an operator must know to find it.
    pub fn endpoints(&self) -> AzureEndpoints {
        AzureEndpoints::emulated(self.emulator.base_url(), &self.ca_file)
    }

    /// The emulator itself: its engine holds the world and the journal of requests.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }
}
