//! Members that press at once.

use std::collections::VecDeque;

use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{ROOM, check, check_with, stage};
use crate::watch::Config;
use crate::watch::protocol::RoomId;

#[test]
fn of_two_that_press_otherwise_at_once_the_later_one_is_told_too() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        cyd connects with key
        cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
        ann: play:update {"type":"play","currentTime":10,"isPlaying":false}
        ann: play:play
        1s pass
        bob: play:pause
        cyd: play:play
        dan connects with key
        dan: room:join {"roomId":"ROOM","userName":"Dan"}
        ann: play:seek 30
        bob: play:seek 40
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            cyd connects with key
            cyd: room:join {"roomId":"ROOM","userName":"Cyd"}
              ann, bob <- room:member-joined {"id":"cyd","name":"Cyd","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:update {"type":"play","currentTime":10,"isPlaying":false}
              bob, cyd <- play:update {"type":"play","currentTime":10,"isPlaying":false}
            ann: play:play
              bob, cyd <- play:play
            1s pass
            bob: play:pause
              ann, bob, cyd <- play:pause
            cyd: play:play
              ann, bob, cyd <- play:play
            dan connects with key
            dan: room:join {"roomId":"ROOM","userName":"Dan"}
              ann, bob, cyd <- room:member-joined {"id":"dan","name":"Dan","isOwner":false,"lastHeartbeat":1700000001000}
              dan <- play:update {"type":"play","currentTime":11.0,"isPlaying":true}
            ann: play:seek 30
              bob, cyd, dan <- play:seek 30.0
            bob: play:seek 40
              ann, bob, cyd, dan <- play:seek 40.0
        "#]],
    );
}

#[test]
fn presses_that_do_not_contradict_each_other_are_told_to_the_others_alone() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: play:play
        bob: play:play
        ann: play:play
        bob: play:seek 30
        ann: play:seek 30
        2s pass
        bob: play:pause
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:play
              bob <- play:play
            bob: play:play
              ann <- play:play
            ann: play:play
              bob <- play:play
            bob: play:seek 30
              ann <- play:seek 30.0
            ann: play:seek 30
              bob <- play:seek 30.0
            2s pass
            bob: play:pause
              ann <- play:pause
        "#]],
    );
}

#[test]
fn without_a_window_no_presses_cross() {
    check_with(
        &Config { crossing_window: std::time::Duration::ZERO, ..Config::default() },
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        ann: play:play
        bob: play:pause
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            ann: play:play
              bob <- play:play
            bob: play:pause
              ann <- play:pause
        "#]],
    );
}

/// What a member believes of a room: what it pressed, and what it was told, in the order in which it came to know of it.
struct Player {
    is_playing: bool,
    /// What it was told and has not heard yet.
    on_the_way: VecDeque<bool>,
}

proptest! {
    #[test]
    fn members_that_press_at_once_and_several_times_all_end_where_the_server_is(
        steps in vec((0..3_usize, any::<bool>(), any::<bool>()), 1..12),
    ) {
        const NAMES: [&str; 3] = ["ann", "bob", "cyd"];
        let mut stage = stage(&Config::default());
        stage.play(&format!(
            r#"
            ann connects with key
            ann: room:create {{"name":"Films","isPublic":true,"userName":"Ann"}}
            bob connects with key
            bob: room:join {{"roomId":"{ROOM}","userName":"Bob"}}
            cyd connects with key
            cyd: room:join {{"roomId":"{ROOM}","userName":"Cyd"}}
            ann: play:update {{"type":"play","currentTime":10,"isPlaying":false}}
            "#
        ));
        let mut players = NAMES.map(|_| Player { is_playing: false, on_the_way: VecDeque::new() });
        for (who, hears_first, is_playing) in steps {
            if hears_first && let Some(heard) = players[who].on_the_way.pop_front() {
                players[who].is_playing = heard;
            }
            players[who].is_playing = is_playing;
            let event = if is_playing { "play:play" } else { "play:pause" };
            let told = stage.play(&format!("{}: {event}", NAMES[who]));
            let arrow = told.lines().find_map(|line| line.split_once(" <- "));
            let (to, _) = arrow.unwrap();
            for (name, player) in NAMES.iter().zip(&mut players) {
                if to.contains(name) {
                    player.on_the_way.push_back(is_playing);
                }
            }
        }
        let id = RoomId::read(ROOM).unwrap();
        let is_playing = stage.hub.rooms.get(&id).unwrap().is_playing();
        for player in players {
            let believes = player.on_the_way.back().copied().unwrap_or(player.is_playing);
            prop_assert_eq!(believes, is_playing);
        }
    }
}
