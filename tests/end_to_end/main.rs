//! The promises of the README, on real parts: the operator's binary with the rights it ships with, a real kube-apiserver and
//! etcd, and the emulated Azure behind HTTPS.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod article;
mod crash;
mod main_job;
mod monitoring;
mod replicas;
mod stage;
mod startup;
mod teams;
mod telemetry;
mod tenancy;
