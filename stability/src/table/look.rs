//! A first look at a file: its columns and first rows, from which a person says what is what.

use super::{BATCH, BYTE_ORDER_MARK, Header, Reading, Records, Role, TIME, TableError, check_kind, shown};

/// Bytes of a file from its beginning that a look takes.
pub const LOOKED_AT: usize = 64 << 10;
/// Columns that are shown.
const COLUMNS: usize = 200;
const ROWS: usize = 5;
/// Characters of a cell.
const CELL: usize = 60;

/// What is seen of a file.
pub struct Look {
    header: Header,
    /// The first few, with a cell for each column that is shown.
    pub rows: Vec<Vec<String>>,
}

impl Look {
    /// Looks at the beginning of a file, of which the last line may be cut off.
    ///
    /// # Errors
    /// It is no CSV that could be read.
    pub fn at(beginning: &[u8]) -> Result<Self, TableError> {
        check_kind(beginning)?;
        let bytes = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning);
        let mut records = Records::of(bytes);
        let Some(line) = records.advance() else {
            return Err(TableError::File("the file is empty: its first line names the columns".to_owned()));
        };
        let header = Header::of(&records.record, line);
        let mut rows = Vec::new();
        while rows.len() < ROWS && records.advance().is_some() {
            rows.push(records.record.iter().take(COLUMNS).map(|cell| shown(cell, CELL)).collect());
        }
        if beginning.len() >= LOOKED_AT && records.advance().is_none() {
            rows.pop();
        }
        Ok(Self { header, rows })
    }

    /// The names of the columns in their order.
    pub fn columns(&self) -> &[String] {
        let names = &self.header.names;
        names.get(..COLUMNS).unwrap_or(names)
    }

    /// The columns that are meant where nobody says which: of batches, times and results.
    pub fn usual(&self) -> [Option<usize>; 3] {
        let batch = self.header.column(Role::Batch, None, BATCH).ok();
        let time = self.header.column(Role::Time, None, TIME).ok();
        let taken: Vec<usize> = [batch, time].into_iter().flatten().collect();
        let result = self.header.remaining(&taken, &[]).ok();
        [batch, time, result.filter(|_| taken.len() == 2)]
    }

    /// Whether the columns are there that a reading names.
    ///
    /// # Errors
    /// Which is not, or could be several.
    pub fn check(&self, reading: &Reading) -> Result<(), TableError> {
        self.header.columns(reading).map(drop)
    }

    /// The shortest reading of the same columns: what is meant without saying so is left out.
    pub fn shortened(&self, reading: Reading) -> Reading {
        let columns = |reading: &Reading| {
            let columns = self.header.columns(reading).ok()?;
            Some([columns.batch, columns.time, columns.result])
        };
        let meant = columns(&reading);
        let same = |shorter: &Reading| meant.is_some() && columns(shorter) == meant;
        let without_batch = Reading { batch: None, ..reading.clone() };
        let reading = if same(&without_batch) { without_batch } else { reading };
        let without_time = Reading { time: None, ..reading.clone() };
        let reading = if same(&without_time) { without_time } else { reading };
        let without_result = Reading { result: None, ..reading.clone() };
        if same(&without_result) { without_result } else { reading }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn named(batch: &str, time: &str, result: &str) -> Reading {
        let some = |name: &str| Some(name.to_owned());
        Reading { batch: some(batch), time: some(time), result: some(result), ..Reading::default() }
    }

    #[test]
    fn columns_and_first_rows_are_seen() {
        let look = Look::at("\u{feff}Lot;Month;Größe\na;0;1,5\nb;3\n".as_bytes()).unwrap();
        assert_eq!(look.columns(), ["Lot", "Month", "Größe"]);
        assert_eq!(look.rows, [vec!["a", "0", "1,5"], vec!["b", "3"]]);
        assert_eq!(look.usual(), [Some(0), Some(1), Some(2)]);
        let look = Look::at(b"batch,day,potency,size\n").unwrap();
        assert_eq!((look.usual(), look.rows.len()), ([Some(0), None, None], 0));
        assert!(look.check(&named("batch", "day", "size")).is_ok());
        for wrong in [named("batch", "month", "size"), named("batch", "day", "day")] {
            assert!(look.check(&wrong).is_err(), "{wrong:?}");
        }
        assert!(Look::at(b"PK\x03\x04").is_err() && Look::at(b"\n\n").is_err() && Look::at(b"a\0").is_err());
    }

    #[test]
    fn a_row_that_is_cut_off_is_not_shown() {
        let text = format!("batch,month,x\na,0,{}", "1".repeat(LOOKED_AT));
        assert!(Look::at(text.get(..LOOKED_AT).unwrap().as_bytes()).unwrap().rows.is_empty());
        let text = "batch,month,x\n".to_owned() + &"a,0,1\n".repeat(LOOKED_AT);
        assert_eq!(Look::at(text.get(..LOOKED_AT).unwrap().as_bytes()).unwrap().rows.len(), ROWS);
    }

    #[test]
    fn what_is_meant_anyway_is_left_out() {
        let look = Look::at(b"Batch,Month,Potency\n").unwrap();
        assert_eq!(look.shortened(named("Batch", "Month", "Potency")), Reading::default());
        let swapped = named("Potency", "Month", "Batch");
        let shorter = look.shortened(swapped);
        assert_eq!((shorter.batch.as_deref(), shorter.time, shorter.result), (Some("Potency"), None, None));
        let look = Look::at(b"Batch,Month,Potency,Storage\n").unwrap();
        let shorter = look.shortened(named("Batch", "Month", "Potency"));
        assert_eq!(shorter, Reading { result: Some("Potency".into()), ..Reading::default() });
        let only = vec![("Storage".to_owned(), "25C".to_owned())];
        let shorter = look.shortened(Reading { only: only.clone(), ..named("Batch", "Month", "Potency") });
        assert_eq!(shorter, Reading { only, ..Reading::default() });
    }
}
