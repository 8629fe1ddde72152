//! What a room records, without the room.

use std::fmt::Write;
use std::time::Duration;

use expect_test::expect;

use super::super::protocol::OwnerKey;
use super::super::tests::terms;
use super::super::{Newcomer, Terms};
use super::*;
use crate::effect::Effect;
use crate::rooms::test_stage::{START, member};
use crate::time::WallOffset;

fn key_of(letter: &str) -> OwnerKey {
    OwnerKey::read(&letter.repeat(32)).unwrap()
}

fn act(recording: &mut Recording, event: &RecordingEvent) -> Result<(), Refusal> {
    act_at(recording, event, Some("watch"))
}

fn act_at(
    recording: &mut Recording,
    event: &RecordingEvent,
    records_for: Option<&'static str>,
) -> Result<(), Refusal> {
    let terms = Terms { records_for, ..terms() };
    let scene =
        Scene { room: "R", owner: member("ann"), terms: &terms, now: START, wall: WallOffset::default() };
    recording.act(event, &mut Effects::none(), "Films", &mut Rng::new(&[7; 32]), scene)
}

fn present(name: &str) -> Present {
    let (id, name) = (member(name), name.to_owned());
    let address = None;
    Present::new(Newcomer { id, name, person: None, is_page: true, role: Role::Member, address })
}

fn lines(effects: &Effects) -> String {
    let mut lines = String::new();
    for effect in effects {
        if let Effect::Recording(step) = effect
            && let RecordingStep::Write(line) = &**step
        {
            writeln!(lines, "{}{}", line.text.get(), if line.is_last { " last" } else { "" }).unwrap();
        }
    }
    lines
}

#[test]
fn lines_are_numbered_and_what_is_said_is_in_them_only_if_that_is_wanted() {
    let mut recording = Recording::default();
    let mut effects = Effects::none();
    recording.note(&mut effects, Entry::Screen { state: None }, START);
    let chat = || Entry::Chat { by: None, content: "hi", r#type: "text", position: None };
    for with_chat in [false, true] {
        act(&mut recording, &RecordingEvent::Start { owner_key: key_of("k"), with_chat }).unwrap();
        recording.note(&mut effects, Entry::Screen { state: None }, START);
        recording.note(&mut effects, chat(), START + Duration::from_millis(1500));
        recording.end(&mut effects, START + Duration::from_secs(2));
        recording.end(&mut effects, START);
    }
    assert_eq!(
        lines(&effects),
        "{\"n\":0,\"at\":0,\"kind\":\"screen\",\"state\":null}\n\
         {\"n\":1,\"at\":2,\"kind\":\"end\"} last\n\
         {\"n\":0,\"at\":0,\"kind\":\"screen\",\"state\":null}\n\
         {\"n\":1,\"at\":1.5,\"kind\":\"chat\",\"by\":null,\"content\":\"hi\",\"type\":\"text\",\"position\":null}\n\
         {\"n\":2,\"at\":2,\"kind\":\"end\"} last\n"
    );
}

#[test]
fn what_a_room_does_is_seen_by_looking_at_it() {
    let mut recording = Recording::default();
    let start = RecordingEvent::Start { owner_key: key_of("k"), with_chat: false };
    act(&mut recording, &start).unwrap();
    let (ann, bob) = (member("ann"), member("bob"));
    let screen = || Some(RawValue::from_string("{\"url\":\"film\"}".into()).unwrap());
    let mut effects = Effects::none();
    let mut look =
        |seconds: u64, names: &[&'static str], key: &str, playback: Option<(bool, f64, f64)>, by| {
            let playback =
                playback.map(|(is_playing, position, speed)| Playback { is_playing, position, speed });
            let present: Vec<Present> = names.iter().map(|name| present(name)).collect();
            let screen = (!key.is_empty()).then(screen).flatten();
            let glance = Glance { screen, screen_key: key.into(), playback };
            recording.look(&mut effects, &present, &glance, by, START + Duration::from_secs(seconds));
        };
    look(0, &["ann"], "", None, Some(ann));
    look(1, &["ann"], "film", Some((true, 0.0, 1.0)), Some(ann));
    look(5, &["ann", "bob"], "film", Some((true, 4.2, 1.0)), Some(bob));
    look(6, &["ann", "bob"], "film", Some((false, 5.0, 1.0)), Some(bob));
    look(9, &["ann", "bob"], "film", Some((false, 5.0, 1.0)), Some(ann));
    look(10, &["ann", "bob"], "film", Some((false, 60.0, 1.5)), Some(bob));
    look(11, &["ann", "bob"], "film", Some((true, 60.0, 1.5)), None);
    look(21, &["ann", "bob"], "film", Some((true, 75.0, 1.5)), None);
    look(22, &["bob"], "film", Some((true, 76.5, 1.5)), Some(ann));
    look(23, &[], "film", Some((true, 78.0, 1.5)), Some(bob));
    look(24, &["bob"], "film", Some((true, 78.0, 1.5)), Some(bob));
    expect![[r#"
        {"n":0,"at":0,"kind":"joined","by":{"id":"ann","name":"ann"}}
        {"n":1,"at":0,"kind":"screen","state":null}
        {"n":2,"at":1,"kind":"screen","state":{"url":"film"}}
        {"n":3,"at":1,"kind":"play","by":{"id":"ann","name":"ann"},"position":0}
        {"n":4,"at":5,"kind":"joined","by":{"id":"bob","name":"bob"}}
        {"n":5,"at":6,"kind":"pause","by":{"id":"bob","name":"bob"},"position":5}
        {"n":6,"at":10,"kind":"seek","by":{"id":"bob","name":"bob"},"position":60}
        {"n":7,"at":10,"kind":"speed","by":{"id":"bob","name":"bob"},"position":60,"speed":1.5}
        {"n":8,"at":11,"kind":"play","by":null,"position":60}
        {"n":9,"at":22,"kind":"left","by":{"id":"ann","name":"ann"}}
        {"n":10,"at":23,"kind":"left","by":{"id":"bob","name":"bob"}}
        {"n":11,"at":23,"kind":"end"} last
    "#]]
    .assert_eq(&lines(&effects));
    assert!(!recording.is_running());
}

#[test]
fn one_recording_runs_at_a_time_and_nothing_is_stopped_that_does_not_run() {
    let mut recording = Recording::default();
    let start = RecordingEvent::Start { owner_key: key_of("k"), with_chat: true };
    assert_eq!(act(&mut recording, &RecordingEvent::Stop), Err(Refusal::NoSuchRecording));
    assert_eq!(act(&mut recording, &start), Ok(()));
    assert_eq!(act(&mut recording, &start), Err(Refusal::TooMany));
    let kept: Recording = serde_json::from_str(&serde_json::to_string(&recording).unwrap()).unwrap();
    assert_eq!(kept.view().unwrap().id, recording.view().unwrap().id);
    assert_eq!(act(&mut recording, &RecordingEvent::Stop), Ok(()));
    assert!(recording.view().is_none());
    assert_eq!(act_at(&mut recording, &start, None), Err(Refusal::Forbidden), "there is no folder");
}

#[test]
fn a_recording_is_replayed_until_it_is_stopped_or_deleted_by_its_owner() {
    let mut recording = Recording::default();
    let replay = |id: &str| RecordingEvent::Replay { id: id.into(), owner_key: key_of("k") };
    assert_eq!(act(&mut recording, &replay("../../etc/passwd")), Err(Refusal::NoSuchRecording));
    act(&mut recording, &replay("abcdefghijklmnop")).unwrap();
    let replayed = recording.replayed().unwrap();
    recording.forget(Replayed { owner: Owner::of(&"x".repeat(32)).unwrap(), ..replayed });
    assert!(recording.is_about(replayed));
    recording.forget(replayed);
    assert!(!recording.is_about(replayed) && recording.replay_view().is_none());
    act(&mut recording, &replay("abcdefghijklmnop")).unwrap();
    act(&mut recording, &RecordingEvent::StopReplay).unwrap();
    assert!(recording.replayed().is_none());
}
