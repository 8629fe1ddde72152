use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;
use crate::secret::Secret;
use crate::time::human;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sample {
    room: Room,
    other: Other,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Room {
    port: u16,
    tolerance: f64,
    origins: Vec<String>,
    #[serde(with = "human")]
    sweep: Duration,
    token: Secret,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Other {
    loud: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            port: 3000,
            tolerance: 3.0,
            origins: vec!["*".into()],
            sweep: Duration::from_mins(1),
            token: Secret::default(),
        }
    }
}

impl Validate for Sample {
    fn validate(&self, findings: &mut Findings) {
        if self.room.tolerance < 0.0 {
            findings.add("room.tolerance", "0 or more is expected");
        }
    }
}

fn layers(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str, &'static str)]) -> Layers {
    Layers {
        file: Some(("test.toml".into(), file.into())),
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        aliases: vec![
            Alias { variable: "PORT", key: "room.port", unit: "" },
            Alias { variable: "SWEEP", key: "room.sweep", unit: "ms" },
        ],
        renamed: &[("room.gate", "room.port")],
        flags: flags.iter().map(|(key, value, flag)| (*key, (*value).into(), *flag)).collect(),
        ignored_sections: BTreeSet::new(),
    }
}

fn mistakes(layers: &Layers) -> Vec<String> {
    load::<Sample>(layers).expect_err("the configuration is wrong").iter().map(ToString::to_string).collect()
}

#[test]
fn the_stronger_layer_wins_and_says_so() {
    let file = "[room]\nport = 1\ntolerance = 2";
    let loaded = load::<Sample>(&layers(file, &[("PORT", "2"), ("ROOMHUB_ROOM__PORT", "3")], &[])).unwrap();
    assert_eq!(loaded.values.room.port, 3);
    assert_eq!(loaded.source("room.port"), Source::Environment("ROOMHUB_ROOM__PORT".into()));
    assert_eq!(loaded.source("room.tolerance"), Source::File("test.toml".into()));
    assert_eq!(loaded.source("room.sweep"), Source::Default);

    let loaded = load::<Sample>(&layers(file, &[("PORT", "2")], &[("room.port", "4", "--port")])).unwrap();
    assert_eq!(loaded.values.room.port, 4);
    assert_eq!(loaded.source("room.port"), Source::Flag("--port"));
}

#[test]
fn text_from_variables_is_read_as_what_the_key_holds() {
    let environment = [
        ("SWEEP", "1500"),
        ("ROOMHUB_ROOM__ORIGINS", "https://a, https://b"),
        ("ROOMHUB_OTHER__LOUD", "true"),
    ];
    let values = load::<Sample>(&layers("", &environment, &[])).unwrap().values;
    assert_eq!(values.room.sweep, Duration::from_millis(1500));
    assert_eq!(values.room.origins, ["https://a", "https://b"]);
    assert!(values.other.loud);
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place_and_what_is_allowed() {
    let file = "[room]\nport = 70000\nprot = 1\ngate = 1\nsweep = 5\norigins = 1\n[nothing]\nx = 1";
    let environment =
        [("ROOMHUB_ROOM__TOLERANCE", "-1"), ("ROOMHUB_OTHER__LOUD", "maybe"), ("ROOMHUB_ROM__PORT", "1")];
    let told = mistakes(&layers(file, &environment, &[("room.port", "abc", "--port")]));
    expect_test::expect![[r#"
        test.toml: room.prot: unknown key; did you mean room.port?
        test.toml: room.gate: this key is called room.port now
        test.toml: nothing: unknown key; config.example.toml lists them all
        environment ROOMHUB_ROM__PORT: rom.port: unknown key; did you mean room.port?
        test.toml: room.port = 70000: a whole number from 0 to 65535 is expected
        test.toml: room.sweep = 5: a duration with its unit is expected, like "10s", "250ms" or "5m"
        test.toml: room.origins = 1: a list is expected, like ["a", "b"]
        environment ROOMHUB_OTHER__LOUD: other.loud = "maybe": true or false is expected
        flag --port: room.port = "abc": a whole number is expected
        environment ROOMHUB_ROOM__TOLERANCE: room.tolerance = -1.0: 0 or more is expected"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_file_that_is_no_toml_is_one_mistake() {
    let told = mistakes(&layers("[room\nport = 1", &[], &[]));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("test.toml: not TOML: line 1, column 6: "), "{}", told[0]);
}

#[test]
fn a_secret_that_is_misspelt_mistyped_or_part_of_a_url_is_not_shown() {
    let file = "[room]\ntokn = \"hunter2\"\ntoken = [\"hunter2\"]\nport = \"http://ann:hun/ter2@a/b?auth=hunter2\"\n\
                [hunter]\ntoken = \"hunter2\"";
    let environment = [("ROOMHUB_ROOM__TOKN", "hunter2"), ("ROOMHUB_TOKEN", "hunter2")];
    let told = mistakes(&layers(file, &environment, &[])).join("\n");
    expect_test::expect![[r#"
        test.toml: room.tokn: unknown key; did you mean room.token?
        test.toml: hunter: unknown key; config.example.toml lists them all
        environment ROOMHUB_ROOM__TOKN: room.tokn: unknown key; did you mean room.token?
        environment ROOMHUB_TOKEN: token: unknown key; config.example.toml lists them all
        test.toml: room.token = "********": a string is expected
        test.toml: room.port = "http://********@a/b?********": a whole number from 0 to 65535 is expected"#]]
    .assert_eq(&told);
    for broken in
        ["[room]\ntoken = hunter2", "[room]\ntoken = \"hunter2", "token = 'hunter2'hunter2", "hunter2"]
    {
        let told = mistakes(&layers(broken, &[], &[])).join("\n");
        assert!(told.contains("line ") && !told.contains("hunter2"), "{broken}: {told}");
    }
    let file = "[room]\norigins = [\"redis://:hunter2@a\", \"mysql://hub:hun?er2@b/c\"]";
    let printed = load::<Sample>(&layers(file, &[], &[])).unwrap().to_string();
    assert!(printed.contains(r#"["redis://********@a", "mysql://********@b/c"]"#), "{printed}");
}

#[test]
fn sections_of_other_commands_are_neither_read_nor_checked() {
    let mut layers = layers("[other]\nloud = 7", &[("ROOMHUB_OTHER__LOUD", "maybe")], &[]);
    layers.ignored_sections.insert("other");
    let loaded = load::<Sample>(&layers).unwrap();
    assert!(!loaded.to_string().contains("loud"));
}

#[test]
fn the_effective_values_are_printed_with_their_sources_and_without_secrets() {
    let printed =
        load::<Sample>(&layers("[room]\ntoken = \"hunter2\"", &[("PORT", "2")], &[])).unwrap().to_string();
    expect_test::expect![[r#"
        [room]
        port = 2                                             # environment PORT
        tolerance = 3.0                                      # default
        origins = ["*"]                                      # default
        sweep = "1m"                                         # default
        token = "********"                                   # test.toml

        [other]
        loud = false                                         # default
    "#]]
    .assert_eq(&printed);
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Doors {
    doors: Vec<Door>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Door {
    route: String,
    width: u16,
    key: Secret,
    key_file: String,
    bells: Vec<Bell>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Bell {
    name: String,
    volume: f64,
}

impl Validate for Doors {
    fn validate(&self, findings: &mut Findings) {
        for (place, _) in self.doors.iter().enumerate().filter(|(_, door)| door.width == 1) {
            findings.add(format!("doors[{}].width", place + 1), "too narrow");
        }
    }
}

#[test]
fn mistakes_in_lists_of_tables_are_told_key_by_key_and_their_secrets_are_not_shown() {
    let file = "[[doors]]\nroute = \"/a\"\nwidth = \"wide\"\nkey = [\"hunter2\"]\nkeyy = \"hunter2\"\n\
                [[doors.bells]]\nname = \"ding\"\nvolume = \"loud\"\n[[doors]]\nroute = 5\nhunter = \"hunter2\"";
    let told = load::<Doors>(&layers(file, &[], &[])).unwrap_err();
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    expect_test::expect![[r#"
        test.toml: doors[1].width = "wide": a whole number from 0 to 65535 is expected (route "/a")
        test.toml: doors[1].key = "********": a string is expected (route "/a")
        test.toml: doors[1].keyy: unknown key; did you mean key? (route "/a")
        test.toml: doors[1].bells[1].volume = "loud": a number is expected (route "/a", name "ding")
        test.toml: doors[2].route = 5: a string is expected
        test.toml: doors[2].hunter: unknown key; known are route, width, key, key_file, bells"#]]
    .assert_eq(&told.join("\n"));
    let file = "[[doors]]\nroute = \"/a\"\n[[doors]]\nroute = \"/b\"\nwidth = 1";
    let told = load::<Doors>(&layers(file, &[], &[])).unwrap_err();
    assert_eq!(told[0].to_string(), "test.toml: doors[2].width = 1: too narrow (route \"/b\")");
}

#[test]
fn secrets_in_lists_may_be_in_files_and_are_masked() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let file =
        format!("[[doors]]\nroute = \"/a\"\n[[doors]]\nroute = \"/b\"\nkey_file = \"{}\"", secret.display());
    let loaded = load::<Doors>(&layers(&file, &[], &[])).unwrap();
    assert_eq!(loaded.values.doors[1].key.expose(), "hunter2");
    assert!(!loaded.to_string().contains("hunter2") && loaded.to_string().contains("/b"), "{loaded}");
    let told = load::<Doors>(&layers(&format!("{file}\nkey = \"x\""), &[], &[])).unwrap_err();
    assert!(told[0].to_string().contains("doors[2].key_file") && told[0].to_string().contains("not both"));
    let kept = without_secrets("[[doors]]\nroute = \"/a\"\nkey = \"hunter2\"").unwrap();
    assert!(kept.contains("/a") && !kept.contains("hunter2"), "{kept}");
    let variable = [("ROOMHUB_DOORS", "[{ route = \"/a\", key = \"hunter2\" }]")];
    let loaded = load::<Doors>(&layers("", &variable, &[])).unwrap();
    assert_eq!((loaded.values.doors[0].key.expose(), &*loaded.values.doors[0].route), ("hunter2", "/a"));
}
