//! Exact decimals and quantities. R4 `search.html#number`, `search.html#quantity`.

use std::cmp::Ordering;

/// `mantissa` times ten to the power of `exponent`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
    /// Written with `e`: R4 reads `1e2` as 95 to 105.
    scientific: bool,
}

impl Decimal {
    pub fn read(text: &str) -> Option<Decimal> {
        let (digits, power) = match text.split_once(['e', 'E']) {
            Some((digits, power)) => (digits, power.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mantissa = format!("{whole}{fraction}").parse().ok()?;
        let exponent = power - i32::try_from(fraction.len()).unwrap();
        Some(Decimal { mantissa, exponent, scientific: text.contains(['e', 'E']) })
    }

    fn times(self, by: i128, power: i32) -> Decimal {
        Decimal { mantissa: self.mantissa * by, exponent: self.exponent + power, ..self }
    }

    fn plus(self, other: Decimal) -> Decimal {
        let exponent = self.exponent.min(other.exponent);
        let at = |number: Decimal| number.mantissa * 10_i128.pow(u32::try_from(number.exponent - exponent).unwrap());
        Decimal { mantissa: at(self) + at(other), exponent, ..self }
    }

    fn cmp(self, other: Decimal) -> Ordering {
        self.plus(other.times(-1, 0)).mantissa.cmp(&0)
    }

    /// Half of what the last digit counts.
    fn half(self) -> Decimal {
        Decimal { mantissa: 5, exponent: self.exponent - if self.scientific { 2 } else { 1 }, ..self }
    }

    pub fn as_f64(self) -> f64 {
        format!("{}e{}", self.mantissa, self.exponent).parse().unwrap()
    }
}

/// From `low` to `high`, both included; open where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub low: Option<Decimal>,
    pub high: Option<Decimal>,
}

impl Span {
    pub fn point(value: Decimal) -> Span {
        Span { low: Some(value), high: Some(value) }
    }

    fn times(self, (by, power): (i128, i32)) -> Span {
        let times = |end: Option<Decimal>| end.map(|end| end.times(by, power));
        Span { low: times(self.low), high: times(self.high) }
    }

    /// R4 `search.html#prefix`; what has a prefix is exact. `scale`: the unit of `asked`.
    pub fn holds(self, prefix: &str, asked: Decimal, scale: (i128, i32)) -> bool {
        let value = asked.times(scale.0, scale.1);
        let half = asked.half().times(scale.0, scale.1);
        let low = |order: &[Ordering], bound: Decimal| self.low.is_some_and(|low| order.contains(&low.cmp(bound)));
        let high = |order: &[Ordering], bound: Decimal| self.high.is_some_and(|high| order.contains(&high.cmp(bound)));
        let (open_low, open_high) = (self.low.is_none(), self.high.is_none());
        let (less, more) = ([Ordering::Less], [Ordering::Greater]);
        let (at_most, at_least) = ([Ordering::Less, Ordering::Equal], [Ordering::Greater, Ordering::Equal]);
        let equal = low(&at_least, value.plus(half.times(-1, 0))) && high(&less, value.plus(half));
        match prefix {
            "ne" => !equal,
            "gt" => open_high || high(&more, value),
            "lt" => open_low || low(&less, value),
            "ge" => open_high || high(&at_least, value),
            "le" => open_low || low(&at_most, value),
            "sa" => low(&more, value),
            "eb" => high(&less, value),
            "ap" => {
                let tenth = Decimal { mantissa: value.mantissa.abs(), ..value }.times(1, -1);
                let (from, to) = (value.plus(tenth.times(-1, 0)), value.plus(tenth));
                (open_high || high(&at_least, from)) && (open_low || low(&at_most, to))
            }
            _ => equal,
        }
    }
}

pub const UCUM: &str = "http://unitsofmeasure.org";

/// A quantity of a resource.
#[derive(Clone, Debug)]
pub struct Quantity {
    pub span: Span,
    pub system: String,
    pub code: String,
    pub unit: String,
}

/// Seconds in a unit of time of UCUM; a month is a twelfth of a year of 365.25 days.
pub fn seconds(code: &str) -> Option<(i128, i32)> {
    Some(match code {
        "ms" => (1, -3),
        "s" => (1, 0),
        "min" => (60, 0),
        "h" => (3_600, 0),
        "d" => (86_400, 0),
        "wk" => (7 * 86_400, 0),
        "mo" => (2_629_800, 0),
        "a" => (31_557_600, 0),
        _ => return None,
    })
}

impl Quantity {
    pub fn least(&self) -> f64 {
        self.span.low.map_or(f64::NEG_INFINITY, Decimal::as_f64)
    }

    pub fn most(&self) -> f64 {
        self.span.high.map_or(f64::INFINITY, Decimal::as_f64)
    }

    /// `unit`: system, empty for any, and code.
    pub fn holds(&self, prefix: &str, asked: Decimal, unit: Option<(&str, &str)>) -> bool {
        let as_it_is = || self.span.holds(prefix, asked, (1, 0));
        match unit {
            None => as_it_is(),
            Some(("", code)) => (self.code == code || self.unit == code) && as_it_is(),
            Some((UCUM, code)) if seconds(code).is_some() => {
                let own = seconds(&self.code).filter(|_| self.system == UCUM);
                own.is_some_and(|own| self.span.times(own).holds(prefix, asked, seconds(code).unwrap()))
            }
            Some((system, code)) => self.system == system && self.code == code && as_it_is(),
        }
    }
}

#[test]
fn decimals_are_exact() {
    let holds = |prefix: &str, found: &str, asked: &str| {
        Span::point(Decimal::read(found).unwrap()).holds(prefix, Decimal::read(asked).unwrap(), (1, 0))
    };
    assert!(holds("", "99.5", "100") && !holds("", "100.5", "100") && !holds("", "99.4", "100"));
    assert!(holds("", "104.9", "1e2") && !holds("", "105", "1e2"));
    assert!(holds("gt", "100.001", "100") && !holds("gt", "100", "100.0"));
    assert!(holds("ap", "-11", "-10") && !holds("ap", "-11.01", "-10"));
}
