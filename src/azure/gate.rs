//! Whether requests that change Azure may leave this process.

use std::fmt;

/// Is asked about every request that does more than read, at the moment at which it is sent: when its token is there and
/// nothing is waited for any more.
pub trait WriteGate: Send + Sync + fmt::Debug {
    /// Whether the request may be sent now. Must not block.
    fn is_open(&self) -> bool;
}

/// Lets every request through.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenGate;

impl WriteGate for OpenGate {
    fn is_open(&self) -> bool {
        true
    }
}
