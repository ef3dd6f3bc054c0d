//! One read of everything, as a table.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{ArrayRef, DictionaryArray, Int8Array, Int32Array, RecordBatch, UInt16Array, UInt64Array};
use arrow_schema::ArrowError;

use crate::import::{CUT_OFF, expect_text, has_header, missing, missing_cpu};
use crate::parse::{Layout, Parsed, TextKind, parse};
use crate::trace::{Interner, schema};
use crate::{IrqtraceError, ParseError};

/// Every count of one or two texts.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    texts: Vec<(TextKind, Layout, Vec<u64>)>,
    notes: Vec<String>,
}

impl Snapshot {
    /// Adds a text that was captured elsewhere.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, is cut off or does not fit the format, or has other CPUs than that of the other kind.
    pub fn add_file(&mut self, path: &Path, kind: TextKind) -> Result<(), IrqtraceError> {
        let text = std::fs::read(path).map_err(|source| IrqtraceError::Io { path: path.to_owned(), source })?;
        expect_text(path, &text)?;
        let path = path.display().to_string();
        let wrong = |message: String| ParseError { path: path.clone(), line: 1, offset: 0, message };
        if text.last().is_some_and(|&last| last != b'\n') {
            return Err(wrong(CUT_OFF.to_owned()).into());
        }
        let Parsed { layout, counts, extra_numbers } = parse(&text, kind, &path)?;
        if let Some(missing) = missing(kind, has_header(&text), &layout) {
            return Err(wrong(missing.to_owned()).into());
        }
        for (_, other, _) in self.texts.iter().filter(|(other, ..)| *other != kind) {
            let (interrupts, softirqs) = if kind == TextKind::Softirqs { (other, &layout) } else { (&layout, other) };
            missing_cpu(interrupts, softirqs).map_or(Ok(()), |why| Err(wrong(why)))?;
        }
        self.add(kind, &layout, &counts, &extra_numbers);
        Ok(())
    }

    /// Adds a file of the running kernel.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or contradicts itself also when read again.
    #[cfg(all(target_os = "linux", feature = "live"))]
    pub fn add_live(&mut self, path: &Path, kind: TextKind) -> Result<(), IrqtraceError> {
        let selection = crate::select::Selection::default();
        let source = crate::source::ProcText::open(path)?;
        let mut engine = crate::engine::TextEngine::new(source, kind, selection, crate::EngineName::Proc);
        engine.learn(&crate::SystemClock)?;
        let parser = engine.parser();
        self.add(kind, parser.layout(), parser.counts(), parser.extra_numbers());
        Ok(())
    }

    /// Adds a file of the running kernel, in a build that cannot read one.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(all(target_os = "linux", feature = "live")))]
    pub fn add_live(&mut self, path: &Path, _kind: TextKind) -> Result<(), IrqtraceError> {
        Err(crate::source::not_live(&path.display().to_string()).into())
    }

    fn add(&mut self, kind: TextKind, layout: &Layout, counts: &[u64], extra_numbers: &[u32]) {
        for &line in extra_numbers {
            let irq = &layout.lines[line as usize].irq;
            self.notes
                .push(format!("{irq} has more numbers than the header has CPUs: its counts are kept, with cpu null"));
        }
        self.texts.push((kind, layout.clone(), counts.to_vec()));
    }

    /// Sentences on what a reader must know.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The table: kind, irq, name, cpu, count; a row for each cell, in the order of the texts.
    ///
    /// # Errors
    ///
    /// None in practice: all columns are made from the same cells.
    pub fn table(&self) -> Result<RecordBatch, ArrowError> {
        let (mut irqs, mut names) = (Interner::default(), Interner::default());
        let (mut kind, mut irq, mut name) = (Vec::<i8>::new(), Vec::<i32>::new(), Vec::<i32>::new());
        let (mut cpu, mut count) = (Vec::<Option<u16>>::new(), Vec::<u64>::new());
        for (_, layout, counts) in &self.texts {
            let keys: Vec<_> =
                layout.lines.iter().map(|l| (l.kind as i8, irqs.key(&l.irq), names.key(&l.name))).collect();
            for (cell, &cell_count) in layout.cells.iter().zip(counts) {
                let (kind_key, irq_key, name_key) = keys[cell.line as usize];
                kind.push(kind_key);
                irq.push(irq_key);
                name.push(name_key);
                cpu.push(cell.cpu);
                count.push(cell_count);
            }
        }
        let kind = DictionaryArray::<Int8Type>::try_new(Int8Array::from(kind), Arc::new(schema::kinds()))?;
        let irq = DictionaryArray::<Int32Type>::try_new(Int32Array::from(irq), irqs.values())?;
        let name = DictionaryArray::<Int32Type>::try_new(Int32Array::from(name), names.values())?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(kind),
            Arc::new(irq),
            Arc::new(name),
            Arc::new(UInt16Array::from(cpu)),
            Arc::new(UInt64Array::from(count)),
        ];
        RecordBatch::try_new(schema::snapshot(), columns)
    }
}
