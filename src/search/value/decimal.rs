//! Decimal numbers of a query, without binary rounding until the bounds of a search are known.

/// `mantissa` times ten to the power of `exponent`, and how precisely it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
    /// Half of what its last digit counts, in steps of ten to the power of `exponent - finer`.
    half: i128,
    finer: u32,
}

/// Digits that fit with room for the bounds.
const DIGITS: usize = 30;

/// Beyond this, numbers are zero or infinite.
const EXPONENT: i32 = 400;

impl Decimal {
    /// Reads `-12.50` or `5.4e-3`. R4's example has `1e2` stand for 95 to 105: in that form a number is held to be ten
    /// times as precise as its digits (`search.html#number`).
    pub fn parse(text: &str) -> Option<Decimal> {
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, Some(integer(power)?)),
            None => (text, None),
        };
        let (negative, unsigned) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let digits = format!("{whole}{fraction}");
        if whole.is_empty() || digits.len() > DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mantissa: i128 = digits.parse().ok()?;
        let exponent = power.unwrap_or(0) - i32::try_from(fraction.len()).ok()?;
        let finer = if power.is_some() { 2 } else { 1 };
        Some(Decimal { mantissa: if negative { -mantissa } else { mantissa }, exponent, half: 5, finer })
    }

    /// In another unit.
    pub fn times(self, factor: Factor) -> Option<Decimal> {
        let mantissa = self.mantissa.checked_mul(factor.mantissa)?;
        let half = self.half.checked_mul(factor.mantissa)?;
        Some(Decimal { mantissa, half, exponent: self.exponent + factor.exponent, ..self })
    }

    pub fn value(self) -> f64 {
        double(self.mantissa, self.exponent)
    }

    /// The values that are the same in the precision given: `low <= … < high`.
    pub fn precision(self) -> (f64, f64) {
        let fine = 10_i128.checked_pow(self.finer).and_then(|steps| self.mantissa.checked_mul(steps));
        let exponent = self.exponent - i32::try_from(self.finer).unwrap_or_default();
        match fine {
            Some(fine) => {
                (double(fine.saturating_sub(self.half), exponent), double(fine.saturating_add(self.half), exponent))
            }
            None => (self.value(), self.value()),
        }
    }

    /// A tenth less and a tenth more.
    pub fn about(self) -> (f64, f64) {
        let by =
            |tenths: i128| self.mantissa.checked_mul(tenths).map_or(self.value(), |m| double(m, self.exponent - 1));
        let (near, far) = (by(9), by(11));
        (near.min(far), near.max(far))
    }
}

/// By what a unit is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    pub mantissa: i128,
    pub exponent: i32,
}

fn integer(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value: &i32| plain && value.abs() <= EXPONENT)
}

/// The nearest double.
fn double(mantissa: i128, exponent: i32) -> f64 {
    format!("{mantissa}e{exponent}").parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_that_of_the_digits() {
        let range = |text: &str| Decimal::parse(text).unwrap().precision();
        assert_eq!(range("100"), (99.5, 100.5));
        assert_eq!(range("100.00"), (99.995, 100.005));
        assert_eq!(range("1e2"), (95.0, 105.0));
        assert_eq!(range("-0.5"), (-0.55, -0.45));
        assert_eq!(range("0"), (-0.5, 0.5));
        assert_eq!(Decimal::parse("5.40").unwrap().about(), (4.86, 5.94));
        assert_eq!(Decimal::parse("-10").unwrap().about(), (-11.0, -9.0));
        for bad in ["", "-", ".5", "1.", "1e", "e5", "0x1", "1,5", "NaN", "inf", "1e99999", " 1", "１", &"9".repeat(40)]
        {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn units_are_converted_with_their_precision() {
        let minutes = Factor { mantissa: 60, exponent: 0 };
        let half = Decimal::parse("0.5").unwrap().times(minutes).unwrap();
        assert_eq!((half.value(), half.precision()), (30.0, (27.0, 33.0)));
    }
}
