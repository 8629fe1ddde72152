use super::*;

fn answers(of: impl FnOnce(&mut Init)) -> Init {
    let mut answers = Init::default();
    of(&mut answers);
    answers
}

fn told(answers: &Init) -> String {
    let mistakes = Draft::new(answers).mistakes(Path::new("x.toml"));
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_has_what_differs_from_the_defaults_and_a_reason_for_each() {
    let answers = answers(|answers| {
        answers.services = vec![Service::Radio, Service::Music];
        answers.listen = vec!["127.0.0.1:8080".into()];
        answers.name = vec!["rooms.example.org".into(), "radio=radio.example.org".into()];
        answers.data = Some("/srv/rooms".into());
    });
    let draft = Draft::new(&answers);
    expect_test::expect![[r#"
        # Written by `roomhub init`. It has what differs from the defaults: config.example.toml has every key.

        [door]
        # All services are at this one address.
        listen = ["127.0.0.1:8080"]
        # Found at this name without a path.
        radio = ["radio.example.org"]

        [rooms]
        # Rooms and uploads, over restarts.
        data_dir = "/srv/rooms"

        [radio]
        # What is known of tracks; it may be deleted.
        data_dir = "/srv/rooms"
    "#]]
    .assert_eq(&draft.text());
    assert!(!draft.has_secrets() && draft.mistakes(Path::new("x.toml")).is_empty());
    assert_eq!(draft.names, ["rooms.example.org"]);
}

#[test]
fn every_key_is_random_and_known_to_the_file_alone() {
    let answers = answers(|answers| {
        (answers.operator_keys, answers.client_keys, answers.live) = (true, true, true);
    });
    let (one, other) = (Draft::new(&answers), Draft::new(&answers));
    let paths: Vec<&str> = one.keys.iter().map(|key| key.path.as_str()).collect();
    let expected = [
        "watch.auth_key",
        "signal.auth_key",
        "devices.auth_key",
        "metrics.token",
        "admin.key",
        "watch.admin_key",
        "devices.console_key",
        "radio.admin_key",
        "radio.source_password",
    ];
    assert_eq!(paths, expected);
    let mut words: Vec<&str> = one.keys.iter().chain(&other.keys).map(|key| key.word.expose()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 2 * expected.len());
    assert!(words.iter().all(|word| word.len() == 2 * KEY_BYTES));
    assert!(one.has_secrets() && one.mistakes(Path::new("x.toml")).is_empty());
}

#[test]
fn who_is_behind_a_proxy_on_this_machine_is_reached_through_it_alone_and_has_keys() {
    let draft = Draft::new(&answers(|answers| {
        answers.services = vec![Service::Devices];
        answers.proxy = vec!["127.0.0.1".into()];
    }));
    let text = draft.text();
    assert!(text.contains("host = \"127.0.0.1\"") && text.contains("console_key = "), "{text}");
}

#[test]
fn what_is_wrong_with_answers_is_told_in_the_words_of_the_loader() {
    let wrong = answers(|answers| {
        answers.proxy = vec!["somewhere".into()];
        answers.name = vec!["radio=radio.example.org".into(), "tv=x".into()];
        answers.films = Some("/nowhere/films".into());
    });
    let told = told(&wrong);
    for expected in [
        "flag --name: radio=radio.example.org: names of single services need one address for all (--listen)",
        "flag --name: tv=x: no service that runs is called tv",
        "flag --films: /nowhere/films: not a folder",
        "network.trusted_proxies",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
}

#[test]
fn a_url_with_a_password_is_a_secret_and_a_file_that_holds_one_is_not() {
    let url = Draft::new(&answers(|answers| {
        answers.services = vec![Service::Devices];
        answers.database = Some("mysql://hub:hunter2@host/rooms".into());
    }));
    assert!(url.has_secrets() && url.text().contains("database_url = \"mysql://hub:hunter2@host/rooms\""));
    let file = Draft::new(&answers(|answers| {
        answers.services = vec![Service::Devices];
        answers.database = Some("/run/secrets/url".into());
    }));
    assert!(!file.has_secrets() && file.text().contains("database_url_file = \"/run/secrets/url\""));
}

#[test]
fn each_station_is_a_table_to_which_more_keys_can_be_added() {
    let draft = Draft::new(&answers(|answers| {
        answers.services = vec![Service::Radio];
        answers.stations = vec!["jazz=/tmp".into(), "/news=/usr".into()];
        answers.live = true;
    }));
    let text = draft.text();
    let (_, tables) = text.split_once("source_password").unwrap();
    let (_, tables) = tables.split_once('\n').unwrap();
    expect_test::expect![[r#"

        # Stations. docs/radio.md has what else one may have.
        [[radio.stations]]
        route = "/jazz"
        folders = ["/tmp"]

        [[radio.stations]]
        route = "/news"
        folders = ["/usr"]
    "#]]
    .assert_eq(tables);
    assert!(draft.mistakes(Path::new("x.toml")).is_empty());
}

#[test]
fn what_does_not_run_gets_no_keys_for_stations_recordings_uploads_and_calls() {
    let draft = Draft::new(&answers(|answers| {
        answers.services = vec![Service::Devices];
        answers.stations = vec!["jazz=/tmp".into()];
        answers.recordings = Some("/srv/recordings".into());
        (answers.uploads, answers.turn) = (Some(50), Some("turn.example.org".into()));
    }));
    assert_eq!(draft.text().lines().count(), 1, "{}", draft.text());
}

#[test]
fn a_turn_server_is_given_a_secret_that_coturn_has_to_know() {
    let draft = Draft::new(&answers(|answers| {
        answers.services = vec![Service::Watch];
        answers.turn = Some("turn.example.org:3478".into());
    }));
    assert!(draft.text().contains("turn_urls = [\"turn:turn.example.org:3478\"]"), "{}", draft.text());
    assert!(draft.keys.iter().any(|key| key.path == "signal.turn_secret" && key.reason.contains("coturn")));
    assert!(draft.mistakes(Path::new("x.toml")).is_empty());
}
