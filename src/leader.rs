//! Which of several replicas acts: leader election by way of a Lease, after the protocol of Kubernetes' own components
//! (`k8s.io/client-go/tools/leaderelection`).
//!
//! ```text
//!   stand-by ──claims──→ leader ──renews every retryPeriod──→ leader ── shutdown ──→ passes end, Lease released, exit 0
//!      ↑ looks every         │
//!      └ retryPeriod         └── not renewed for renewDeadline, or held by another ──→ fence closed, exit 1
//! ```
//!
//! - Every write of the Lease carries the resourceVersion that was read: of two that claim it, the API server lets one
//!   through.
//! - No clock is compared with another replica's. A Lease has expired when a candidate has seen the same record for
//!   `leaseDuration` by its own monotonic clock; `renewTime` is only told to people.
//! - A leader counts its term from *before* it sent the renewal that succeeded, so that its [`Fence`] closes earlier than
//!   anybody can have seen the Lease expire. The difference of `leaseDuration` and `renewDeadline` is what a request has to
//!   leave the process, and what clocks may differ in speed.
//! - The [`Fence`] is asked at the moment each request that changes Azure is sent. A process that was suspended finds it
//!   closed when it goes on: the monotonic clock runs while a process is stopped.
//! - Who has lost the Lease ends the process. A new one starts with nothing remembered, as a stand-by.
//!
//! A request that had left before the fence closed may reach Azure after the next leader has begun. That is harmless without
//! any help from here: such a request was stored in status before it was sent, and whoever finds it there counts it as one
//! whose answer was lost (see [`reconcile`](crate::reconcile)).

mod candidate;
mod elector;
mod fence;
mod timing;

pub use candidate::{Candidate, Decision};
pub use elector::{Candidacy, Elector, LeaseLost};
pub use fence::Fence;
pub use timing::{Timing, TimingError};
