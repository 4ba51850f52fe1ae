//! Starts the real parts that tests and the demonstration run against, and stops them in every case.
//!
//! - [`ControlPlane`]: etcd and kube-apiserver, with an audit log to count requests in.
//! - [`OperatorProcess`]: the operator's binary, to be killed and started again.
//! - [`EmulatedAzure`]: the emulator in this process; [`EmulatorProcess`]: as one of its own.
//! - [`Waiter`]: waits for the state of an object, and says what was seen instead.
//! - [`api_reference`]: the page about a CustomResourceDefinition.
//! - [`secrets`]: finds them where none must be.
//! - [`mutants`]: deliberately broken builds.
//! - [`Prometheus`] and [`promtool`]: to scrape the operator, evaluate queries and test alerts.
//! - [`Process`]: what holds them all; a child that cannot outlive this process.
//!
//! Everything listens on 127.0.0.1 alone, on ports chosen at the start.

mod api_reference;
mod control_plane;
mod emulator;
mod emulator_process;
pub mod mutants;
mod operator;
mod process;
mod prometheus;
pub mod secrets;
mod wait;
mod work_dir;

pub use api_reference::api_reference;
pub use azure_emulator;
pub use control_plane::*;
pub use emulator::*;
pub use emulator_process::*;
pub use operator::*;
pub use process::*;
pub use prometheus::*;
pub use reqwest::Method;
pub use wait::*;
pub use work_dir::WorkDir;
