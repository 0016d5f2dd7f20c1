//! Durations as the contract writes them: Go's `time.ParseDuration` syntax, such as `1h30m`.
//!
//! Source of the format: the Go standard library, package `time`.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// The text is empty.
    #[error("is empty; write a duration like `1h30m`, `250ms` or `1.5h`")]
    Empty,
    /// The text starts with a minus sign.
    #[error("is negative; write a duration like `1h30m`, `250ms` or `1.5h`")]
    Negative,
    /// A number is missing or malformed.
    #[error("has no number where one is expected; write a duration like `1h30m` or `250ms`")]
    Number,
    /// A unit is missing or unknown.
    #[error("has no known unit after a number; units are ns, us, ms, s, m and h")]
    Unit,
    /// More than about 292 years.
    #[error("is too long")]
    TooLong,
}

/// Longer durations do not fit Go's type either (signed 64-bit nanoseconds).
const MAX_NANOS: u128 = i64::MAX as u128;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Parses a duration such as `1h30m`, `250ms`, `1.5h` or `0`.
///
/// # Errors
/// An empty or negative text, an unknown unit, or more than Go's type can hold.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    if text.is_empty() {
        return Err(InvalidDuration::Empty);
    }
    if text.starts_with('-') {
        return Err(InvalidDuration::Negative);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(InvalidDuration::Number);
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (part, after) = parse_part(rest)?;
        nanos += part;
        if nanos > MAX_NANOS {
            return Err(InvalidDuration::TooLong);
        }
        rest = after;
    }
    u64::try_from(nanos)
        .map(Duration::from_nanos)
        .map_err(|_| InvalidDuration::TooLong)
}

/// One number with its unit, in nanoseconds, and what stands behind it.
fn parse_part(text: &str) -> Result<(u128, &str), InvalidDuration> {
    let number_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or(InvalidDuration::Unit)?;
    let (number, rest) = text.split_at(number_end);
    let unit_end = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(InvalidDuration::Number);
    }
    let scale = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, nanos)| *nanos)
        .ok_or(InvalidDuration::Unit)?;
    let whole: u128 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| InvalidDuration::TooLong)?,
    };
    let whole = whole.checked_mul(scale).ok_or(InvalidDuration::TooLong)?;
    Ok((whole.saturating_add(fraction_nanos(fraction, scale)), after))
}

/// `.5` of a unit, rounded down to a nanosecond. Digits past the 18th can't change that.
fn fraction_nanos(digits: &str, scale: u128) -> u128 {
    let digits = &digits[..digits.len().min(18)];
    let places = u32::try_from(digits.len()).expect("at most 18");
    let value: u128 = digits.parse().unwrap_or(0);
    value * scale / 10_u128.pow(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_parse() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("1ns", 1),
            ("250ms", 250_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1h30m", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("2µs", 2_000),
            ("2us", 2_000),
            ("1.000000001s", 1_000_000_001),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("+5m", 300_000_000_000),
            ("1m1m", 120_000_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_nanos(nanos)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for (text, error) in [
            ("", InvalidDuration::Empty),
            ("-1s", InvalidDuration::Negative),
            ("1", InvalidDuration::Unit),
            ("1d", InvalidDuration::Unit),
            ("s", InvalidDuration::Number),
            (".s", InvalidDuration::Number),
            ("+", InvalidDuration::Number),
            ("1s ", InvalidDuration::Unit),
            ("1..5s", InvalidDuration::Number),
            ("1e3s", InvalidDuration::Unit),
            ("9999999999h", InvalidDuration::TooLong),
            (
                "99999999999999999999999999999999999999999999h",
                InvalidDuration::TooLong,
            ),
        ] {
            assert_eq!(parse_duration(text), Err(error), "{text}");
        }
    }
}
