//! The emulator against recordings of Azure, against Microsoft's article, against its own rules, and over HTTPS.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod article;
mod common;
mod fixture;
mod front_door;
mod https;
mod lifecycle;
mod recordings;
mod refusals;
mod replay;
