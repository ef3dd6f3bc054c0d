//! What a trace says of itself survives the file, and what is no trace is told apart.

mod traces;

use std::collections::BTreeMap;

use irqtrace_core::{
    Cost, HostFacts, IrqChoice, Kind, Mark, Meta, Occurrence, Previous, SCHEMA_VERSION, Settings, WarningType, Warnings,
};
use serde_json::{Value, json};
use traces::{groups, lines, meta};

/// A trace with something in every field.
fn full() -> Meta {
    let mut meta = meta(lines());
    meta.baselines.push(0, Some(1), 0, u64::MAX);
    meta.finals.push(3, None, 9, 5);
    meta.host = HostFacts {
        cpus_online: Some(vec![0, 2]),
        numa_nodes: Some(BTreeMap::from([("0".to_owned(), vec![0, 2])])),
        ..meta.host
    };
    meta.previous.push(Previous { group: groups()[0], sample: -1, time_ns: 7, read_ns: 8 });
    meta.settings = Settings {
        kinds: BTreeMap::from([(Kind::Irq, 1_000_000)]),
        irqs: Some(vec![IrqChoice::Number(36), IrqChoice::Pattern("eth0*".to_owned())]),
        pin: Some(1),
        ..Settings::default()
    };
    meta.cost = Cost { cpu_ns: 1, wall_ns: 2, reads: 3, sleeps: 4, spins: 5 };
    meta.marks.push(Mark { sample: 3, time_ns: 4, text: "moved irq 36".to_owned() });
    let mut warnings = Warnings::default();
    warnings.add(Occurrence {
        r#type: WarningType::MissedSamples,
        group: Some(groups()[2]),
        line: None,
        first: 2,
        last: 4,
        count: 3,
        worst: Some(3),
        detail: None,
    });
    meta.warnings = warnings.list(&meta.lines);
    meta
}

fn value() -> Value {
    serde_json::from_str(&full().to_json().unwrap()).unwrap()
}

fn error(json: Option<&str>) -> String {
    Meta::from_json("t.parquet", json).unwrap_err().to_string()
}

#[test]
fn the_metadata_has_the_keys_of_the_format() {
    let value = value();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&value),
        "anchors baselines cost finals groups host interval_ns irqtrace irregular lines marks previous recording schema \
         segment settings span t0_ns warnings"
    );
    assert_eq!(keys(&value["groups"][0]), "engine every kind missed reads");
    assert_eq!(keys(&value["anchors"][0]), "boot_ns bracket_ns mono_ns raw_ns real_ns");
    assert_eq!(
        keys(&value["lines"][0]),
        "actions chip engine first_sample hwirq irq kind last_sample line name number trigger"
    );
    assert_eq!(value["baselines"], json!({"line": [0], "cpu": [1], "sample": [0], "count": [u64::MAX]}));
    assert_eq!(value["finals"]["cpu"], json!([null]));
    assert_eq!(value["previous"], json!([{"kind": "irq", "engine": "proc", "sample": -1, "time_ns": 7, "read_ns": 8}]));
    assert_eq!(keys(&value["settings"]), "batch_every_ns dma_latency_us fifo irqs kinds lock_memory pin spin_ns");
    assert_eq!(value["settings"]["kinds"], json!({"irq": 1_000_000}));
    assert_eq!(value["settings"]["irqs"], json!([36, "eth0*"]));
    assert_eq!(keys(&value["cost"]), "cpu_ns reads sleeps spins wall_ns");
    assert_eq!(keys(&value["warnings"][0]), "count engine first_sample kind last_sample line message type worst");
    assert_eq!(value["warnings"][0]["type"], "missed_samples");
    assert_eq!(value["marks"], json!([{"sample": 3, "time_ns": 4, "text": "moved irq 36"}]));
}

#[test]
fn the_metadata_survives_the_file() {
    let meta = full();
    assert_eq!(Meta::from_json("t.parquet", Some(&meta.to_json().unwrap())).unwrap(), meta);
}

#[test]
fn a_file_without_the_key_is_no_trace() {
    assert_eq!(error(None), "t.parquet: not a trace of irqtrace: its metadata has no key \"irqtrace\"");
}

#[test]
fn metadata_that_is_no_json_is_told() {
    assert!(error(Some("{\"schema\": 1,")).contains("is not JSON"), "{}", error(Some("{")));
    assert!(error(Some("")).contains("is not JSON"));
}

#[test]
fn a_newer_schema_version_asks_for_an_update() {
    let newer = "{\"schema\": 7, \"lines\": {\"other\": true}}";
    assert_eq!(
        error(Some(newer)),
        format!(
            "t.parquet: schema version 7 is newer than {SCHEMA_VERSION}, which this irqtrace reads; update irqtrace"
        )
    );
}

#[test]
fn every_field_of_the_metadata_is_asked_for() {
    // What came to the format later, files of before lack.
    let later = ["irregular", "recording", "segment"];
    for key in value().as_object().unwrap().keys().filter(|key| !later.contains(&key.as_str())) {
        let mut lacking = value();
        lacking.as_object_mut().unwrap().remove(key);
        let error = error(Some(&lacking.to_string()));
        assert!(error.contains(&format!("missing field `{key}`")), "{error}");
    }
}

#[test]
fn columns_of_different_lengths_are_told() {
    let mut value = value();
    value["finals"]["cpu"] = json!([]);
    assert!(error(Some(&value.to_string())).contains("the columns of finals differ in length"));
}

#[test]
fn fields_of_later_versions_are_passed_over() {
    let mut value = value();
    value["mood"] = json!("good");
    assert_eq!(Meta::from_json("t.parquet", Some(&value.to_string())).unwrap(), full());
}

#[test]
fn a_line_is_found_by_its_id() {
    let meta = full();
    assert_eq!(meta.line(3).unwrap().line.irq, "LOC");
    assert_eq!(meta.line(99), None);
}
