//! The emulator against recordings of Azure, against Microsoft's article, against its own rules, and over HTTPS.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod actions;
mod article;
mod common;
mod deleted;
mod directory;
mod entra;
mod federation;
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
mod roles;
mod sign_in;
