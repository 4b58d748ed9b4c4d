//! The records of a CSV text, and where their cells stand in it.

use csv::{ReaderBuilder, StringRecord};

use crate::error::{Error, ErrorKind, Result};
use crate::fhir::json::Place;
use crate::fhir::outcome::{Issue, IssueCode, Severity};

/// A record with the byte at which it begins.
#[derive(Debug)]
pub struct Record {
    cells: StringRecord,
    start: usize,
}

/// A text's records: the first is the header, rows without content are left out.
#[derive(Debug)]
pub struct Table<'t> {
    text: &'t str,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    pub header: Record,
    pub rows: Vec<Record>,
}

impl Record {
    /// The cell without white space around it; empty where the record is too short.
    pub fn cell(&self, index: usize) -> &str {
        self.cells.get(index).unwrap_or_default().trim()
    }

    /// How many cells there are, without empty ones at the end.
    pub fn width(&self) -> usize {
        let filled = |cell: &str| !cell.trim().is_empty();
        (0..self.cells.len()).rev().find(|index| filled(&self.cells[*index])).map_or(0, |last| last + 1)
    }
}

impl<'t> Table<'t> {
    /// Reads a text of at most so many rows. 422 for a text without a header, 413 for one with more rows.
    pub fn read(text: &'t str, limit: usize) -> Result<Table<'t>> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let (mut records, mut cells) = (Vec::new(), StringRecord::new());
        while reader.read_record(&mut cells).map_err(|error| unreadable(&error))? {
            // The reader counts line ends before a record, blank lines included, to the record.
            let at = cells.position().and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(0);
            let rest = text.as_bytes().get(at..).unwrap_or_default();
            let start = at + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let record = Record { cells: std::mem::take(&mut cells), start };
            if record.width() > 0 {
                records.push(record);
            }
            if records.len() > limit.saturating_add(1) {
                return Err(too_many(limit));
            }
        }
        if records.is_empty() {
            return Err(empty());
        }
        let header = records.remove(0);
        Ok(Table { text, lines: line_starts(text), header, rows: records })
    }

    /// Where a cell begins.
    pub fn place(&self, record: &Record, cell: usize) -> Place {
        let at = cell_start(self.text.as_bytes(), record.start, cell);
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let before = self.text.get(self.lines[line - 1]..at).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }
}

/// A line ends with `\n`, `\r\n` or `\r`, as records do.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
}

/// The byte at which cell number `cell` of the record at `start` begins, by the rules of RFC 4180.
fn cell_start(text: &[u8], start: usize, cell: usize) -> usize {
    let mut at = start;
    for _ in 0..cell {
        if text.get(at) == Some(&b'"') {
            at += 1;
            while let Some(byte) = text.get(at) {
                at += 1;
                if *byte != b'"' {
                    continue;
                }
                // Two of them are one that is meant.
                if text.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
        }
        while text.get(at).is_some_and(|byte| !matches!(byte, b',' | b'\r' | b'\n')) {
            at += 1;
        }
        if text.get(at) != Some(&b',') {
            break;
        }
        at += 1;
    }
    at
}

fn unreadable(error: &csv::Error) -> Error {
    let line = error.position().and_then(|at| usize::try_from(at.line()).ok());
    let (ja, en) = ("CSV として読めません。", "This cannot be read as CSV.");
    let issue = Issue::new(Severity::Fatal, IssueCode::Structure, ja, en);
    Error::bad_request(Issue { place: line.map(|line| Place { line, column: 1 }), ..issue })
}

fn empty() -> Error {
    let (ja, en) = (
        "ファイルが空です。1 行目に見出し、2 行目からデータを入れてください。",
        "The file is empty. Give it a header in the first line, and rows below.",
    );
    Error::unprocessable(vec![Issue::error(IssueCode::Required, ja, en)])
}

fn too_many(limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        Issue::error(
            IssueCode::TooLong,
            format!("行が多すぎます。{limit} 行までです。分けて送ってください。何も書き込まれていません。"),
            format!("There are too many rows. The limit is {limit}. Send them in parts. Nothing was written."),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_where_an_editor_shows_them() {
        let text = "病床,\"状態\r\n(コード)\",時点\r\n\r\n 101 ,\"U\"\"x\",\"a,b\"\r,,\r\n102,O";
        let table = Table::read(text, 10).unwrap();
        let place = |record: &Record, cell| {
            let place = table.place(record, cell);
            (place.line, place.column)
        };
        assert_eq!((place(&table.header, 1), place(&table.header, 2)), ((1, 4), (2, 8)));
        assert_eq!(table.rows.len(), 2, "rows without content are none");
        let [first, second] = table.rows.as_slice() else { unreachable!() };
        assert_eq!((first.cell(0), first.cell(1), first.cell(2), first.cell(3)), ("101", "U\"x", "a,b", ""));
        assert_eq!((place(first, 0), place(first, 1), place(first, 2)), ((4, 1), (4, 7), (4, 14)));
        assert_eq!((place(second, 0), place(second, 1)), ((6, 1), (6, 5)));
        assert_eq!(place(second, 7), (6, 6), "a cell that is not there stands at the record's end");
    }

    #[test]
    fn too_many_rows_and_none_are_told() {
        assert_eq!(Table::read("a\n1\n2\n3\n", 2).unwrap_err().kind, ErrorKind::TooLarge);
        assert_eq!(Table::read("a\n1\n2\n", 2).unwrap().rows.len(), 2);
        assert_eq!(Table::read("\n,,\n \n", 2).unwrap_err().kind, ErrorKind::Unprocessable);
    }
}
