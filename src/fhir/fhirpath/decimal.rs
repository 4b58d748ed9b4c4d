//! Decimal numbers without binary rounding: a 128-bit integer and a count of fraction digits.

use std::cmp::Ordering;
use std::fmt;

/// `mantissa` divided by ten to the power of `scale`. The scale is the written precision: `1.50` keeps its zero.
///
/// Packed to the alignment of a pointer: a 16-byte alignment would go on to every item of every collection, and make their
/// allocation slower.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(8))]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

const MAX_SCALE: u32 = 30;
/// Fraction digits of a quotient that does not end sooner.
const QUOTIENT_SCALE: u32 = 16;

impl Decimal {
    pub const ZERO: Decimal = Decimal { mantissa: 0, scale: 0 };
    pub const ONE: Decimal = Decimal { mantissa: 1, scale: 0 };

    pub fn new(mantissa: i128, scale: u32) -> Self {
        Decimal { mantissa, scale }
    }

    /// Reads JSON's number grammar. `None` when the text is no number or has more digits than fit.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let unsigned = whole.trim_start_matches(['+', '-']);
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if unsigned.is_empty() || whole.len() - unsigned.len() > 1 || !all_digits(unsigned) || !all_digits(fraction) {
            return None;
        }
        if digits.contains('.') && fraction.is_empty() {
            return None;
        }
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if scale < 0 {
            return Some(Decimal { mantissa: mantissa.checked_mul(power_of_ten(scale.unsigned_abs())?)?, scale: 0 });
        }
        let scale = scale.unsigned_abs();
        (scale <= MAX_SCALE).then_some(Decimal { mantissa, scale })
    }

    pub fn scale(self) -> u32 {
        self.scale
    }

    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// All written digits, zeros at the end included.
    pub fn digits(self) -> usize {
        self.mantissa.unsigned_abs().to_string().len().max(self.scale as usize)
    }

    fn aligned(self, other: Decimal) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let left = self.mantissa.checked_mul(power_of_ten(scale - self.scale)?)?;
        let right = other.mantissa.checked_mul(power_of_ten(scale - other.scale)?)?;
        Some((left, right, scale))
    }

    pub fn sum(self, other: Decimal) -> Option<Decimal> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Decimal { mantissa: left.checked_add(right)?, scale })
    }

    pub fn negate(self) -> Decimal {
        Decimal { mantissa: self.mantissa.saturating_neg(), scale: self.scale }
    }

    pub fn abs(self) -> Decimal {
        if self.is_negative() { self.negate() } else { self }
    }

    pub fn multiply(self, other: Decimal) -> Option<Decimal> {
        let product = Decimal { mantissa: self.mantissa.checked_mul(other.mantissa)?, scale: self.scale + other.scale };
        Some(if product.scale > MAX_SCALE { product.rounded(MAX_SCALE) } else { product })
    }

    /// `None` for a zero divisor. A quotient that does not end is rounded.
    pub fn divide(self, other: Decimal) -> Option<Decimal> {
        let (left, right, _) = self.aligned(other)?;
        if right == 0 {
            return None;
        }
        (0..=QUOTIENT_SCALE).rev().step_by(4).find_map(|scale| {
            let shifted = left.checked_mul(power_of_ten(scale + 1)?)?;
            Some(Decimal { mantissa: shifted / right, scale: scale + 1 }.rounded(scale).trimmed())
        })
    }

    /// The quotient without its fraction. `None` for a zero divisor.
    pub fn whole_quotient(self, other: Decimal) -> Option<i128> {
        let (left, right, _) = self.aligned(other)?;
        left.checked_div(right)
    }

    pub fn modulo(self, other: Decimal) -> Option<Decimal> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Decimal { mantissa: left.checked_rem(right)?, scale })
    }

    /// Rounded to `scale` fraction digits, halves away from zero. Never adds digits.
    pub fn rounded(self, scale: u32) -> Decimal {
        let Some(unit) = self.scale.checked_sub(scale).and_then(power_of_ten) else { return self };
        let half = if self.is_negative() { -(unit / 2) } else { unit / 2 };
        Decimal { mantissa: self.mantissa.saturating_add(half) / unit, scale }
    }

    /// With exactly `scale` fraction digits; those that do not fit are cut towards minus infinity or plus infinity.
    pub fn with_scale(self, scale: u32, up: bool) -> Option<Decimal> {
        if scale >= self.scale {
            return Some(Decimal { mantissa: self.mantissa.checked_mul(power_of_ten(scale - self.scale)?)?, scale });
        }
        let unit = power_of_ten(self.scale - scale)?;
        let floor = self.mantissa.div_euclid(unit);
        let exact = self.mantissa.rem_euclid(unit) == 0;
        Some(Decimal { mantissa: if up && !exact { floor + 1 } else { floor }, scale })
    }

    /// Without the zeros that end the fraction.
    pub fn trimmed(mut self) -> Decimal {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    pub fn truncated(self) -> i128 {
        power_of_ten(self.scale).map_or(0, |unit| self.mantissa / unit)
    }

    pub fn floor(self) -> i128 {
        power_of_ten(self.scale).map_or(0, |unit| self.mantissa.div_euclid(unit))
    }

    /// Half of one unit in the last written place.
    pub fn half_unit(self) -> Decimal {
        Decimal { mantissa: 5, scale: self.scale + 1 }
    }

    pub fn compare(self, other: Decimal) -> Ordering {
        match self.aligned(other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }

    pub fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// `None` for what is no finite number or too large.
    pub fn from_f64(value: f64) -> Option<Decimal> {
        if !value.is_finite() || value.abs() > 1e20 {
            return None;
        }
        Decimal::parse(&format!("{value:.15}")).map(Decimal::trimmed)
    }
}

impl From<i64> for Decimal {
    fn from(integer: i64) -> Self {
        Decimal { mantissa: integer.into(), scale: 0 }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let scale = self.scale as usize;
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.is_negative() { "-" } else { "" };
        let point = if scale > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_keep_their_written_precision_and_compare_by_value() {
        assert_eq!(decimal("1.50").to_string(), "1.50");
        assert_eq!(decimal("-0.05").to_string(), "-0.05");
        assert_eq!(decimal("1.50").compare(decimal("1.5")), Ordering::Equal);
        assert_eq!(decimal("1e3").to_string(), "1000");
        assert_eq!(decimal("12e-3").to_string(), "0.012");
        assert!(["", "-", "1.", "a", "1.a", "--1", "1e999"].iter().all(|text| Decimal::parse(text).is_none()));
    }

    #[test]
    fn arithmetic_has_no_binary_rounding() {
        assert_eq!(decimal("0.1").sum(decimal("0.2")).unwrap().to_string(), "0.3");
        assert_eq!(decimal("1.2").multiply(decimal("1.8")).unwrap().to_string(), "2.16");
        assert_eq!(decimal("1").divide(decimal("3")).unwrap().to_string(), "0.3333333333333333");
        assert_eq!(decimal("4.0").divide(decimal("2.0")).unwrap().to_string(), "2");
        assert_eq!(decimal("2.2").modulo(decimal("1.8")).unwrap().to_string(), "0.4");
        assert!(decimal("1").divide(Decimal::ZERO).is_none());
        assert_eq!(decimal("-1.5").rounded(0).to_string(), "-2");
        assert_eq!(decimal("-1.1").floor(), -2);
    }
}
