//! The Arrow schemas of the tables. See `docs/format.md`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow_array::StringArray;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{EngineName, Kind};

/// The time zone of every time column.
pub const UTC: &str = "UTC";

/// The frame `deltas`: one row for each cell that changed.
#[must_use]
pub fn deltas() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let [sample, time, read_ns] = window();
        let line = Field::new("line", DataType::UInt32, false);
        Arc::new(Schema::new(vec![sample, time, read_ns, line, cpu(), delta()]))
    });
    SCHEMA.clone()
}

/// The frame `samples`: one row for each read.
#[must_use]
pub fn samples() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let [sample, time, read_ns] = window();
        let late_ns = Field::new("late_ns", DataType::Int64, true);
        Arc::new(Schema::new(vec![sample, time, read_ns, kind(), engine(), late_ns]))
    });
    SCHEMA.clone()
}

/// The flat table, which a trace file holds.
#[must_use]
pub fn flat() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let [sample, time, read_ns] = window();
        let irq = Field::new("irq", dictionary(DataType::Int32), true);
        let name = Field::new("name", dictionary(DataType::Int32), true);
        let host = Field::new("host", dictionary(DataType::Int8), false);
        // A machine without a boot id: no Linux, or a trace made from captured texts.
        let boot = Field::new("boot", dictionary(DataType::Int8), true);
        Arc::new(Schema::new(vec![sample, time, read_ns, engine(), kind(), irq, name, cpu(), delta(), host, boot]))
    });
    SCHEMA.clone()
}

/// A snapshot: one row for each cell.
#[must_use]
pub fn snapshot() -> SchemaRef {
    let irq = Field::new("irq", dictionary(DataType::Int32), false);
    let name = Field::new("name", dictionary(DataType::Int32), false);
    let count = Field::new("count", DataType::UInt64, false);
    Arc::new(Schema::new(vec![kind(), irq, name, cpu(), count]))
}

/// Every kind, in the order of the dictionary: the place of a kind is its key.
pub(crate) fn kinds() -> StringArray {
    StringArray::from_iter_values(Kind::ALL.map(Kind::as_str))
}

/// Every engine, in the order of the dictionary: the place of an engine is its key.
pub(super) fn engines() -> StringArray {
    StringArray::from_iter_values(EngineName::ALL.map(EngineName::as_str))
}

fn window() -> [Field; 3] {
    [
        Field::new("sample", DataType::Int64, false),
        Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())), false),
        Field::new("read_ns", DataType::UInt32, false),
    ]
}

fn cpu() -> Field {
    Field::new("cpu", DataType::UInt16, true)
}

fn delta() -> Field {
    Field::new("delta", DataType::Int64, false)
}

fn kind() -> Field {
    enumeration("kind", &Kind::ALL.map(Kind::as_str))
}

fn engine() -> Field {
    enumeration("engine", &EngineName::ALL.map(EngineName::as_str))
}

fn dictionary(key: DataType) -> DataType {
    DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8))
}

/// A dictionary of which all values are known: Polars reads their list from the field's metadata, and makes an Enum.
fn enumeration(name: &str, values: &[&str]) -> Field {
    let list: Vec<String> = values.iter().map(|value| format!("{};{value}", value.len())).collect();
    let metadata = HashMap::from([("_PL_ENUM_VALUES".to_owned(), list.concat())]);
    Field::new(name, dictionary(DataType::Int8), false).with_metadata(metadata)
}
