//! A Kubernetes operator that keeps Azure PostgreSQL databases protected in an Azure Backup vault.
//!
//! A `PostgresBackup` states which database is protected in which vault under which policy. The operator makes Azure agree
//! and writes back what Azure says:
//!
//! ```text
//! validate ─→ authorize ─→ observe ─→ plan ─→ act ─→ report
//!   pure        pure         reads     pure    one      one status
//!                                              write    write, if changed
//! ```
//!
//! | module | answers | depends on |
//! | --- | --- | --- |
//! | [`api`] | what do users see? | nothing of ours |
//! | [`azure`] | how is Azure spoken to? | nothing of ours; knows no Kubernetes |
//! | [`reconcile`] | what is done about an object? | `api`, `azure` |
//! | [`controller`] | when is an object looked at? | `reconcile`, `leader` |
//! | [`leader`] | which replica acts? | `azure`'s gate, `reconcile`'s clock |
//! | [`metrics`], [`server`], [`telemetry`], [`error_chain`] | what does the process show of itself? | `api`, `azure`; what `reconcile` tells |
//! | [`cli`], [`operator`] | how is it all put together? | everything |

pub mod api;
pub mod azure;
pub mod cli;
pub mod controller;
pub mod error_chain;
pub mod leader;
pub mod metrics;
pub mod operator;
pub mod reconcile;
pub mod server;
pub mod telemetry;
