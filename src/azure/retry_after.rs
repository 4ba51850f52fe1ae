//! How long Azure asks to wait.

use std::time::Duration;

/// Reads a `Retry-After`: whole seconds, the only form that Resource Manager uses. Anything else counts as absent; a number
/// beyond 136 years as that.
#[must_use]
pub fn parse_retry_after(text: &str) -> Option<Duration> {
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: u32 = digits.parse().unwrap_or(u32::MAX);
    Some(Duration::from_secs(u64::from(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_whole_seconds_or_nothing() {
        let cases = [
            ("0", Some(0)),
            ("30", Some(30)),
            (" 10 ", Some(10)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("18446744073709551615", Some(u64::from(u32::MAX))),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_retry_after(text), seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
