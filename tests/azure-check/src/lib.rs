//! Checks in a real Backup vault what the operator and its emulator assume of Azure.
//!
//! ```text
//!   assumptions      what is assumed, as data: a claim, where it comes from, what to do to see whether it is true, the
//!        │           answers that agree with it, and what the operator does for either answer
//!        ▼
//!   run              one assumption after the other, in the order of a backup instance's life; cleans up in the end
//!        ├─ preflight     what must be so before anything is written
//!        ├─ trial         does what an assumption says, and observes
//!        │    └─ session      the one backup instance of the run: look, send, follow, bring it to a stage
//!        │         └─ client, wire    the operator's own Azure client, and a look at what it receives
//!        └─ report        the table, and what it all comes to
//! ```
//!
//! Everything is sent by [`postgres_backup_operator::azure`], so that what is checked is what the operator sends.

pub mod assumption;
pub mod assumptions;
pub mod client;
pub mod console;
pub mod expected;
pub mod markdown;
pub mod observation;
pub mod options;
pub mod preflight;
pub mod report;
pub mod run;
pub mod session;
pub mod stage;
pub mod timer;
pub mod trial;
pub mod wire;

pub use options::Options;
pub use run::{Interrupt, RunError, run};
