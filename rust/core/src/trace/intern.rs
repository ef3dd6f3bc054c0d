//! The values of a dictionary column.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};

/// Texts without repetition: Polars wants no value twice in a dictionary.
#[derive(Default)]
pub(crate) struct Interner<'a> {
    keys: HashMap<&'a str, i32>,
    texts: Vec<&'a str>,
}

impl<'a> Interner<'a> {
    /// The key of a text.
    pub(crate) fn key(&mut self, text: &'a str) -> i32 {
        let next = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
        *self.keys.entry(text).or_insert_with(|| {
            self.texts.push(text);
            next
        })
    }

    /// The texts in the order of their keys.
    pub(crate) fn values(self) -> ArrayRef {
        Arc::new(StringArray::from(self.texts))
    }
}
