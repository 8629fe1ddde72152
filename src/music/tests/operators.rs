//! What operators do from outside.

use expect_test::expect;

use super::hub;
use crate::music::Config;
use crate::rooms::test_stage::Stage;

/// Two pages and an old client in one room; nothing of it is of interest.
const ROOM: &str = r#"
    ann connects
    bob connects
    old connects
    ann: introduce {"name":"Ann","person":"the person of ann"}
    ann: create-room {"roomId":"AB12"}
    bob: introduce {"name":"Bob","person":"the person of bob"}
    bob: join-room {"roomId":"AB12"}
    old: join_room {"room_id":"AB12"}
"#;

#[test]
fn an_operator_puts_a_member_out_who_may_not_come_back_at_once_and_closes_a_room() {
    let mut stage = Stage::new(hub(&Config::default()));
    stage.play(ROOM);
    let told = stage.play(
        r#"
        from outside {"Kick":"bob"}
        from outside {"Kick":"bob"}
        bob: join-room {"roomId":"AB12"}
        from outside {"Kick":"ann"}
        from outside {"CloseRoom":"AB12"}
        from outside {"CloseRoom":"AB12"}
        old: create_room {"room_id":"AB12"}
        "#,
    );
    expect![[r#"
        from outside {"Kick":"bob"}
          bob <- party:kicked {}
          old <- room_users {"count":2}
          ann <- room-users {"count":2}
          ann <- room-members {"roomId":"AB12","hostId":"ann","count":2,"members":[{"id":"ann","name":"Ann"},{"id":"old","name":null}]}
          ann <- party:members {"count":2,"members":[{"id":"ann","name":"Ann","role":"owner","isMuted":false,"isPage":true,"isBuffering":false,"isReady":false},{"id":"old","name":"","role":"member","isMuted":false,"isPage":false,"isBuffering":false,"isReady":false}]}
        from outside {"Kick":"bob"}
        bob: join-room {"roomId":"AB12"}
          bob <- error {"message":"您已被移出房间","code":"kicked"}
        from outside {"Kick":"ann"}
          ann <- party:kicked {}
          old <- become_host {"room_id":"AB12"}
        from outside {"CloseRoom":"AB12"}
          old <- room_left {"room_id":"AB12"}
        from outside {"CloseRoom":"AB12"}
        old: create_room {"room_id":"AB12"}
          old <- room_created {"room_id":"AB12","user_count":1}
          old <- room_users {"count":1}
    "#]]
    .assert_eq(&told);
}
