//! One row under its header: cells read into what they mean, or refused with their place.

use crate::exchange::BedName;
use crate::fhir::instant::Instant;
use crate::fhir::json::Place;
use crate::fhir::outcome::{Issue, IssueCode, Language};

use super::header::{Column, Header};
use super::moment;
use super::table::{Record, Table};
use super::words;

/// Characters of an identifier, at most, and of a cell that is shown.
const LONGEST: usize = 200;
const SHOWN: usize = 40;

/// Why a row is refused.
pub type Wrong = Box<Issue>;

/// A row of a file. What is read of it is refused with the first thing that is wrong.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub table: &'a Table<'a>,
    pub header: &'a Header,
    pub record: &'a Record,
    /// The moment of the whole file.
    pub now: Instant,
    /// The latest moment that a row may be of.
    pub latest: Instant,
}

impl Row<'_> {
    /// 422 for cells without a header: a comma too many moves what is behind it into the wrong column.
    pub fn check_width(&self) -> Result<(), Wrong> {
        if self.record.width() <= self.header.width {
            return Ok(());
        }
        let issue = Issue::error(
            IssueCode::Structure,
            "見出しより多くの値があります。余分なコンマを除くか、コンマを含む値を引用符で囲んでください。",
            "There are more cells than the header has. Take out a comma too many, or quote the cell that has one.",
        );
        Err(Box::new(Issue { place: Some(self.table.place(self.record, self.header.width)), ..issue }))
    }

    /// What names the bed or ward.
    pub fn name(&self, column: Column) -> Result<BedName, Wrong> {
        let value = self.required(column)?;
        for (column, text) in [(Some(column), Some(value)), (Some(Column::System), self.cell(Column::System))] {
            if let (Some(column), Some(text)) = (column, text)
                && (text.chars().any(char::is_control) || text.chars().count() > LONGEST)
            {
                return Err(self.refuse(
                    column,
                    IssueCode::Value,
                    "改行や制御文字を含むか長すぎます。引用符の閉じ忘れがないか確かめてください。",
                    "It holds line ends or control characters, or is too long. Look for a quote that is not closed.",
                ));
            }
        }
        let system = self.cell(Column::System).map(str::to_owned);
        Ok(BedName::Identifier { system, value: value.to_owned() })
    }

    /// When it was so: now, where the row does not say.
    pub fn as_of(&self) -> Result<Instant, Wrong> {
        let as_of = self.moment(Column::AsOf)?.unwrap_or(self.now);
        if as_of > self.latest {
            return Err(self.refuse(
                Column::AsOf,
                IssueCode::Value,
                "未来の時点です。端末の時計を確かめるか、空欄にしてください (取り込んだ時点になります)。",
                "It lies in the future. Check the clock, or leave it empty for the moment of this import.",
            ));
        }
        Ok(as_of)
    }

    pub fn moment(&self, column: Column) -> Result<Option<Instant>, Wrong> {
        self.read(
            column,
            moment::read,
            "日時は 2026/11/28 21:05 か 2026-11-28T21:05+09:00 のように、年から時刻まで書いてください。",
            "Write a moment from the year to the time: 2026/11/28 21:05 or 2026-11-28T21:05+09:00.",
        )
    }

    pub fn count(&self, column: Column) -> Result<Option<i64>, Wrong> {
        let (ja, en) = ("0 以上の整数にしてください。", "Write a whole number, 0 or more.");
        self.read(column, words::count, ja, en)
    }

    /// What a word in a cell means, if there is one.
    pub fn read<T>(&self, column: Column, read: fn(&str) -> Option<T>, ja: &str, en: &str) -> Result<Option<T>, Wrong> {
        let Some(text) = self.cell(column) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| self.refuse(column, IssueCode::Value, ja, en))
    }

    pub fn required(&self, column: Column) -> Result<&str, Wrong> {
        self.cell(column).ok_or_else(|| self.missing(column))
    }

    pub fn missing(&self, column: Column) -> Wrong {
        let (ja, en) = (column.name(Language::Ja), column.name(Language::En));
        let issue = Issue::error(
            IssueCode::Required,
            format!("「{ja}」が空です。値を入れてください。"),
            format!("\"{en}\" is empty. Give it a value."),
        );
        Box::new(Issue { place: Some(self.place(column)), ..issue })
    }

    /// A cell that is refused: what was found there, and how to mend it.
    pub fn refuse(&self, column: Column, code: IssueCode, ja: &str, en: &str) -> Wrong {
        let found = shown(self.cell(column).unwrap_or_default());
        let issue = Issue::error(
            code,
            format!("「{}」の値は「{found}」です。{ja}", column.name(Language::Ja)),
            format!("\"{}\" is \"{found}\". {en}", column.name(Language::En)),
        );
        Box::new(Issue { place: Some(self.place(column)), ..issue })
    }

    /// Where the column's cell stands in this row; the row's start where there is no such column.
    pub fn place(&self, column: Column) -> Place {
        self.table.place(self.record, self.header.cell(column).unwrap_or(0))
    }

    fn cell(&self, column: Column) -> Option<&str> {
        let text = self.record.cell(self.header.cell(column)?);
        (!text.is_empty()).then_some(text)
    }
}

/// The beginning of a cell, fit to be shown.
fn shown(text: &str) -> String {
    let letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut shown: String = letters.take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
