//! Records of Parquet files. The sizes that a file promises are checked before anything is unpacked.

mod pages;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Map, Value};

use crate::{DatasetError, FILE_BYTES_MAX, LineProblem, Place, RECORD_BYTES_MAX, RECORDS_MAX, RecordResult};

/// What a Parquet file begins and ends with.
const MAGIC: &[u8] = b"PAR1";

/// Most columns read, nested ones counted one by one.
const COLUMNS_MAX: usize = 500;

/// Whether the bytes are a Parquet file.
pub(crate) fn is_parquet(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Its rows.
pub(crate) fn records(name: &str, bytes: &[u8]) -> Result<Vec<RecordResult>, DatasetError> {
    let refuse = |reason: String| DatasetError::Parquet { name: name.to_owned(), reason };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(DatasetError::TooLarge { name: name.to_owned(), limit: FILE_BYTES_MAX, after: "" });
    }
    if bytes.len() < 12 || !bytes.ends_with(MAGIC) {
        return Err(refuse("its end is missing; fetch it again".to_owned()));
    }
    // The reader is made for files of friends: it may panic on others.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes)));
    match read {
        Ok(Ok(records)) if records.is_empty() => Err(DatasetError::Empty { name: name.to_owned() }),
        Ok(Ok(records)) => Ok(records),
        Ok(Err(reason)) => Err(refuse(reason)),
        Err(_) => Err(refuse("it is broken; fetch it again".to_owned())),
    }
}

fn read(bytes: &[u8]) -> Result<Vec<RecordResult>, String> {
    let broken = |error: ParquetError| format!("{error}; fetch it again");
    let bytes = Bytes::copy_from_slice(bytes);
    let reader = SerializedFileReader::new(bytes.clone()).map_err(broken)?;
    check(reader.metadata(), &bytes)?;
    let mut found = Vec::new();
    let mut left = FILE_BYTES_MAX;
    for (row, number) in reader.get_row_iter(None).map_err(broken)?.take(RECORDS_MAX).zip(1..) {
        let place = Place::Entry(number);
        let record = row.map_err(|error| format!("{place}: {error}; fetch it again"))?;
        let size = size(&record);
        left = left.checked_sub(size).ok_or_else(|| too_large("its rows have"))?;
        found.push(as_record(place, size, record));
    }
    Ok(found)
}

fn too_large(what: &str) -> String {
    format!("{what} more than {FILE_BYTES_MAX} bytes; split it, or take a part of it")
}

/// Refuses what cannot be unpacked, and what would be larger than any file read here.
fn check(metadata: &ParquetMetaData, bytes: &Bytes) -> Result<(), String> {
    let columns = metadata.file_metadata().schema_descr().num_columns();
    if columns > COLUMNS_MAX {
        return Err(format!("it has {columns} columns, but at most {COLUMNS_MAX} are read"));
    }
    let mut promised = pages::Promised::default();
    let mut gzipped = Vec::new();
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        match column.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) | Compression::GZIP(_) => {
            }
            other => {
                let how = other.to_string();
                let how = how.split('(').next().unwrap_or_default().to_lowercase();
                return Err(format!("it is packed with {how}; write it with snappy, zstd or gzip"));
            }
        }
        let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
        let range = usize::try_from(start).ok().zip(usize::try_from(column.compressed_size()).ok());
        let chunk = range.and_then(|(start, length)| bytes.get(start..start.checked_add(length)?));
        let chunk = chunk.ok_or("a column is outside the file; download it again")?;
        promised.add(chunk).ok_or("a page is broken; fetch it again")?;
        if promised.bytes > FILE_BYTES_MAX as u64 || promised.values > FILE_BYTES_MAX as u64 {
            return Err(too_large("unpacked, it has"));
        }
        gzipped.extend(matches!(column.compression(), Compression::GZIP(_)).then_some(chunk));
    }
    // Only now: what is unpacked for this is no more than was promised.
    for chunk in gzipped {
        match pages::gzip_keeps_promises(chunk) {
            Some(true) => {}
            Some(false) => return Err("a page unpacks to more than it promises; fetch it again".to_owned()),
            None => return Err("a page is broken; fetch it again".to_owned()),
        }
    }
    Ok(())
}

fn as_record(place: Place, size: usize, row: Row) -> RecordResult {
    if size > RECORD_BYTES_MAX {
        let message = format!("has {size} bytes, but at most {RECORD_BYTES_MAX} are read");
        return Err(LineProblem::new(place, message));
    }
    Ok((place, object(&row)))
}

fn object(row: &Row) -> Map<String, Value> {
    row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
}

/// A cell as JSON. Bytes that are no text (pictures, sounds) are nothing a question can be made of.
fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(truth) => Value::Bool(*truth),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float(number) => (*number).into(),
        Field::Double(number) => (*number).into(),
        Field::Str(text) => Value::String(text.clone()),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::MapInternal(map) => {
            Value::Object(map.entries().iter().map(|(key, cell)| (text(key), value(cell))).collect())
        }
        other => Value::String(other.to_string()),
    }
}

fn text(key: &Field) -> String {
    match value(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// About how many bytes a row takes.
fn size(row: &Row) -> usize {
    row.get_column_iter().map(|(name, field)| name.len() + field_size(field)).sum()
}

fn field_size(field: &Field) -> usize {
    match field {
        Field::Str(text) => text.len(),
        Field::Bytes(bytes) => bytes.len(),
        Field::Group(row) => size(row),
        Field::ListInternal(list) => list.elements().iter().map(field_size).sum::<usize>() + 8,
        Field::MapInternal(map) => {
            map.entries().iter().map(|(key, cell)| field_size(key) + field_size(cell)).sum::<usize>() + 8
        }
        _ => 8,
    }
}
