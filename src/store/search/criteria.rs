//! What a resource must be to match: the typed tree that the store plans and answers. R4 `search.html`.

use crate::fhir::id::ResourceType;
use crate::fhir::instant::Instant;

use super::super::derived::Derived;

/// Every condition holds (R4 `search.html#combining`).
#[derive(Clone, Debug, PartialEq)]
pub struct Criteria {
    pub rtype: ResourceType,
    pub conditions: Vec<Condition>,
}

/// One thing that holds of a resource or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Its logical id is one of these.
    Id(Vec<String>),
    /// It was last changed within one of these spans.
    LastUpdated(Vec<Span>),
    /// A row of a parameter fits.
    Indexed(Indexed),
    /// The parameter has a row at all.
    Present {
        table: Table,
        param: i64,
        inherited: Inherited,
    },
    Not(Box<Condition>),
    /// One of them holds; none holds where there is none.
    AnyOf(Vec<Condition>),
    /// Refers, under the parameter, to a resource on which the criteria hold (a chain).
    RefersTo {
        param: i64,
        target: Box<Criteria>,
    },
    /// Is referred to, under a parameter of the source's type, by a resource on which the criteria hold (`_has`).
    ReferredBy {
        param: i64,
        source: Box<Criteria>,
    },
}

/// `from <= moment < until`; without an end it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Option<Instant>,
    pub until: Option<Instant>,
}

/// A parameter's rows that fit one of the patterns.
#[derive(Clone, Debug, PartialEq)]
pub struct Indexed {
    pub param: i64,
    pub inherited: Inherited,
    pub any_of: Patterns,
}

/// Whose rows count where a bed or ward has none of its own (`DOMAIN`: inherited values).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Inherited {
    #[default]
    No,
    /// A bed's: its ward's.
    FromWard,
    /// A bed's: its ward's, else its facility's; a ward's: its facility's.
    FromFacility,
}

/// The tables that hold what parameters find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Tokens and uris.
    Token,
    Reference,
    Date,
    /// Numbers and quantities.
    Quantity,
    String,
    Position,
    /// `ward_count`: the counts of wards, as long as they are valid. Has no parameter of its own.
    Vacancy,
    /// The moments of beds and of wards' counts, from their projections. Has no parameter of its own.
    AsOf,
}

/// Alternatives of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Patterns {
    Tokens(Vec<TokenPattern>),
    References(Vec<ReferencePattern>),
    Dates(Vec<DatePattern>),
    Quantities(Vec<QuantityPattern>),
    Strings(Vec<StringPattern>),
    Positions(Vec<Circle>),
    Vacancies(Vec<VacancyPattern>),
    AsOf(Vec<DatePattern>),
}

/// The forms of a token value (R4 `search.html#token`). Systems are [`crate::store::system_id`]s, codes in their index form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPattern {
    /// `code`: any system.
    Code(String),
    /// `system|code`; `|code` has the empty system.
    Exact { system: i64, code: String },
    /// `system|`: any code of it.
    System(i64),
    /// A uri that is this one or lies below it, segment by segment.
    Below(String),
}

/// The forms of a reference value (R4 `search.html#reference`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferencePattern {
    /// `Type/id`, or with an empty type a url that is not of this server. A version asks for references to it alone.
    To { rtype: String, id: String, version: Option<String> },
    /// To this resource or to one below it, by `parent`, the parameter of its type that leads upwards.
    Below { rtype: String, id: String, parent: i64 },
    /// To this resource or to one above it.
    Above { rtype: String, id: String, parent: i64 },
}

/// Which end of a row's range is compared: both ends of a moment or number are the thing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Low,
    High,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Below,
    AtMost,
    AtLeast,
    Above,
}

/// `row.edge compare value`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound<T> {
    pub edge: Edge,
    pub compare: Compare,
    pub value: T,
}

/// All bounds hold. Rows are `low <= … < high` in milliseconds since 1970; open ends are `i64::MIN` and `i64::MAX`.
#[derive(Clone, Debug, PartialEq)]
pub struct DatePattern(pub Vec<Bound<i64>>);

/// All bounds hold and the unit fits. Rows are `low <= … <= high`; open ends are infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantityPattern {
    pub bounds: Vec<Bound<f64>>,
    pub unit: Option<UnitPattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitPattern {
    /// `system|code`.
    Exact { system: i64, code: String },
    /// `|code`: the code or the unit in words, of any system.
    Any(String),
}

/// Strings in the form in which [`Derived`] holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringPattern {
    /// Folded.
    StartsWith(String),
    /// Folded.
    Contains(String),
    /// `text` as given; `folded` is the same folded, by which the index finds it.
    Exact { text: String, folded: String },
}

/// A true circle on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// Degrees.
    pub latitude: f64,
    pub longitude: f64,
    pub metres: f64,
}

/// A slice of a ward's counts that is still valid.
#[derive(Clone, Debug, PartialEq)]
pub struct VacancyPattern {
    /// A code of the region's system; any where it is `None`.
    pub sex: Option<String>,
    pub available: Vec<Bound<f64>>,
}

/// What results are sorted by. Resources without a value come last.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    pub by: SortBy,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SortBy {
    Id,
    LastUpdated,
    /// The least value, or the greatest where it is descending.
    Indexed {
        table: Table,
        param: i64,
        inherited: Inherited,
    },
    /// From the centre of the circle to the nearest position.
    Distance {
        centre: Circle,
        param: i64,
        inherited: Inherited,
    },
}

impl Criteria {
    /// A name under which equal criteria meet, whatever the order of their conditions.
    pub(in crate::store) fn lock_name(&self) -> String {
        let mut conditions: Vec<String> = self.conditions.iter().map(|condition| format!("{condition:?}")).collect();
        conditions.sort();
        format!("{}?{}", self.rtype, conditions.join("&"))
    }
}

impl Condition {
    /// Whether it is decided by a resource's own rows, without other resources.
    pub fn is_own(&self) -> bool {
        match self {
            Condition::Id(_) | Condition::LastUpdated(_) => true,
            Condition::Indexed(Indexed { inherited, any_of, .. }) => {
                let climbs = |pattern: &ReferencePattern| !matches!(pattern, ReferencePattern::To { .. });
                *inherited == Inherited::No
                    && match any_of {
                        Patterns::References(patterns) => !patterns.iter().any(climbs),
                        Patterns::Vacancies(_) | Patterns::AsOf(_) => false,
                        _ => true,
                    }
            }
            Condition::Present { table, inherited, .. } => {
                *inherited == Inherited::No && !matches!(table, Table::Vacancy | Table::AsOf)
            }
            Condition::Not(inner) => inner.is_own(),
            Condition::AnyOf(alternatives) => alternatives.iter().all(Condition::is_own),
            Condition::RefersTo { .. } | Condition::ReferredBy { .. } => false,
        }
    }
}

/// Whether a resource that is not in the database, or not yet, matches by its own rows. `at`: when it was last changed.
/// Conditions that are not its own ([`Condition::is_own`]) are held not to match.
pub fn matches(criteria: &Criteria, id: &str, at: Instant, rows: &Derived) -> bool {
    criteria.conditions.iter().all(|condition| holds(condition, id, at, rows))
}

fn holds(condition: &Condition, id: &str, at: Instant, rows: &Derived) -> bool {
    match condition {
        Condition::Id(ids) => ids.iter().any(|wanted| wanted == id),
        Condition::LastUpdated(spans) => spans
            .iter()
            .any(|span| span.from.is_none_or(|from| from <= at) && span.until.is_none_or(|until| at < until)),
        Condition::Indexed(_) | Condition::Not(_) if !condition.is_own() => false,
        Condition::Indexed(indexed) => fits(indexed, rows),
        Condition::Present { table, param, .. } => is_present(*table, *param, rows),
        Condition::Not(inner) => !holds(inner, id, at, rows),
        Condition::AnyOf(alternatives) => alternatives.iter().any(|condition| holds(condition, id, at, rows)),
        Condition::RefersTo { .. } | Condition::ReferredBy { .. } => false,
    }
}

fn is_present(table: Table, param: i64, rows: &Derived) -> bool {
    match table {
        Table::Token => rows.tokens.iter().any(|row| row.param == param),
        Table::Reference => rows.references.iter().any(|row| row.param == param),
        Table::Date => rows.dates.iter().any(|row| row.param == param),
        Table::Quantity => rows.quantities.iter().any(|row| row.param == param),
        Table::String => rows.strings.iter().any(|row| row.param == param),
        Table::Position => rows.positions.iter().any(|row| row.param == param),
        Table::Vacancy | Table::AsOf => false,
    }
}

fn fits(indexed: &Indexed, rows: &Derived) -> bool {
    let param = indexed.param;
    match &indexed.any_of {
        Patterns::Tokens(patterns) => rows
            .tokens
            .iter()
            .filter(|row| row.param == param)
            .any(|row| patterns.iter().any(|pattern| pattern.fits(row.system, &row.code))),
        Patterns::References(patterns) => rows.references.iter().filter(|row| row.param == param).any(|row| {
            patterns.iter().any(|pattern| match pattern {
                ReferencePattern::To { rtype, id, version } => {
                    row.target_type == *rtype
                        && row.target_id == *id
                        && version.as_ref().is_none_or(|version| row.version == *version)
                }
                ReferencePattern::Below { .. } | ReferencePattern::Above { .. } => false,
            })
        }),
        Patterns::Dates(patterns) => rows
            .dates
            .iter()
            .filter(|row| row.param == param)
            .any(|row| patterns.iter().any(|pattern| pattern.0.iter().all(|bound| bound.holds(row.low, row.high)))),
        Patterns::Quantities(patterns) => rows.quantities.iter().filter(|row| row.param == param).any(|row| {
            patterns.iter().any(|pattern| {
                let in_bounds = pattern.bounds.iter().all(|bound| bound.holds(row.low.0, row.high.0));
                in_bounds
                    && pattern.unit.as_ref().is_none_or(|unit| match unit {
                        UnitPattern::Exact { system, code } => row.system == *system && row.code == *code,
                        UnitPattern::Any(text) => row.code == *text || row.unit == *text,
                    })
            })
        }),
        Patterns::Strings(patterns) => rows.strings.iter().filter(|row| row.param == param).any(|row| {
            patterns.iter().any(|pattern| match pattern {
                StringPattern::StartsWith(text) => row.folded.starts_with(text),
                StringPattern::Contains(text) => row.folded.contains(text),
                StringPattern::Exact { text, .. } => row.exact == *text,
            })
        }),
        Patterns::Positions(circles) => {
            rows.positions.iter().filter(|row| row.param == param).any(|row| {
                circles.iter().any(|circle| circle.metres_to(row.latitude.0, row.longitude.0) <= circle.metres)
            })
        }
        Patterns::Vacancies(_) | Patterns::AsOf(_) => false,
    }
}

impl TokenPattern {
    fn fits(&self, row_system: i64, row_code: &str) -> bool {
        match self {
            TokenPattern::Code(code) => row_code == code,
            TokenPattern::Exact { system, code } => row_code == code && row_system == *system,
            TokenPattern::System(system) => row_system == *system,
            TokenPattern::Below(uri) => row_code.strip_prefix(uri.as_str()).is_some_and(is_segment_end),
        }
    }
}

/// What follows a uri in one that lies below it (R4 `search.html#uri`).
fn is_segment_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

impl<T: PartialOrd + Copy> Bound<T> {
    fn holds(&self, low: T, high: T) -> bool {
        let found = if self.edge == Edge::Low { low } else { high };
        match self.compare {
            Compare::Below => found < self.value,
            Compare::AtMost => found <= self.value,
            Compare::AtLeast => found >= self.value,
            Compare::Above => found > self.value,
        }
    }
}

/// Mean radius of the earth in metres (IUGG).
pub const EARTH_RADIUS: f64 = 6_371_008.8;

impl Circle {
    /// Whether both have the same centre.
    pub(super) fn is_around(&self, centre: &Circle) -> bool {
        self.latitude == centre.latitude && self.longitude == centre.longitude
    }

    /// The great-circle distance in metres from the centre.
    pub fn metres_to(&self, latitude: f64, longitude: f64) -> f64 {
        metres_of_chord(chord_squared(unit_vector(self.latitude, self.longitude), unit_vector(latitude, longitude)))
    }

    /// For points of the unit sphere: the distance in metres from the centre, where it is within the circle.
    pub fn within(&self) -> impl Fn([f64; 3]) -> Option<f64> + use<> {
        let (centre, metres) = (unit_vector(self.latitude, self.longitude), self.metres);
        move |point| Some(metres_of_chord(chord_squared(centre, point))).filter(|found| *found <= metres)
    }
}

/// A point of the unit sphere.
pub fn unit_vector(latitude: f64, longitude: f64) -> [f64; 3] {
    let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
    [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
}

/// The square of the straight line between two points of the unit sphere: what SQL compares, since it grows with the
/// distance and needs no trigonometry.
pub fn chord_squared(from: [f64; 3], to: [f64; 3]) -> f64 {
    from.iter().zip(to).map(|(from, to)| (from - to) * (from - to)).sum()
}

pub fn metres_of_chord(squared: f64) -> f64 {
    2.0 * EARTH_RADIUS * (squared.sqrt() / 2.0).min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_great_circles() {
        let toyonaka = Circle { latitude: 34.7813, longitude: 135.4697, metres: 0.0 };
        let osaka_station = toyonaka.metres_to(34.7025, 135.4959);
        assert!((osaka_station - 9_083.0).abs() < 30.0, "{osaka_station}");
        let pole = Circle { latitude: 90.0, longitude: 0.0, metres: 0.0 };
        let quarter = pole.metres_to(0.0, 77.0);
        assert!((quarter - EARTH_RADIUS * std::f64::consts::FRAC_PI_2).abs() < 1e-3, "{quarter}");
    }
}
