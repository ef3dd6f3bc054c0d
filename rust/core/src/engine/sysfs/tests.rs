use std::fs;

use super::*;
use crate::ManualClock;

/// A `/sys` in a temporary folder.
struct FakeSysfs(tempfile::TempDir);

impl FakeSysfs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn dir(&self, irq: u32) -> PathBuf {
        self.0.path().join("kernel/irq").join(irq.to_string())
    }

    fn bind(&self, irq: u32, actions: &str, hwirq: u64, counts: &str) -> Line {
        let dir = self.dir(irq);
        fs::create_dir_all(&dir).unwrap();
        let hwirq_text = format!("{hwirq}\n");
        for (name, text) in [
            ("actions", format!("{}\n", actions.replace(", ", ","))),
            ("chip_name", "IO-APIC\n".to_owned()),
            ("hwirq", hwirq_text),
        ] {
            fs::write(dir.join(name), text).unwrap();
        }
        self.count(irq, counts);
        Line {
            kind: Kind::Irq,
            irq: irq.to_string(),
            name: actions.to_owned(),
            number: Some(irq),
            chip: Some("IO-APIC".to_owned()),
            hwirq: Some(hwirq),
            trigger: Some("edge".to_owned()),
            actions: actions.split(", ").map(str::to_owned).collect(),
        }
    }

    fn count(&self, irq: u32, counts: &str) {
        fs::write(self.dir(irq).join("per_cpu_count"), format!("{counts}\n")).unwrap();
    }

    fn unbind(&self, irq: u32) {
        // An open descriptor of a file that is removed goes on reading here, where sysfs fails: what makes the engine
        // look again is an empty file.
        fs::write(self.dir(irq).join("per_cpu_count"), "").unwrap();
        fs::remove_dir_all(self.dir(irq)).unwrap();
    }

    fn open(&self, lines: Vec<Line>) -> (SysfsLines, Vec<RefusedLine>) {
        SysfsLines::open(self.0.path(), lines, &[0, 1])
    }
}

struct Reader {
    clock: ManualClock,
    readings: [Reading; 1],
}

impl Reader {
    fn new() -> Self {
        Self { clock: ManualClock::new(1_000, 0), readings: Default::default() }
    }

    /// Whether the layout is new, and (cell, count) of what changed.
    fn read(&mut self, engine: &mut SysfsLines) -> (bool, Vec<(u32, u64)>) {
        engine.read(1, &self.clock, &mut self.readings).unwrap();
        let [reading] = &self.readings;
        (reading.relearned, reading.changes.iter().map(|change| (change.cell, change.count)).collect())
    }

    fn pass(&self, ns: i64) {
        self.clock.set(self.clock.now() + ns);
    }
}

fn irqs(engine: &SysfsLines) -> Vec<&str> {
    engine.layout(0).lines.iter().map(|line| line.irq.as_str()).collect()
}

#[test]
fn the_first_reading_has_every_cell_and_later_ones_what_changed() {
    let sysfs = FakeSysfs::new();
    let lines = vec![sysfs.bind(36, "eth0-rx-0", 1, "0,7186"), sysfs.bind(24, "ACPI:Ged, pciehp", 5, "1,0")];
    let (mut engine, refused) = sysfs.open(lines.clone());
    assert_eq!((refused, engine.groups()), (vec![], &[GROUP][..]));
    assert_eq!(engine.layout(0).lines, lines);
    assert_eq!(engine.layout(0).cells[2], Cell { line: 1, cpu: Some(0) });

    let mut reader = Reader::new();
    assert_eq!(reader.read(&mut engine), (true, vec![(0, 0), (1, 7186), (2, 1), (3, 0)]));
    assert_eq!(reader.read(&mut engine), (false, vec![]));
    sysfs.count(36, "0,7187");
    sysfs.count(24, "2,9");
    assert_eq!(reader.read(&mut engine), (false, vec![(1, 7187), (2, 2), (3, 9)]));
    assert_eq!(reader.read(&mut engine), (false, vec![]));
}

#[test]
fn a_group_that_is_not_due_is_left_alone() {
    let sysfs = FakeSysfs::new();
    let (mut engine, _) = sysfs.open(vec![sysfs.bind(36, "eth0", 1, "0,7")]);
    let mut readings = [Reading { window: Window { begin: 3, end: 4 }, ..Reading::default() }];
    engine.read(0, &ManualClock::new(9, 0), &mut readings).unwrap();
    assert_eq!((readings[0].window.begin, readings[0].relearned), (3, false));
}

#[test]
fn a_text_without_a_number_for_each_possible_cpu_goes_back_to_procfs() {
    let sysfs = FakeSysfs::new();
    let lines =
        vec![sysfs.bind(36, "eth0", 1, "7"), sysfs.bind(37, "eth1", 2, "1,2,3"), sysfs.bind(38, "eth2", 3, "1,2")];
    let (engine, refused) = sysfs.open(lines);
    assert_eq!(irqs(&engine), ["38"]);
    let refused: Vec<_> = refused.iter().map(|refused| refused.line.irq.as_str()).collect();
    assert_eq!(refused, ["36", "37"]);
}

#[test]
fn a_line_that_is_not_the_one_in_procfs_is_refused_with_the_difference() {
    let sysfs = FakeSysfs::new();
    let line = sysfs.bind(36, "eth0", 1, "0,7");
    let arch = Line { number: None, ..line.clone() };
    let other_action = Line { actions: vec!["eth1".to_owned()], ..line.clone() };
    let other_chip = Line { chip: Some("GICv3".to_owned()), ..line.clone() };
    let other_hwirq = Line { hwirq: Some(9), ..line.clone() };
    let absent = Line { number: Some(99), ..line };
    let (engine, refused) = sysfs.open(vec![arch, other_action, other_chip, other_hwirq, absent]);
    assert!(engine.layout(0).lines.is_empty());
    let reasons: Vec<_> = refused.iter().map(|refused| refused.reason.as_str()).collect();
    assert_eq!(reasons[..3], ["not a numbered line", "its actions in sysfs are eth0", "its chip in sysfs is IO-APIC"]);
    assert_eq!(reasons[3], "its hwirq in sysfs is 1");
    assert!(reasons[4].contains("99/per_cpu_count: No such file"));
}

#[test]
fn a_line_that_is_gone_leaves_the_layout_and_the_others_stay_right() {
    let sysfs = FakeSysfs::new();
    let lines = vec![sysfs.bind(36, "eth0", 1, "0,7"), sysfs.bind(37, "eth1", 2, "5,6")];
    let (mut engine, _) = sysfs.open(lines);
    let mut reader = Reader::new();
    reader.read(&mut engine);
    sysfs.unbind(36);
    sysfs.count(37, "5,8");
    assert_eq!(reader.read(&mut engine), (true, vec![(0, 5), (1, 8)]));
    assert_eq!(irqs(&engine), ["37"]);
    assert_eq!(engine.layout(0).cells, [Cell { line: 0, cpu: Some(0) }, Cell { line: 0, cpu: Some(1) }]);
    sysfs.unbind(37);
    assert_eq!(reader.read(&mut engine), (true, vec![]));
    assert_eq!(reader.read(&mut engine), (false, vec![]), "nothing is left, and that is no error");
}

#[test]
fn a_number_that_went_to_another_device_leaves_the_layout() {
    let sysfs = FakeSysfs::new();
    let lines = vec![sysfs.bind(36, "eth0", 1, "0,7"), sysfs.bind(37, "eth1", 2, "5,6")];
    let (mut engine, _) = sysfs.open(lines);
    let mut reader = Reader::new();
    reader.read(&mut engine);
    sysfs.bind(36, "nvme0q1", 1, "0,7");
    // Each line has its turn within as many turns as there are lines.
    let mut relearned = false;
    for _ in 0..2 {
        reader.pass(RECHECK_NS);
        relearned |= reader.read(&mut engine).0;
    }
    assert!(relearned);
    assert_eq!(irqs(&engine), ["37"]);
}

#[test]
fn a_steady_line_needs_no_memory() {
    let sysfs = FakeSysfs::new();
    let (mut engine, _) = sysfs.open(vec![sysfs.bind(36, "eth0", 1, "0,7")]);
    let mut reader = Reader::new();
    reader.read(&mut engine);
    let capacities = |engine: &SysfsLines, reader: &Reader| {
        (engine.counts.capacity(), engine.buffer.capacity(), reader.readings[0].changes.capacity())
    };
    let before = capacities(&engine, &reader);
    for count in [8_u64, 4_294_967_295] {
        sysfs.count(36, &format!("{count},{count}"));
        reader.read(&mut engine);
    }
    assert_eq!(capacities(&engine, &reader), before);
}

/// The labels and counts of the numbered lines of a text of `/proc/interrupts` whose header has `cpus` CPUs.
fn numbered(text: &str, cpus: usize) -> Vec<(u32, Vec<u64>)> {
    let row = |line: &str| {
        let (label, rest) = line.split_once(':')?;
        let counts = rest.split_whitespace().take(cpus).map_while(|word| word.parse().ok()).collect();
        Some((label.trim().parse().ok()?, counts))
    };
    text.lines().filter_map(row).collect()
}

/// Sysfs and procfs are two looks at one set of counters.
#[test]
fn live_counts_lie_between_those_of_procfs_before_and_after() {
    let facts = crate::HostFacts::read(Path::new("/proc"), Path::new("/sys"));
    let (Some(possible), Ok(before)) = (facts.cpus_possible, fs::read_to_string("/proc/interrupts")) else {
        eprintln!("skipped: no live counters here");
        return;
    };
    if facts.cpus_online.as_ref() != Some(&possible) || !Path::new("/sys/kernel/irq").exists() {
        eprintln!("skipped: procfs and sysfs have different CPUs here");
        return;
    }
    let line_of = |&(number, _): &(u32, Vec<u64>)| {
        let read = |name: &str| {
            fs::read_to_string(format!("/sys/kernel/irq/{number}/{name}")).map(|text| text.trim().to_owned()).ok()
        };
        let actions = read("actions")?;
        Some(Line {
            kind: Kind::Irq,
            irq: number.to_string(),
            name: actions.clone(),
            number: Some(number),
            chip: read("chip_name"),
            hwirq: read("hwirq")?.parse().ok(),
            trigger: None,
            actions: actions.split(',').filter(|action| !action.is_empty()).map(str::to_owned).collect(),
        })
    };
    let low = numbered(&before, possible.len());
    let (mut engine, refused) =
        SysfsLines::open(Path::new("/sys"), low.iter().filter_map(line_of).collect(), &possible);
    eprintln!("{} lines, refused {refused:?}", engine.layout(0).lines.len());
    let mut readings = [Reading::default()];
    engine.read(1, &crate::SystemClock, &mut readings).unwrap();
    let high = numbered(&fs::read_to_string("/proc/interrupts").unwrap(), possible.len());
    for change in &readings[0].changes {
        let cell = change.cell as usize;
        let number = engine.layout(0).lines[cell / possible.len()].number.unwrap();
        let bound = |rows: &[(u32, Vec<u64>)]| {
            rows.iter().find(|(row, _)| *row == number).map(|(_, counts)| counts[cell % possible.len()])
        };
        if let (Some(low), Some(high)) = (bound(&low), bound(&high)) {
            assert!((low..=high).contains(&change.count), "irq {number}: {low} <= {} <= {high}", change.count);
        }
    }
}
