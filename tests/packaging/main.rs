//! What users install: the chart, what comes from it without Helm, and the image.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod definitions;
mod generated;
mod helm;
mod image;
mod invalid_values;
mod monitoring;
mod pods;
mod release;
mod rendering;
mod rights;
mod site;
