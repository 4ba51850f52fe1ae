//! Everything the engine makes up: GUIDs, durations within a range, signatures. The same seed gives the same
//! values, so that a run can be repeated.

use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// A generator of pseudo-random values (SplitMix64). Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn guid(&mut self) -> Uuid {
        let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A duration within the range, to the millisecond.
    pub(crate) fn within(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let spread = range.end().saturating_sub(*range.start()).as_millis();
        let spread = u64::try_from(spread).unwrap_or(u64::MAX);
        *range.start() + Duration::from_millis(self.next() % spread.saturating_add(1))
    }

    /// The URL-safe base64 text, without padding, of this many random bytes.
    pub(crate) fn base64url(&mut self, bytes: usize) -> String {
        let random: Vec<u8> = std::iter::repeat_with(|| self.next().to_be_bytes()).flatten().take(bytes).collect();
        URL_SAFE_NO_PAD.encode(random)
    }
}
