//! The header says what a file is and which column is which. Names are data ([`COLUMNS`]); docs/csv.md lists them.

use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};
use crate::fhir::outcome::{Issue, IssueCode, Language};

use super::table::Table;

/// What the rows of a file are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each row a bed.
    Beds,
    /// Each row a count of a ward, for one sex and isolation.
    Wards,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    Bed,
    Ward,
    System,
    Status,
    Sex,
    Isolation,
    Staffed,
    Occupied,
    Reserved,
    Blocked,
    Available,
    AsOf,
    ValidUntil,
}

/// Every column: its names in Japanese and English, and what else it may be called.
pub const COLUMNS: [(Column, &str, &str, &[&str]); 13] = [
    (
        Column::Bed,
        "病床番号",
        "bed",
        &["病床", "病床ID", "病床識別子", "ベッド", "ベッド番号", "bed id", "bed identifier", "bed number"],
    ),
    (
        Column::Ward,
        "病棟番号",
        "ward",
        &["病棟", "病棟ID", "病棟コード", "病棟識別子", "ward id", "ward identifier", "ward number"],
    ),
    (Column::System, "識別子体系", "system", &["番号体系", "identifier system"]),
    (
        Column::Status,
        "状態",
        "status",
        &["病床状態", "病床の状態", "状況", "利用状況", "ステータス", "bed status", "operational status"],
    ),
    (Column::Sex, "性別", "sex", &["対象性別", "受入性別", "gender"]),
    (Column::Isolation, "隔離", "isolation", &["隔離用", "隔離病床", "isolated"]),
    (Column::Staffed, "稼働病床数", "staffed", &["稼働数", "稼働", "稼働病床", "staffed beds"]),
    (Column::Occupied, "使用病床数", "occupied", &["使用中", "使用数", "使用中病床数", "occupied beds"]),
    (Column::Reserved, "予約病床数", "reserved", &["予約", "予約数", "予約済み", "reserved beds"]),
    (Column::Blocked, "停止病床数", "blocked", &["停止", "停止数", "使用停止", "使用停止病床数", "blocked beds"]),
    (
        Column::Available,
        "空床数",
        "available",
        &["空床", "空き", "空き病床数", "受入可能数", "available beds", "free beds", "vacant beds"],
    ),
    (
        Column::AsOf,
        "時点",
        "as of",
        &["日時", "時刻", "報告日時", "更新日時", "基準日時", "moment", "time", "date time", "updated"],
    ),
    (Column::ValidUntil, "有効期限", "valid until", &["期限", "有効日時", "expires"]),
];

/// The columns that each kind of file reads; the first ones must be there.
const OF_BEDS: (&[Column], &[Column]) = (&[Column::Bed, Column::Status], &[Column::System, Column::AsOf]);
const OF_WARDS: (&[Column], &[Column]) = (
    &[Column::Ward, Column::Available],
    &[
        Column::System,
        Column::Sex,
        Column::Isolation,
        Column::Staffed,
        Column::Occupied,
        Column::Reserved,
        Column::Blocked,
        Column::AsOf,
        Column::ValidUntil,
    ],
);

/// A header that was understood.
#[derive(Debug)]
pub struct Header {
    pub kind: Kind,
    columns: Vec<(Column, usize)>,
    /// As many cells as a row may have.
    pub width: usize,
}

impl Column {
    pub fn name(self, language: Language) -> &'static str {
        let found = COLUMNS.iter().find(|(column, ..)| *column == self);
        found.map_or("", |(_, ja, en, _)| if language == Language::Ja { ja } else { en })
    }
}

impl Kind {
    fn columns(self) -> impl Iterator<Item = Column> {
        let (must, may) = match self {
            Kind::Beds => OF_BEDS,
            Kind::Wards => OF_WARDS,
        };
        must.iter().chain(may).copied()
    }
}

impl Header {
    /// Reads the header. 422 where it does not say what the file is; what is not read is told.
    pub fn read(table: &Table<'_>) -> Result<(Header, Option<Issue>)> {
        let width = table.header.width();
        let named: Vec<(Column, usize)> =
            (0..width).filter_map(|index| Some((column_of(table.header.cell(index))?, index))).collect();
        let has = |column: &Column| named.iter().any(|(found, _)| found == column);
        let kind = if OF_BEDS.0.iter().all(has) {
            Kind::Beds
        } else if OF_WARDS.0.iter().all(has) && !has(&Column::Bed) {
            Kind::Wards
        } else {
            return Err(not_understood(table));
        };
        let mut columns = Vec::new();
        for (column, index) in named.into_iter().filter(|(column, _)| kind.columns().any(|read| read == *column)) {
            if columns.iter().any(|(taken, _)| *taken == column) {
                return Err(twice(table, column, index));
            }
            columns.push((column, index));
        }
        let unread: Vec<usize> = (0..width).filter(|index| !columns.iter().any(|(_, taken)| taken == index)).collect();
        let told = unread.first().map(|first| not_read(table, *first, &unread));
        Ok((Header { kind, columns, width }, told))
    }

    /// The number of the column's cell.
    pub fn cell(&self, column: Column) -> Option<usize> {
        self.columns.iter().find(|(found, _)| *found == column).map(|(_, index)| *index)
    }
}

/// A file to fill in: a header and rows to write over. It begins with a byte order mark, without which Excel takes the
/// text for Shift_JIS.
pub fn template(kind: Kind, language: Language) -> String {
    let (must, may) = match kind {
        Kind::Beds => (OF_BEDS.0, &[Column::AsOf][..]),
        Kind::Wards => (&OF_WARDS.0[..1], &OF_WARDS.1[1..]),
    };
    let mut columns: Vec<Column> = must.iter().chain(may).copied().collect();
    if kind == Kind::Wards {
        columns.insert(columns.len() - 2, Column::Available);
    }
    let ja = language == Language::Ja;
    let rows: &[&str] = match (kind, ja) {
        (Kind::Beds, true) => &["例-101,空床,2026/11/28 21:05", "例-102,使用中,", "例-103,清掃中,"],
        (Kind::Beds, false) => &["example-101,U,2026-11-28T21:05+09:00", "example-102,O,", "example-103,H,"],
        (Kind::Wards, true) => {
            &["例-東3,男性,いいえ,20,16,1,1,2,2026/11/28 21:05,", "例-東3,女性,いいえ,20,18,0,0,2,,"]
        }
        (Kind::Wards, false) => {
            &["example-3e,male,no,20,16,1,1,2,2026-11-28T21:05+09:00,", "example-3e,female,no,20,18,0,0,2,,"]
        }
    };
    let names: Vec<&str> = columns.iter().map(|column| column.name(language)).collect();
    let lines = std::iter::once(names.join(",")).chain(rows.iter().map(|row| (*row).to_owned()));
    // Lines end as RFC 4180 has them.
    std::iter::once("\u{FEFF}".to_owned()).chain(lines.map(|line| line + "\r\n")).collect()
}

/// A column by any of its names, whatever their width, case, spaces and remarks in brackets.
fn column_of(name: &str) -> Option<Column> {
    let name = bare(name);
    let is = |known: &&str| bare(known) == name;
    let found = COLUMNS.iter().find(|(_, ja, en, others)| is(ja) || is(en) || others.iter().any(is));
    found.map(|(column, ..)| *column)
}

fn bare(name: &str) -> String {
    let name: String = name.nfkc().collect();
    let without_remark = name.split('(').next().unwrap_or_default();
    without_remark.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn names(columns: &[Column], language: Language) -> String {
    columns.iter().map(|column| column.name(language)).collect::<Vec<_>>().join(", ")
}

/// What stands there is not told: a file without a header begins with data.
fn not_understood(table: &Table<'_>) -> Error {
    let issue = Issue::error(
        IssueCode::Structure,
        format!(
            "1 行目の見出しから、病床の表か病棟の表か分かりません。病床の表には「{}」、病棟の表には「{}」の列が要ります。区切りは\
             コンマです。",
            names(OF_BEDS.0, Language::Ja),
            names(OF_WARDS.0, Language::Ja)
        ),
        format!(
            "The header in the first line says neither that this is a table of beds nor of wards. Beds need the columns {}, \
             wards {}. Columns are separated by commas.",
            names(OF_BEDS.0, Language::En),
            names(OF_WARDS.0, Language::En)
        ),
    );
    Error::unprocessable(vec![Issue { place: Some(table.place(&table.header, 0)), ..issue }])
}

fn twice(table: &Table<'_>, column: Column, index: usize) -> Error {
    let issue = Issue::error(
        IssueCode::Duplicate,
        format!("「{}」を表す列が二つあります。一つにしてください。", column.name(Language::Ja)),
        format!("Two columns mean \"{}\". Keep one of them.", column.name(Language::En)),
    );
    Error::unprocessable(vec![Issue { place: Some(table.place(&table.header, index)), ..issue }])
}

fn not_read(table: &Table<'_>, first: usize, unread: &[usize]) -> Issue {
    let numbers = unread.iter().map(|index| (index + 1).to_string()).collect::<Vec<_>>().join(", ");
    let issue = Issue::warning(
        IssueCode::NotSupported,
        format!("{numbers} 番目の列は読んでいません。要る列なら見出しを docs/csv.md にあるものにしてください。"),
        format!("These columns were not read: {numbers}. If they matter, give them a name from docs/csv.md."),
    );
    Issue { place: Some(table.place(&table.header, first)), ..issue }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Header, Option<Issue>)> {
        Header::read(&Table::read(text, 10).unwrap())
    }

    #[test]
    fn every_name_means_one_column() {
        for (column, ja, en, others) in COLUMNS {
            for name in [ja, en].iter().chain(others) {
                assert_eq!(column_of(name), Some(column), "{name}");
            }
        }
        assert_eq!(column_of(" Ｂｅｄ＿ＩＤ "), Some(Column::Bed));
        assert_eq!(column_of("空床数（床）"), Some(Column::Available));
        assert_eq!(column_of("氏名"), None);
        assert_eq!(column_of(""), None);
    }

    #[test]
    fn the_header_tells_beds_from_wards() {
        let (beds, told) = read("状態,病床番号,病棟").unwrap();
        assert_eq!((beds.kind, beds.cell(Column::Bed), beds.cell(Column::Ward)), (Kind::Beds, Some(1), None));
        assert!(told.unwrap().en.contains(": 3."));
        let (wards, told) = read("ward,available,as of").unwrap();
        assert_eq!((wards.kind, wards.cell(Column::AsOf), told), (Kind::Wards, Some(2), None));
    }

    #[test]
    fn a_header_that_does_not_say_is_refused() {
        for text in ["a,b", "病床番号,時点", "病棟,性別", "病床番号,空床数,病棟", "bed;status", "bed,status,状態"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(!read("山田太郎,101").unwrap_err().issues[0].ja.contains("山田"));
    }

    #[test]
    fn templates_are_read_as_what_they_are() {
        for language in [Language::Ja, Language::En] {
            for kind in [Kind::Beds, Kind::Wards] {
                let text = template(kind, language);
                let (header, told) = read(text.strip_prefix('\u{FEFF}').unwrap()).unwrap();
                assert_eq!((header.kind, told), (kind, None));
            }
        }
    }

    /// The table in docs/csv.md is this one.
    #[test]
    fn the_documentation_has_every_name() {
        let documented = include_str!("../../../docs/csv.md");
        for (_, ja, en, others) in COLUMNS {
            let row = format!("| {ja} | {en} | {} |", others.join(", "));
            assert!(documented.contains(&row), "not in docs/csv.md: {row}");
        }
    }
}
