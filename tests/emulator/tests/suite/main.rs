//! The emulator against recordings of Azure, against Microsoft's article, against its own rules, and over HTTPS.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actions;
mod article;
mod common;
mod deleted;
mod fixture;
mod front_door;
mod guard;
mod https;
mod late;
mod lifecycle;
mod portal;
mod recordings;
mod refusals;
mod replay;
