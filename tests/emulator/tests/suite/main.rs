//! The emulator against recordings of Azure, against Microsoft's article, against its own rules, and over HTTPS.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod article;
mod checks;
mod common;
mod https;
mod recordings;
