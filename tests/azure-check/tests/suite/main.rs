//! The check against the emulator over HTTPS, whose time jumps whenever the check waits.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod as_assumed;
mod binary;
mod cleaning_up;
mod differences;
mod documentation;
mod emulated;
mod refusals;
