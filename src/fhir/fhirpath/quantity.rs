//! Quantities: a decimal with a unit. FHIRPath `#quantity`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::fhir::json::Json;

use super::decimal::Decimal;
use super::temporal::Unit as CalendarUnit;
use super::units::Unit;

/// A number of units. `calendar` tells the calendar words (`1 year`) from UCUM codes (`1 'a'`).
#[derive(Clone, Debug)]
pub struct Quantity<'a> {
    pub value: Decimal,
    pub unit: Cow<'a, str>,
    pub calendar: bool,
}

impl<'a> Quantity<'a> {
    pub(super) fn of_number(value: Decimal) -> Self {
        Quantity { value, unit: Cow::Borrowed("1"), calendar: false }
    }

    /// R4 `fhirpath.html#quantity`: the `code` is the unit when its system is UCUM. A quantity with a comparator
    /// is not one number, so it has no value here.
    pub fn of_node(json: &'a Json) -> Option<Self> {
        if json.get("comparator").is_some() {
            return None;
        }
        let value = Decimal::parse(json.get("value")?.as_number()?.as_str())?;
        let ucum = json.get_str("system") == Some("http://unitsofmeasure.org");
        let code = if ucum { json.get_str("code") } else { None };
        let unit = code.or(json.get_str("unit")).or(json.get_str("code")).unwrap_or("1");
        Some(Quantity { value, unit: Cow::Borrowed(unit), calendar: false })
    }

    /// `1`, `1 day`, `1.5 'mg'`. FHIRPath `#toquantityunit--string--quantity`.
    pub(super) fn parse(text: &str) -> Option<Quantity<'static>> {
        let text = text.trim();
        let (number, unit) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let value = Decimal::parse(number)?;
        let unit = unit.trim();
        if unit.is_empty() {
            return (number.len() == text.len()).then(|| Quantity::of_number(value));
        }
        if CalendarUnit::of_word(unit).is_some() {
            return Some(Quantity { value, unit: Cow::Owned(unit.to_owned()), calendar: true });
        }
        let code = unit.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(Quantity { value, unit: Cow::Owned(code.to_owned()), calendar: false })
    }

    pub(super) fn lend(&self) -> Quantity<'_> {
        Quantity { value: self.value, unit: Cow::Borrowed(&self.unit), calendar: self.calendar }
    }

    /// The same quantity with another number.
    pub(super) fn with_value(&self, value: Decimal) -> Quantity<'a> {
        Quantity { value, ..self.clone() }
    }

    /// The calendar unit for date arithmetic; `None` for what is no duration or, as `a` and `mo`, not definite.
    pub(super) fn calendar_unit(&self) -> Option<CalendarUnit> {
        CalendarUnit::of_word(&self.unit).or_else(|| CalendarUnit::of_ucum(&self.unit))
    }

    fn measure(&self) -> Option<Unit> {
        let code = match (self.calendar, CalendarUnit::of_word(&self.unit)) {
            (false, _) | (_, None) => &*self.unit,
            // No UCUM unit is a calendar year or month.
            (true, Some(CalendarUnit::Year)) => return Unit::parse("{year}").map(|year| year.named("year")),
            (true, Some(CalendarUnit::Month)) => return Unit::parse("{month}").map(|month| month.named("month")),
            (true, Some(CalendarUnit::Week)) => "wk",
            (true, Some(CalendarUnit::Day)) => "d",
            (true, Some(CalendarUnit::Hour)) => "h",
            (true, Some(CalendarUnit::Minute)) => "min",
            (true, Some(CalendarUnit::Second)) => "s",
            (true, Some(CalendarUnit::Millisecond)) => "ms",
        };
        Unit::parse(code)
    }

    /// Both numbers in one unit; `None` where the units cannot be brought together.
    pub(super) fn common(&self, other: &Quantity<'_>) -> Option<(Decimal, Decimal)> {
        if self.unit == other.unit && self.calendar == other.calendar {
            return Some((self.value, other.value));
        }
        let (left, right) = (self.measure()?, other.measure()?);
        if !left.same_dimension(&right) {
            return None;
        }
        Some((self.value.multiply(left.factor)?, other.value.multiply(right.factor)?))
    }

    /// The order of both numbers in one unit; `None` where the units measure different things.
    pub fn compare(&self, other: &Quantity<'_>) -> Option<Ordering> {
        self.common(other).map(|(left, right)| left.compare(right))
    }

    /// Whether the units measure the same thing.
    pub(super) fn comparable(&self, other: &Quantity<'_>) -> bool {
        self.common(other).is_some()
    }

    /// Product, or quotient, with the units multiplied or divided.
    pub(super) fn combine(&self, other: &Quantity<'_>, divide: bool) -> Option<Quantity<'static>> {
        let (value, sign) = match divide {
            true => (self.value.divide(other.value)?, '/'),
            false => (self.value.multiply(other.value)?, '.'),
        };
        let unit = match (&*self.unit, &*other.unit) {
            (left, "1") => left.to_owned(),
            ("1", right) if !divide => right.to_owned(),
            (left, right) if divide && left == right => "1".to_owned(),
            (left, right) => format!("{left}{sign}{right}"),
        };
        Some(Quantity { value, unit: Cow::Owned(unit), calendar: false })
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.calendar {
            write!(f, "{} {}", self.value, self.unit)
        } else {
            write!(f, "{} '{}'", self.value, self.unit)
        }
    }
}
