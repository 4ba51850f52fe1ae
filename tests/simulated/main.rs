//! The whole operator in one process, under simulated time, against a fake Kubernetes API server and the Azure emulator's
//! engine.
//!
//! ```text
//!   test ──→ World ──→ controller::run ──┬─→ ApiServer   (api_server)
//!                                        └─→ Azure       (azure)
//!                          every request passes the Wire: written down, delayed, lost, or the operator's last
//! ```
//!
//! Where there are several replicas (`replicas`), each has a wire of its own to the same API server and the same Azure.
//!
//! Tokio's time is paused and moves on by itself whenever nothing else is to be done, so that a simulated day takes a
//! moment, and nothing here sleeps or polls for real. Every status that the operator writes is checked against its contract
//! (`contract`), and a test fails when one breaks it, when a pass panics or breaks off for want of an answer that the fakes
//! do not know, and when a secret is in anything that the operator says of itself (`secrets`).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod api_server;
mod azure;
mod contract;
mod judge;
mod operator;
mod parallel;
mod samples;
mod scenario;
mod secrets;
mod time;
mod wire;
mod world;

mod adoption;
mod brake;
mod create;
mod deadline;
mod delete;
mod deletion;
mod documents;
mod drift;
mod faults;
mod fleet;
mod grants;
mod guards;
mod identity;
mod lost;
mod modes;
mod nonsense;
mod ownership;
mod paused;
mod poison;
mod protection;
mod quiet;
mod refusals;
mod replicas;
mod rivals;
mod role;
mod soak;
mod soft_delete;
mod sweep;
mod trouble;
mod update;
mod validation;
mod versions;
