//! Random files: what is written in either encoding is read back, and rubbish never ends in a panic.

use encoding_rs::SHIFT_JIS;
use proptest::prelude::*;

use crate::exchange::{BedName, BedRow, BedStatus};
use crate::fhir::instant::Instant;

use super::decode::{Charset, decode};
use super::header::Header;
use super::row::Row;
use super::table::Table;
use super::{beds, wards};

const NOW: Instant = Instant(1_795_867_200_000);

fn read_beds(bytes: &[u8], charset: Option<Charset>) -> Vec<BedRow> {
    let text = decode(bytes, charset).unwrap();
    let table = Table::read(&text, 1_000).unwrap();
    let (header, _) = Header::read(&table).unwrap();
    let row = |record| Row { table: &table, header: &header, record, now: NOW, latest: NOW };
    let rows: Vec<Row<'_>> = table.rows.iter().map(row).collect();
    beds::read(&rows).into_iter().map(Result::unwrap).collect()
}

/// Letters of both encodings, those included that CSV has to quote.
fn name() -> impl Strategy<Value = String> {
    "[東西南北病床a-zA-Z0-9\"',ー一二三-]{1,12}"
}

proptest! {
    #[test]
    fn random_tables_are_read_back_in_both_encodings(
        rows in prop::collection::btree_map(name(), (0..6_usize, 0..1_000_000_000_000_i64), 1..40),
    ) {
        let wanted: Vec<BedRow> = rows.into_iter().map(|(value, (status, ago))| BedRow {
            bed: BedName::Identifier { system: None, value },
            status: BedStatus::ALL[status],
            as_of: Some(Instant(NOW.0 - ago % 500_000_000_000)),
        }).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["病床番号", "状態", "時点"]).unwrap();
        for row in &wanted {
            let BedName::Identifier { value, .. } = &row.bed else { unreachable!() };
            let moment = row.as_of.map(Instant::to_fhir).unwrap_or_default();
            writer.write_record([value.as_str(), row.status.code(), &moment]).unwrap();
        }
        let utf8 = writer.into_inner().unwrap();
        prop_assert_eq!(&read_beds(&utf8, None), &wanted);
        let (sjis, _, broken) = SHIFT_JIS.encode(std::str::from_utf8(&utf8).unwrap());
        prop_assert!(!broken);
        prop_assert_eq!(&read_beds(&sjis, Some(Charset::ShiftJis)), &wanted);
        prop_assert_eq!(&read_beds(&sjis, None), &wanted);
    }

    #[test]
    fn rubbish_under_a_header_never_panics(wards in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let head = if wards { "病棟番号,空床数,時点\n" } else { "病床番号,状態,時点\n" };
        let whole = [head.as_bytes(), &bytes].concat();
        for charset in [None, Some(Charset::Utf8), Some(Charset::ShiftJis)] {
            for bytes in [&bytes, &whole] {
                let Ok(text) = decode(bytes, charset) else { continue };
                let Ok(table) = Table::read(&text, 1_000) else { continue };
                let Ok((header, _)) = Header::read(&table) else { continue };
                let row = |record| Row { table: &table, header: &header, record, now: NOW, latest: NOW };
                let rows: Vec<Row<'_>> = table.rows.iter().map(row).collect();
                let of_beds = beds::read(&rows);
                let (of_wards, _) = wards::read(&rows);
                for issue in of_beds.into_iter().filter_map(Result::err) {
                    let place = issue.place.unwrap();
                    prop_assert!(place.line >= 1 && place.column >= 1);
                }
                prop_assert!(of_wards.len() <= rows.len());
            }
        }
    }
}
