//! At home in GitOps: what kstatus, Argo CD and Flux make of the status that the operator writes, the examples under `deploy/`,
//! and the guard against accidental deletion.
//!
//! The judges are the tools' own libraries, in a small Go program (`tests/tools/health`); the documents are the operator's
//! own words, from simulated runs (`tests/simulated/documents`).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod argocd;
mod deletion_guard;
mod examples;
mod flux;
mod judges;
mod manifests;
mod verdicts;
