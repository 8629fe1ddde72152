//! A person is taken out of rooms.

use super::hub;
use crate::music::Config;
use crate::rooms::Hub as _;
use crate::rooms::test_stage::Stage;

#[test]
fn who_is_erased_is_let_go_of_and_its_name_is_in_no_room() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(
        r#"
        bob connects
        ann connects
        bob: introduce {"name":"Bob"}
        bob: create-room {"roomId":"AB12","track":{"id":0,"name":"Ann's song"}}
        bob: queue:add {"track":{"id":2}}
        ann: introduce {"name":"Ann"}
        ann: join-room {"roomId":"AB12"}
        bob: party:grant {"targetUserId":"ann","role":"cohost"}
        ann: queue:add {"track":{"id":1}}
        ann: party:invite {"expiresIn":3600}
        ann: party:chat {"content":"her words","type":"text"}
        bob: party:chat {"content":"his words","type":"text"}
        "#,
    );
    let room = |stage: &mut Stage<crate::music::hub::Hub>| {
        let id = crate::music::hub::Hub::room_id("AB12").unwrap();
        serde_json::to_string(stage.hub.rooms().get(&id).unwrap()).unwrap()
    };
    let before = room(&mut stage);
    assert!(before.contains("\"Ann\"") && before.contains("her words"), "{before}");
    let told = stage.play(r#"from outside {"Erase":"Ann"}"#);
    assert!(told.contains("ann let go") && told.ends_with("  files forget Ann\n"), "{told}");
    let after = room(&mut stage);
    assert!(!after.contains("\"Ann\"") && !after.contains("her words"), "{after}");
    assert!(
        after.contains("Ann's song") && after.contains("his words") && after.contains("\"Bob\""),
        "{after}"
    );
    let again = stage.play(r#"from outside {"Erase":"Ann"}"#);
    assert_eq!(again, "from outside {\"Erase\":\"Ann\"}\n  files forget Ann\n");
}

#[test]
fn a_room_where_only_words_of_somebody_who_has_left_are_erased_is_kept_anew() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(
        r#"
        bob connects
        ann connects
        bob: introduce {"name":"Bob"}
        bob: create-room {"roomId":"AB12"}
        ann: introduce {"name":"Ann"}
        ann: join-room {"roomId":"AB12"}
        ann: party:chat {"content":"her words","type":"text"}
        ann: leave-room {"roomId":"AB12"}
        "#,
    );
    stage.hub.rooms().note_changes();
    stage.play(r#"from outside {"Erase":"Ann"}"#);
    let id = crate::music::hub::Hub::room_id("AB12").unwrap();
    assert!(!serde_json::to_string(stage.hub.rooms().get(&id).unwrap()).unwrap().contains("her words"));
    assert!(stage.hub.rooms().changes().contains(&id), "on disk, and on other nodes, they would still be");
}
