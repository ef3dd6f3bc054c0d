//! Flat tables that come from elsewhere: other tools keep the values and change the types.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field};

use super::schema;

/// The batch with the columns of [`schema::flat`], in their order and types; others are left out.
///
/// A data frame library may have another key type in its dictionaries, or plain texts, and mark every column nullable.
///
/// # Errors
///
/// Says which column is absent, does not fit its type, or has a null where none may be.
pub fn conform(batch: &RecordBatch) -> Result<RecordBatch, String> {
    let schema = schema::flat();
    if batch.schema_ref() == &schema {
        return Ok(batch.clone());
    }
    let columns: Result<Vec<ArrayRef>, String> = schema.fields().iter().map(|field| column(batch, field)).collect();
    RecordBatch::try_new(schema, columns?).map_err(|error| match error {
        ArrowError::InvalidArgumentError(message) => message,
        error => error.to_string(),
    })
}

fn column(batch: &RecordBatch, field: &Field) -> Result<ArrayRef, String> {
    let name = field.name();
    let column = batch.column_by_name(name).ok_or_else(|| format!("column \"{name}\" is missing"))?;
    let to = field.data_type();
    if column.data_type() == to {
        return Ok(Arc::clone(column));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let wrong =
        |error: ArrowError| format!("column \"{name}\" is {}, which does not become {to}: {error}", column.data_type());
    let DataType::Dictionary(_, texts) = to else {
        return cast_with_options(column, to, &strict).map_err(wrong);
    };
    // By way of the texts: a library that shares one dictionary among columns may have keys that are too large here,
    // though the values in use are few.
    let column = cast_with_options(column, texts, &strict).map_err(wrong)?;
    cast_with_options(&column, to, &strict).map_err(wrong)
}
