//! Generated texts of all formats: the strict parser finds what the generator put in, and the incremental one, led
//! through a sequence of reads, always agrees with the strict one.

mod agreement;

use agreement::Both;
use irqtrace_core::Kind;
use irqtrace_core::parse::{Parsed, TextKind, parse};
use irqtrace_textgen::{Columns, File, Model, Rng, Tail, mutate, mutations, shapes};
use proptest::prelude::*;

fn kind_of(file: File) -> TextKind {
    match file {
        File::Interrupts => TextKind::Interrupts,
        File::Softirqs => TextKind::Softirqs,
    }
}

/// Bytes that make no other number.
const WRONG: &[u8] = b"      xX-+.,:;/_e#O\t\r\n";

/// The name without the ordinal that tells it from an earlier one.
fn plain(name: &str) -> &str {
    name.split_once(" #").map_or(name, |(name, _)| name)
}

fn assert_means(parsed: &Parsed, model: &Model) {
    let layout = &parsed.layout;
    assert_eq!(layout.cpus, model.cpus);
    let cells = layout.cells.iter().zip(&parsed.counts).map(|(cell, &count)| (cell.line as usize, cell.cpu, count));
    assert!(cells.eq(model.cells()), "{parsed:?}");
    assert_eq!(layout.lines.len(), model.rows.len());
    for (line, row) in layout.lines.iter().zip(&model.rows) {
        assert_eq!(line.irq, row.label);
        match &row.tail {
            Tail::Device { chip, hwirq, trigger, actions } => {
                assert_eq!(
                    (line.kind, line.number.map(|number| number.to_string())),
                    (Kind::Irq, Some(row.label.clone()))
                );
                assert_eq!((&line.chip, line.hwirq, &line.trigger), (chip, *hwirq, trigger), "{line:?}");
                assert_eq!(&line.actions, actions);
                let name = if actions.is_empty() { row.label.clone() } else { actions.join(", ") };
                assert_eq!(plain(&line.name), name);
            }
            Tail::Text(words) => {
                assert_eq!(line.kind, if model.file == File::Softirqs { Kind::Softirq } else { Kind::Arch });
                assert_eq!(plain(&line.name), if words.is_empty() { &row.label } else { words });
            }
        }
    }
    let has_extra = |line: &u32| {
        let row = &model.rows[*line as usize];
        row.columns == Columns::Unknown && row.counts.len() > model.cpus.len()
    };
    let all = 0..u32::try_from(model.rows.len()).unwrap();
    assert_eq!(parsed.extra_numbers, all.filter(has_extra).collect::<Vec<_>>());
}

/// Whether a row has a count for each CPU.
fn is_whole(model: &Model, row: &irqtrace_textgen::Row) -> bool {
    row.columns == Columns::Cpus && row.counts.len() == model.cpus.len().max(1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_strict_parser_finds_what_the_generator_put_in(shape in shapes()) {
        let model = Model::generate(shape);
        let text = model.render();
        match parse(&text, kind_of(shape.file), "text") {
            Ok(parsed) => assert_means(&parsed, &model),
            Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(&text)),
        }
    }

    #[test]
    fn incremental_and_strict_agree_over_successive_reads(shape in shapes(), steps in mutations()) {
        let mut model = Model::generate(shape);
        let mut rng = Rng::new(shape.seed);
        let mut both = Both::new(kind_of(shape.file));
        both.read(&model.render());
        for step in steps {
            let text = mutate(&mut model, step, &mut rng);
            both.read(&text);
        }
    }

    #[test]
    fn a_prefix_read_says_of_the_device_lines_what_a_full_read_says(shape in shapes(), steps in mutations()) {
        let mut model = Model::generate(shape);
        let mut rng = Rng::new(shape.seed);
        let mut both = Both::new(kind_of(shape.file));
        both.read(&model.render());
        for step in steps {
            let text = mutate(&mut model, step, &mut rng);
            both.read_prefix(&text);
            both.read(&text);
        }
    }

    #[test]
    fn a_count_with_a_wrong_byte_is_an_error_or_reads_as_printed(shape in shapes(), byte in prop::sample::select(WRONG)) {
        let model = Model::generate(shape);
        let (text, fields) = model.render_with_fields();
        let cells: Vec<_> = model.cells().collect();
        let mut rng = Rng::new(shape.seed);
        for _ in 0..20 {
            let cell = rng.below(cells.len());
            let at = fields[cell].start + rng.below(fields[cell].len());
            let mut spoiled = text.clone();
            spoiled[at] = byte;
            let Ok(parsed) = parse(&spoiled, kind_of(shape.file), "text") else { continue };
            let row = &model.rows[cells[cell].0];
            // Where no other row tells the columns, the text may be one that somebody has written or reformatted.
            let is_other = |(at, row): (usize, &_)| at != cells[cell].0 && is_whole(&model, row);
            if !model.rows.iter().enumerate().any(is_other) {
                continue;
            }
            // A newline may make two rows of one: more than one row beside its columns is somebody's own text as well.
            if parsed.layout.lines.len() > model.rows.len() {
                continue;
            }
            // Nothing on one CPU says whether a lone IPI took the place of the blank after its colon; nor does anything
            // say where the second of two counts with a slash between them ended.
            let is_loose = row.counts.len() == 1 || row.label.contains('/');
            if at + 1 == fields[cell].end && row.label.starts_with("IPI") && is_loose {
                continue;
            }
            let field = std::str::from_utf8(&spoiled[fields[cell].clone()]).unwrap();
            let aligned = !field.ends_with(|last: char| last.is_ascii_whitespace());
            let (true, Ok(count)) = (aligned, field.trim().parse()) else {
                panic!("{field:?} is no count\n{}\n{parsed:?}", String::from_utf8_lossy(&spoiled));
            };
            let mut means = cells.clone();
            means[cell].2 = count;
            let found = parsed.layout.cells.iter().zip(&parsed.counts).map(|(cell, &count)| (cell.line as usize, cell.cpu, count));
            assert!(found.eq(means), "{field:?}\n{}\n{parsed:?}", String::from_utf8_lossy(&spoiled));
        }
    }

    #[test]
    fn mutated_rows_are_still_what_the_model_says(shape in shapes(), steps in mutations()) {
        use irqtrace_textgen::Mutation::{Cut, Flip, Shift};
        let mut model = Model::generate(shape);
        let mut rng = Rng::new(shape.seed);
        for step in steps.into_iter().filter(|step| !matches!(step, Cut | Flip | Shift)) {
            let text = mutate(&mut model, step, &mut rng);
            match parse(&text, kind_of(shape.file), "text") {
                Ok(parsed) => assert_means(&parsed, &model),
                Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(&text)),
            }
        }
    }
}
