//! What the program counts, and what it says of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::floors::sources;

/// The names that stand behind a macro like `counter!(`.
fn names(text: &str, is_description: bool) -> BTreeSet<String> {
    let calls = text.split("!(").zip(text.split("!(").skip(1));
    calls
        .filter(|(before, _)| {
            let name =
                before.rsplit(|c: char| !c.is_ascii_alphabetic() && c != '_').next().unwrap_or_default();
            let kind = name.strip_prefix("describe_").unwrap_or(name);
            ["counter", "gauge", "histogram"].contains(&kind)
                && name.starts_with("describe_") == is_description
        })
        .filter_map(|(_, after)| after.trim_start().strip_prefix('"')?.split('"').next())
        .filter(|name| name.starts_with("roomhub_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_is_described_and_every_description_is_of_a_metric() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let (described, counted) = (names(&text, true), names(&text, false));
    assert!(counted.len() > 20, "{counted:?}");
    assert_eq!(described, counted);
    let dashboard = fs::read_to_string(root.join("assets/grafana/roomhub.json")).unwrap();
    for name in dashboard.split("roomhub_").skip(1) {
        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(name.len());
        let name = format!("roomhub_{}", &name[..end]);
        // What a library tells of the process.
        if name.starts_with("roomhub_process_") {
            continue;
        }
        let is_known = counted.iter().any(|known| name == *known || name == format!("{known}_bucket"));
        assert!(is_known, "the dashboard shows {name}");
    }
}
