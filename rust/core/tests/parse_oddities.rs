//! One test for each thing that real kernels print and that a parser can stumble over.

use irqtrace_core::parse::{Incremental, Parsed, TextKind, Update, parse};
use irqtrace_core::{Kind, Line};

fn interrupts(text: &str) -> Parsed {
    parse(text.as_bytes(), TextKind::Interrupts, "text").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn softirqs(text: &str) -> Parsed {
    parse(text.as_bytes(), TextKind::Softirqs, "text").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Line, byte and message of the error in a text.
fn error(text: impl AsRef<[u8]>) -> (usize, usize, String) {
    let error = parse(text.as_ref(), TextKind::Interrupts, "text").expect_err("the text is bad");
    assert_eq!(error.path, "text");
    (error.line, error.offset, error.message)
}

/// CPU and count of each cell of a line.
fn cells(parsed: &Parsed, line: usize) -> Vec<(Option<u16>, u64)> {
    let cells = parsed.layout.cells.iter().zip(&parsed.counts);
    cells.filter(|(cell, _)| cell.line as usize == line).map(|(cell, &count)| (cell.cpu, count)).collect()
}

/// The description of a line: chip, number at the chip, trigger, actions.
fn described(line: &Line) -> (Option<&str>, Option<u64>, Option<&str>, Vec<&str>) {
    (line.chip.as_deref(), line.hwirq, line.trigger.as_deref(), line.actions.iter().map(String::as_str).collect())
}

/// The description of one row under a header of two CPUs, given from after its counts.
fn device(tail: &str) -> Line {
    let text = format!("           CPU0       CPU1       \n 36:          5          7 {tail}\n");
    let parsed = interrupts(&text);
    assert_eq!(cells(&parsed, 0), [(Some(0), 5), (Some(1), 7)], "{tail}");
    parsed.layout.lines.into_iter().next().unwrap()
}

// The header.

#[test]
fn cpu_ids_come_from_the_header_and_not_from_the_position() {
    let parsed = interrupts(
        "           CPU0       CPU2       CPU13\n  1:          1          2          3   IO-APIC   1-edge      i8042\n",
    );
    assert_eq!(parsed.layout.cpus, [0, 2, 13]);
    assert_eq!(cells(&parsed, 0), [(Some(0), 1), (Some(2), 2), (Some(13), 3)]);
}

#[test]
fn a_text_without_header_is_cpu_0() {
    let parsed = interrupts(
        "  1:       2112          XT-PIC   keyboard\n  8:     670785             RTC  +timer\nERR:          4\n",
    );
    assert_eq!(parsed.layout.cpus, [0]);
    assert_eq!(cells(&parsed, 1), [(Some(0), 670_785)]);
    assert_eq!(cells(&parsed, 2), [(Some(0), 4)]);
    // The plus is the kernel's mark of a fast handler: kept as printed.
    assert_eq!(described(&parsed.layout.lines[1]), (Some("RTC"), None, None, vec!["+timer"]));
}

#[test]
fn header_names_that_eat_their_gap_are_told_apart() {
    let cpus = [98_u16, 99, 100, 101, 1000, 4095];
    let header = cpus.map(|cpu| format!("CPU{cpu:<8}")).concat();
    let counts = cpus.map(|cpu| format!("{cpu:10} ")).concat();
    let parsed = interrupts(&format!("            {header}\n LOC: {counts}  Local timer interrupts\n"));
    assert_eq!(parsed.layout.cpus, cpus);
    assert!(cells(&parsed, 0).iter().all(|&(cpu, count)| cpu.map(u64::from) == Some(count)));
}

#[test]
fn blank_lines_before_the_header_between_rows_and_at_the_end_hold_nothing() {
    let blanks = " ".repeat(78);
    let parsed =
        interrupts(&format!("{blanks}\n           CPU0\n  1:          1   eth0\n\n\nErr:          0\n{blanks}\n"));
    assert_eq!(parsed.layout.lines.len(), 2);
    assert_eq!(parsed.counts, [1, 0]);
}

#[test]
fn a_byte_order_mark_before_the_text_holds_nothing() {
    let text = "           CPU0       CPU1\n  1:          1          2   XT-PIC  timer\nERR:          4\n";
    assert_eq!(interrupts(&format!("\u{feff}{text}")), interrupts(text));
    assert_eq!(interrupts("\u{feff}  8:     670785             RTC  +timer\n").layout.lines[0].irq, "8");
    // Errors speak of the bytes of the file.
    assert_eq!(error("\u{feff}CPU0\n  1: 1 x\n  garbage\n"), (3, 19, "a row needs a label and a colon".into()));
    assert_eq!(error("\u{feff}").2, "empty");
}

#[test]
fn a_header_that_names_a_cpu_twice_is_an_error() {
    assert_eq!(error("    CPU0  CPU1  CPU1\n  1: 1 2 3  x\n"), (1, 0, "CPU1 twice in the header".into()));
}

#[test]
fn a_header_with_anything_but_cpus_is_an_error() {
    assert_eq!(error("    CPU0  CP\n  1: 1 2  x\n"), (1, 10, "not a CPU in the header: CP".into()));
    assert_eq!(error("CPU0 CPUx\n").1, 5);
    assert_eq!(error("CPU\n").2, "not a CPU in the header: CPU");
}

#[test]
fn a_cpu_id_that_stands_for_no_cpu_is_an_error() {
    assert_eq!(interrupts("CPU0 CPU65534\n  1: 1 2  x\n").layout.cpus, [0, 65534]);
    for id in [65535, 65536] {
        let message = format!("CPU id beyond 65534 in the header: CPU{id}");
        assert_eq!(error(format!("CPU0 CPU{id}\n  1: 1 2  x\n")), (1, 5, message));
    }
}

#[test]
fn a_header_alone_is_an_error() {
    assert_eq!(error("           CPU0       CPU1\n").2, "header without rows");
}

#[test]
fn an_empty_text_says_so() {
    assert_eq!(error(""), (1, 0, "empty".into()));
    assert_eq!(error("  \n\n").2, "empty");
}

// Labels.

#[test]
fn labels_of_any_width_and_alignment_are_taken() {
    let parsed =
        interrupts("           CPU0\n   1:          1  x\nVPMI:          2   PMI\n I/O:          3\nC15:          4\n");
    let labels: Vec<_> = parsed.layout.lines.iter().map(|line| line.irq.as_str()).collect();
    assert_eq!(labels, ["1", "VPMI", "I/O", "C15"]);
    assert_eq!(parsed.counts, [1, 2, 3, 4]);
}

#[test]
fn a_count_may_follow_the_colon_without_a_blank() {
    let parsed = interrupts(
        "           CPU0       CPU1\nIPI0:2768808080 2844211768       Rescheduling interrupts\nIPI1:         7          8       Function call interrupts\n",
    );
    assert_eq!(parsed.counts, [2_768_808_080, 2_844_211_768, 7, 8]);
    assert_eq!(parsed.layout.lines[0].name, "Rescheduling interrupts");
}

#[test]
fn the_counts_of_ipis_may_stand_one_place_further_right_but_all_alike() {
    let header = "            CPU0       CPU1       \n  11:          5          6     GICv3   27 Level     timer\n";
    let first = "IPI0:  2768808080 2844211768       Rescheduling interrupts\n";
    let parsed = interrupts(&format!("{header}{first}IPI1:         507         80       Function call interrupts\n"));
    assert_eq!(parsed.counts, [5, 6, 2_768_808_080, 2_844_211_768, 507, 80]);
    // They are followed from read to read.
    let mut incremental = Incremental::new(TextKind::Interrupts, "text");
    let mut changes = Vec::new();
    incremental.update(format!("{header}{first}").as_bytes(), &mut changes).unwrap();
    let grown = format!("{header}{}", first.replace("2768808080", "2768808081"));
    assert_eq!(incremental.update(grown.as_bytes(), &mut changes), Ok(Update::Changed));
    assert_eq!((changes.len(), changes[0].count), (1, 2_768_808_081));
    // One row beside its columns is damaged.
    for second in
        ["IPI1:        507         80       Function call\n", "IPI1:          507         80       Function\n"]
    {
        assert_eq!(error(format!("{header}{first}{second}")).0, 4, "{second}");
    }
    let one =
        "           CPU0       \nLOC:          5   Local timer interrupts\nIPI0:         50 7       Rescheduling\n";
    assert_eq!(error(one).2, "neither a count in its column nor text after the counts");
    // Also where the whole text is out of the columns of a row that is no IPI's.
    assert_eq!(error(format!("{header}LOC:           5          6   Local\n{first}")).0, 3);
}

#[test]
fn duplicate_labels_with_different_text_are_different_lines() {
    let parsed = interrupts(
        "           CPU0\nLOC:      10508   Local timer interrupts for timer event device\nLOC:          0   Local timer interrupts for others\n",
    );
    let names: Vec<_> = parsed.layout.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["Local timer interrupts for timer event device", "Local timer interrupts for others"]);
}

#[test]
fn lines_of_one_label_and_name_are_numbered_from_the_second() {
    let parsed = interrupts("CPU0\nLOC:  1\nLOC:  2\nLOC:  3\n");
    let names: Vec<_> = parsed.layout.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["LOC", "LOC #2", "LOC #3"]);
    let parsed = interrupts("CPU0\nA:  1   x #2\nA:  2   x\nA:  3   x\n");
    let names: Vec<_> = parsed.layout.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["x #2", "x", "x #3"]);
}

#[test]
fn however_many_lines_of_one_name_are_numbered_one_by_one() {
    // Trying each line with all ordinals before its own would take hours.
    let lines = interrupts(&format!("CPU0\n{}", "LOC:  1\n".repeat(200_000))).layout.lines;
    assert_eq!((lines[0].name.as_str(), lines[199_999].name.as_str()), ("LOC", "LOC #200000"));
}

#[test]
fn the_words_of_an_m68k_label_are_one_label() {
    let parsed = interrupts("auto  4:      12345 int4\nvia1  2:          3    ADB\n");
    assert_eq!(parsed.layout.lines.iter().map(|line| line.irq.as_str()).collect::<Vec<_>>(), ["auto  4", "via1  2"]);
    assert_eq!(parsed.layout.lines[1].name, "ADB");
}

#[test]
fn a_row_without_a_colon_or_a_label_is_an_error() {
    assert_eq!(error("CPU0\n  1: 1 x\n  garbage\n"), (3, 16, "a row needs a label and a colon".into()));
    assert_eq!(error("CPU0\n  : 1\n").2, "a row without a label");
    assert_eq!(error("CPU0\n 0 eth0: 1\n").2, "a label with blanks inside");
    assert_eq!(error("Linux version 6.18\n").2, "neither a header of CPUs nor a row with a label and a colon");
}

#[test]
fn an_interrupt_number_beyond_32_bits_is_an_error() {
    assert_eq!(error("CPU0\n 4294967296: 1 x\n").1, 6);
}

// Counts.

#[test]
fn one_number_under_several_cpus_belongs_to_none_of_them() {
    let parsed =
        interrupts("           CPU0       CPU1\nNMI:          1          2\nERR:          5\nMIS:          6\n");
    assert_eq!(cells(&parsed, 1), [(None, 5)]);
    assert_eq!(cells(&parsed, 2), [(None, 6)]);
    assert!(parsed.extra_numbers.is_empty());
}

#[test]
fn a_number_at_the_end_of_a_text_that_was_cut_is_no_lone_one() {
    let text = "           CPU0       CPU1\n  1:          5          7   XT-PIC  timer\n";
    for cut in ["LOC:       1234", "LOC:       1234 "] {
        assert_eq!(error(format!("{text}{cut}")).2, "1 count in a row for 2 CPUs");
        assert_eq!(cells(&interrupts(&format!("{text}{cut}\n")), 1), [(None, 1234)]);
    }
    for label in ["ERR", "MIS", "Err", "BAD"] {
        assert_eq!(cells(&interrupts(&format!("{text}{label}:       1234")), 1), [(None, 1234)]);
    }
}

#[test]
fn a_line_without_numbers_has_no_cells() {
    let parsed = interrupts("           CPU0       CPU1\nFIQ:              usb_fiq\nErr:          0\n");
    assert_eq!(cells(&parsed, 0), []);
    assert_eq!(parsed.layout.lines[0].name, "usb_fiq");
}

#[test]
fn numbers_without_text_are_a_whole_line() {
    let parsed =
        interrupts("           CPU0       CPU1       \nEXT:          3          4 \nI/O:          5          6 \n");
    assert_eq!(parsed.counts, [3, 4, 5, 6]);
    assert_eq!(parsed.layout.lines[0].name, "EXT");
}

#[test]
fn more_numbers_than_cpus_are_kept_without_cpus() {
    let parsed = interrupts(
        "           CPU0\n 14:         12          -  debug-signal\nIPI1:      75373     107711      43906      30716  Rescheduling interrupts\n",
    );
    assert_eq!(cells(&parsed, 1), [(None, 75373), (None, 107_711), (None, 43906), (None, 30716)]);
    assert_eq!(parsed.extra_numbers, [1]);
    assert_eq!(parsed.layout.lines[1].name, "Rescheduling interrupts");
}

#[test]
fn the_two_counts_of_old_powerpcs_ipis_belong_to_no_cpu() {
    let header = "           CPU0       CPU1\nLOC:          5          6   Local timer interrupts\n";
    let text = |counts| format!("{header}IPI (recv/sent):{counts}\nBAD:          0\n");
    for counts in ["       1234/5678", " 1234567890/1"] {
        let parsed = interrupts(&text(counts));
        let numbers = counts.trim().split('/').map(|count| (None, count.parse().unwrap()));
        assert_eq!(cells(&parsed, 1), numbers.collect::<Vec<_>>());
        assert_eq!((parsed.layout.lines[1].irq.as_str(), parsed.layout.lines[1].kind), ("IPI (recv/sent)", Kind::Arch));
        assert!(parsed.extra_numbers.is_empty());
    }
    for counts in
        ["       1234", "       1234/", "       1234/5x", "       1234/5 6", "      1234/5678", " /5", " 1//5"]
    {
        assert_eq!(error(text(counts)).0, 3, "{counts}");
    }
    // What is cut may have had more digits.
    assert_eq!(error(format!("{header}IPI (recv/sent):       1234/5678")).0, 3);
}

#[test]
fn ten_digit_counts_fill_their_column() {
    let parsed = interrupts("           CPU0       CPU1\nCAL: 4286015824 4294967295   Function call interrupts\n");
    assert_eq!(parsed.counts, [4_286_015_824, 4_294_967_295]);
}

#[test]
fn counts_of_any_width_up_to_64_bits_are_taken() {
    let parsed = interrupts("  CPU0  CPU1\nA: 18446744073709551615 1 x\n");
    assert_eq!(parsed.counts, [u64::MAX, 1]);
    let bad = error("  CPU0  CPU1\nA: 18446744073709551616 1 x\n");
    assert_eq!(bad, (2, 16, "a count that does not fit in 64 bits".into()));
}

#[test]
fn a_count_wider_than_its_column_is_one_count() {
    assert_eq!(interrupts("CPU0\nA: 123456789012 x\n").counts, [123_456_789_012]);
    // Counts that touch are one number, and so one too few.
    let touching = "           CPU0       CPU1\n  1:          112345678901   PCI-MSI   1-edge      eth0\n";
    assert_eq!(error(touching).2, "a count that does not end where its column does");
}

#[test]
fn a_number_that_is_not_in_the_next_column_is_text() {
    let parsed = interrupts("           CPU0\nC15:          4   15 things\n 36:          5  1234  PCI-MSI\n");
    assert_eq!(parsed.counts, [4, 5]);
    assert_eq!(parsed.layout.lines[0].name, "15 things");
    assert!(parsed.extra_numbers.is_empty());
}

#[test]
fn a_chip_that_follows_the_last_count_without_a_blank_is_a_chip() {
    let parsed = interrupts("           CPU0       CPU1\n 27:       1966       1900GIC-0  27 Level     arch_timer\n");
    assert_eq!(parsed.counts, [1966, 1900]);
    assert_eq!(described(&parsed.layout.lines[0]), (Some("GIC-0"), Some(27), Some("Level"), vec!["arch_timer"]));
    let parsed = interrupts("           CPU0\n 27:       190011910000.pinctrl  35 Edge      gpiomon\n");
    assert_eq!(parsed.counts, [1900]);
    assert_eq!(parsed.layout.lines[0].chip.as_deref(), Some("11910000.pinctrl"));
}

#[test]
fn a_count_with_a_byte_that_is_no_digit_is_no_text() {
    for header in ["CPU0 CPU3", "           CPU0       CPU3"] {
        for counts in ["       1x00       2000", " -5 2000", " 1,000 2000", " 0x10 2000", " \u{661}\u{662} 2000"] {
            let text = format!("{header}\nLOC:{counts}   Local timer interrupts\n");
            let blanks = counts.len() - counts.trim_start().len();
            assert_eq!(error(text), (2, header.len() + 5 + blanks, "not a count".into()), "{counts}");
        }
    }
    // Without counts there is FIQ alone, and its text is far from where a count would be.
    assert_eq!(error("           CPU0\nLOC:              Local timer interrupts\n").2, "not a count");
    assert_eq!(error("           CPU0\nFIQ:       x000   usb_fiq\n").2, "not a count");
}

#[test]
fn a_chip_follows_a_count_without_a_blank_only_where_the_column_ends() {
    for row in [
        "  9:          1         2x  IO-APIC   9-edge      acpi",
        "  9:          1        2x3  IO-APIC   9-edge      acpi",
        "LOC:          1          2x  Local timer interrupts",
    ] {
        assert_eq!(error(format!("           CPU0       CPU1\n{row}\n")).0, 2, "{row}");
    }
    for row in ["  9:         2x  IO-APIC   9-edge      acpi", "LOC:        2x   Local timer interrupts"] {
        for header in ["           CPU0\n", "CPU0\n", ""] {
            assert_eq!(error(format!("{header}{row}\n")).2, "not a count", "{row}");
        }
    }
}

#[test]
fn a_number_outside_its_column_is_an_error_where_other_rows_are_in_theirs() {
    let outside = "a count that does not end where its column does";
    for header in ["           CPU0\n", ""] {
        for row in ["  9:       12 45   XT-PIC  acpi", "  9:        12    XT-PIC  acpi", "LOC:         123   Local"] {
            assert_eq!(error(format!("{header}  1:          5   XT-PIC  i8042\n{row}\n")).2, outside, "{row}");
        }
    }
}

#[test]
fn a_text_that_somebody_has_reformatted_is_told_by_its_blanks() {
    let collapsed = interrupts(
        "           CPU0       CPU1\n  1: 5 7 IO-APIC 1-edge eth0\nLOC: 3 4 Local timer interrupts\nERR: 0\n",
    );
    assert_eq!(collapsed.counts, [5, 7, 3, 4, 0]);
    let shifted =
        interrupts("           CPU0       CPU1       \n  1:         5          7   IO-APIC   1-edge      eth0\n");
    assert_eq!(shifted.counts, [5, 7]);
    assert_eq!(shifted.layout.lines[0].name, "eth0");
}

#[test]
fn a_count_lost_beyond_those_of_the_header_is_an_error() {
    for counts in
        ["     1x7711      43906", "      43906     1x7711", "      43906     10 711", "          x      43906"]
    {
        let text = format!("           CPU0\nIPI1:      75373{counts}  Rescheduling interrupts\n");
        assert_eq!(error(text).2, "neither a count in its column nor text after the counts", "{counts}");
    }
}

#[test]
fn the_text_of_alphas_pmi_row_stands_far_from_its_counts() {
    for blanks in [10, 11].map(|blanks| " ".repeat(blanks)) {
        let one = interrupts(&format!("PMI:          5{blanks}Performance Monitoring\nERR:          0\n"));
        assert_eq!(cells(&one, 0), [(Some(0), 5)]);
        let two = interrupts(&format!(
            "           CPU0       CPU1       \nPMI:          5          7{blanks}Performance Monitoring\nERR:          0\n"
        ));
        assert_eq!(cells(&two, 0), [(Some(0), 5), (Some(1), 7)]);
        assert_eq!([&one, &two].map(|parsed| parsed.layout.lines[0].name.as_str()), ["Performance Monitoring"; 2]);
        // Elsewhere a count may have been there.
        for row in [format!("IPI:          5{blanks}Performance Monitoring"), format!("PMI:          5{blanks}x")] {
            assert_eq!(error(format!("{row}\n")).2, "neither a count in its column nor text after the counts");
        }
    }
}

#[test]
fn a_count_of_errors_may_stand_one_place_further_right() {
    let parsed = interrupts("           CPU0       CPU1\nErr:           0\n");
    assert_eq!(cells(&parsed, 0), [(None, 0)]);
}

#[test]
fn a_numbered_row_with_more_or_fewer_counts_than_the_header_has_cpus_is_an_error() {
    let header = "           CPU0       CPU1       \n";
    let more = " 36:          5          7          9   PCI-MSI   1-edge      eth0\n";
    let fewer = " 36:          5   PCI-MSI   1-edge      eth0\n";
    assert_eq!(error(format!("{header}{more}")).2, "3 counts in a row for 2 CPUs");
    assert_eq!(error(format!("{header}{fewer}")), (2, 49, "1 count in a row for 2 CPUs".into()));
    assert_eq!(error(format!("{header} 36:          5\n")).0, 2);
    assert_eq!(error(format!("{header} 36:\n")).0, 2);
}

#[test]
fn a_lettered_row_with_some_counts_missing_is_an_error() {
    let header = "           CPU0       CPU1       CPU2\n";
    assert_eq!(error(format!("{header}LOC:          1          2   Local timer interrupts\n")).0, 2);
    assert_eq!(error(format!("{header}LOC:          1   Local timer interrupts\n")).0, 2);
    assert_eq!(error(format!("{header}LOC:\n")).0, 2);
}

#[test]
fn a_softirq_row_that_contradicts_its_header_is_an_error() {
    for row in ["          HI:          1\n", "          HI:          1          2          3\n"] {
        let text = format!("                    CPU0       CPU1\n{row}");
        assert!(parse(text.as_bytes(), TextKind::Softirqs, "text").is_err(), "{row}");
    }
}

// What follows the counts.

#[test]
fn chip_number_flow_and_action_of_x86_are_told_apart() {
    let line = device("  IR-IO-APIC   16-fasteoi   idma64.0, i801_smbus");
    assert_eq!(described(&line), (Some("IR-IO-APIC"), Some(16), Some("fasteoi"), vec!["idma64.0", "i801_smbus"]));
    assert_eq!((line.kind, line.number, line.name.as_str()), (Kind::Irq, Some(36), "idma64.0, i801_smbus"));
    let line = device("  PCI-MSI 134742016-edge      nvme0q0");
    assert_eq!(described(&line), (Some("PCI-MSI"), Some(134_742_016), Some("edge"), vec!["nvme0q0"]));
    let line = device(" IR-PCI-MSIX-0000:13:00.0   65-edge      ice-0000:13:00.0:ctrl-TxRx-0");
    assert_eq!(line.chip.as_deref(), Some("IR-PCI-MSIX-0000:13:00.0"));
}

#[test]
fn a_chips_number_printed_with_a_sign_is_the_number_without() {
    let line = device("  pSeries-PCI-MSI -2147483648 Edge      nvme0q0");
    assert_eq!(described(&line), (Some("pSeries-PCI-MSI"), Some(1 << 31), Some("Edge"), vec!["nvme0q0"]));
    let line = device("  PCI-MSI -2147483648-edge        nvme0q0");
    assert_eq!(described(&line), (Some("PCI-MSI"), Some(1 << 31), Some("edge"), vec!["nvme0q0"]));
    let line = device("  Hyper-V PCIe MSI -1744830464-edge        mlx5_async0@pci:0");
    assert_eq!(
        described(&line),
        (Some("Hyper-V PCIe MSI"), Some(0x9800_0000), Some("edge"), vec!["mlx5_async0@pci:0"])
    );
    let line = device("      MIPS  -1  timer");
    assert_eq!(described(&line), (Some("MIPS"), Some(0xffff_ffff), None, vec!["timer"]));
}

#[test]
fn chip_and_flow_joined_by_a_dash_are_two() {
    for (tail, chip, trigger) in [
        ("   IO-APIC-edge      timer", "IO-APIC", "edge"),
        ("   IO-APIC-fasteoi   timer", "IO-APIC", "fasteoi"),
        ("   PCI-MSI-edge      timer", "PCI-MSI", "edge"),
        ("  xen-pirq-ioapic-level  timer", "xen-pirq", "ioapic-level"),
        ("    XT-PIC-XT-PIC    timer", "XT-PIC", "XT-PIC"),
    ] {
        assert_eq!(described(&device(tail)), (Some(chip), None, Some(trigger), vec!["timer"]), "{tail}");
    }
    // With a number, all before it is the chip's name.
    assert_eq!(device(" ARMCTRL-level   1 Edge      mailbox").chip.as_deref(), Some("ARMCTRL-level"));
}

#[test]
fn chip_and_flow_may_stand_apart() {
    let line = device("  xen-dyn    -event     vif0-q0-tx");
    assert_eq!(described(&line), (Some("xen-dyn"), None, Some("event"), vec!["vif0-q0-tx"]));
    let line = device("    GPIO  31 Edge    -davinci_gpio  connector");
    assert_eq!(described(&line), (Some("GPIO"), Some(31), Some("Edge-davinci_gpio"), vec!["connector"]));
}

#[test]
fn a_chip_name_may_hold_blanks() {
    for chip in ["RISC-V INTC", "BRCM STB PCIe MSI", "C-SKY SMP Intc", "PCH PIC", "OPAL EVT"] {
        let line = device(&format!(" {chip}   5 Edge      riscv-timer"));
        assert_eq!(described(&line), (Some(chip), Some(5), Some("Edge"), vec!["riscv-timer"]));
        let line = device(&format!(" {chip}  15  IPI Interrupt"));
        assert_eq!(described(&line), (Some(chip), Some(15), None, vec!["IPI Interrupt"]));
    }
}

#[test]
fn a_chip_name_may_end_in_a_number() {
    for (tail, hwirq, trigger, actions) in [
        ("  MPIC 1     16 Edge       VIA-PMU", Some(16), "Edge", vec!["VIA-PMU"]),
        ("  MPIC 1    119 Level     ohci_hcd:usb1, ehci", Some(119), "Level", vec!["ohci_hcd:usb1", "ehci"]),
        ("  MPIC 1      4 Level   ", Some(4), "Level", vec![]),
        ("  MPIC 1 16 Edge VIA-PMU", Some(16), "Edge", vec!["VIA-PMU"]),
        // Kernels of 2.6 have no column for the number of a line.
        ("  MPIC 1    Edge      VIA-PMU", None, "Edge", vec!["VIA-PMU"]),
    ] {
        assert_eq!(described(&device(tail)), (Some("MPIC 1"), hwirq, Some(trigger), actions), "{tail}");
    }
    // A number two blanks before an action is that of the line, also if the action begins with one.
    let line = device("    GICv3 123  8250 serial");
    assert_eq!(described(&line), (Some("GICv3"), Some(123), None, vec!["8250 serial"]));
}

#[test]
fn a_chip_name_may_begin_with_digits() {
    for chip in ["11910000.pinctrl", "f1018100.gpio", "4020KEY"] {
        let line = device(&format!(" {chip}  35 Edge      gpiomon"));
        assert_eq!(described(&line), (Some(chip), Some(35), Some("Edge"), vec!["gpiomon"]));
    }
}

#[test]
fn a_missing_chip_is_none() {
    for chip in ["       -", "    None", "  <NULL>"] {
        assert_eq!(described(&device(&format!(" {chip}  MD-WDT"))), (None, None, None, vec!["MD-WDT"]));
    }
    assert_eq!(described(&device("        I  zs")), (Some("I"), None, None, vec!["zs"]));
}

#[test]
fn a_text_without_a_column_of_chips_has_actions_alone() {
    let parsed = interrupts(
        "           CPU0\n  1:          0   4020KEY\n  8:          0   eth0\n 27:      12345   sep4020 Timer Tick\nErr:          0\n",
    );
    let described: Vec<_> = parsed.layout.lines[..3].iter().map(described).collect();
    assert_eq!(
        described,
        [
            (None, None, None, vec!["4020KEY"]),
            (None, None, None, vec!["eth0"]),
            (None, None, None, vec!["sep4020 Timer Tick"]),
        ]
    );
}

#[test]
fn a_plus_before_the_actions_of_a_text_without_chips_is_no_chip() {
    // 32-bit SPARC up to 2.6, and 2.0.
    for text in [
        "  4:       5160    esp\n 10:    1234567  + timer\n 12:         99    zs, + kbd\n",
        "  4:       5160   esp\n 10:    1234567 + timer\n 12:         99   zs, + kbd\n",
    ] {
        let parsed = interrupts(text);
        let described: Vec<_> = parsed.layout.lines.iter().map(described).collect();
        let actions = [vec!["esp"], vec!["+ timer"], vec!["zs", "+ kbd"]];
        assert_eq!(described, actions.map(|actions| (None, None, None, actions)), "{text}");
    }
    // Under a header, what begins there and no action follows is a chip.
    assert_eq!(described(&device("   XT-PIC")), (Some("XT-PIC"), None, None, vec![]));
}

#[test]
fn number_and_trigger_may_each_be_missing() {
    assert_eq!(described(&device("    MIPS   7  timer")), (Some("MIPS"), Some(7), None, vec!["timer"]));
    assert_eq!(described(&device("   HEART      qla1280")), (Some("HEART"), None, None, vec!["qla1280"]));
    let line = device("    PRCM     Edge      pinctrl, pinctrl, pm_io");
    assert_eq!(described(&line), (Some("PRCM"), None, Some("Edge"), vec!["pinctrl", "pinctrl", "pm_io"]));
    assert_eq!(described(&device("     GIC  29 arch_timer")), (Some("GIC"), Some(29), None, vec!["arch_timer"]));
}

#[test]
fn a_line_without_an_action_is_called_by_its_label() {
    for (tail, chip, trigger) in [("  IO-APIC-edge    ", "IO-APIC", Some("edge")), ("       ARMCTRL", "ARMCTRL", None)]
    {
        let line = device(tail);
        assert_eq!(described(&line), (Some(chip), None, trigger, vec![]));
        assert_eq!(line.name, "36");
    }
}

#[test]
fn several_actions_keep_their_blanks_commas_and_repetitions() {
    let line = device("   XT-PIC      acpi, yenta, yenta, PS/2 Mouse, a,b, ahci[0000:00:1f.2]");
    assert_eq!(line.actions, ["acpi", "yenta", "yenta", "PS/2 Mouse", "a,b", "ahci[0000:00:1f.2]"]);
    let line = device("         SRM  +ide2,   usb-uhci");
    assert_eq!(line.actions, ["+ide2", "usb-uhci"]);
}

#[test]
fn an_ipi_row_may_name_chip_and_number_before_its_text() {
    let parsed =
        interrupts("           CPU0       CPU1\nIPI0:        350        507 LoongArch  1 Rescheduling interrupts\n");
    let line = &parsed.layout.lines[0];
    assert_eq!((line.name.as_str(), line.kind), ("Rescheduling interrupts", Kind::Arch));
    assert_eq!(described(line), (Some("LoongArch"), Some(1), None, vec![]));
}

#[test]
fn rows_after_err_are_taken() {
    let parsed = interrupts(
        "           CPU0       CPU1\nERR:          0\nMIS:          0\nPIN:          1          2   Posted\n",
    );
    assert_eq!(cells(&parsed, 2), [(Some(0), 1), (Some(1), 2)]);
}

#[test]
fn bytes_that_are_not_utf_8_are_kept_readable() {
    let text = b"           CPU0\n  1:          1   IO-APIC   1-edge      caf\xe9\xff, \xc3\xa9\x1b[31m\n";
    let parsed = parse(text, TextKind::Interrupts, "text").unwrap();
    assert_eq!(parsed.layout.lines[0].actions, ["caf\\xe9\\xff", "é\u{1b}[31m"]);
}

#[test]
fn the_last_newline_may_be_missing() {
    let parsed = interrupts("           CPU0\n  1:          1   IO-APIC   1-edge      i8042");
    assert_eq!(parsed.layout.lines[0].name, "i8042");
}

#[test]
fn tabs_and_carriage_returns_are_blanks() {
    let parsed = interrupts("CPU0\tCPU1\r\n1:\t5\t7\tIO-APIC\t1-edge\ttimer\r\nERR:\t0\r\n");
    assert_eq!(parsed.counts, [5, 7, 0]);
    assert_eq!(parsed.layout.lines[0].actions, ["timer"]);
}

// Kernels to come.

#[test]
fn the_coming_format_is_taken() {
    let parsed = interrupts(concat!(
        "           CPU0       CPU1\n",
        "  0:         44          0  IO-APIC                 2-edge      timer\n",
        "  1:          0          0  PCI-MSIX-0000:00:05.0   0-edge      virtio1\n",
        "  2:          0          3  None                    \n",
        "PIN:          0          0  Posted-interrupt notification event\n",
        "ERR:          1          0  PIC/APIC error interrupts\n",
    ));
    assert_eq!(described(&parsed.layout.lines[0]), (Some("IO-APIC"), Some(2), Some("edge"), vec!["timer"]));
    assert_eq!(described(&parsed.layout.lines[2]), (None, None, None, vec![]));
    assert_eq!(cells(&parsed, 4), [(Some(0), 1), (Some(1), 0)]);
}

// From one read to the next.

#[test]
fn a_layout_that_changes_from_one_read_to_the_next_is_learned_anew() {
    let two = "           CPU0       CPU1       \n  1:          5          6  IO-APIC   1-edge      i8042\n";
    let three = "           CPU0       CPU2       \n  1:          5          7  IO-APIC   1-edge      i8042\n";
    let mut parser = Incremental::new(TextKind::Interrupts, "text");
    let mut changes = Vec::new();
    for text in [two, three, two] {
        assert_eq!(parser.update(text.as_bytes(), &mut changes), Ok(Update::Learned { same_layout: false }));
        assert_eq!(parser.layout(), &interrupts(text).layout);
        assert_eq!(parser.update(text.as_bytes(), &mut changes), Ok(Update::Changed));
    }
}

// Softirqs.

#[test]
fn softirqs_are_taken_in_old_and_present_widths() {
    let parsed = softirqs(
        "                CPU0       CPU1\n      HI:          0          1\nBLOCK_IOPOLL:          2          3\n     RCU: 3497390485          5\n",
    );
    assert_eq!(parsed.counts, [0, 1, 2, 3, 3_497_390_485, 5]);
    assert!(parsed.layout.lines.iter().all(|line| line.kind == Kind::Softirq && line.number.is_none()));
    assert_eq!(parsed.layout.lines[1].name, "BLOCK_IOPOLL");
    let parsed = softirqs("                    CPU0       CPU1       \n          HI:          0          1\n");
    assert_eq!(parsed.counts, [0, 1]);
}
