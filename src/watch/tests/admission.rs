//! Who gets in, and what is refused.

use expect_test::expect;

use super::{ROOM, check, check_with, stage};
use crate::watch::Config;

#[test]
fn who_has_no_key_is_told_so_and_let_go() {
    check(
        r"
        ann connects
        bob connects with guess
        bob asks: room:list
        cyd connects with key
        cyd asks: room:list
        ",
        &expect![[r#"
            ann connects
              ann <- error "Unauthorized"
              ann let go: Done
            bob connects with guess
              bob <- error "Unauthorized"
              bob let go: Done
            bob asks: room:list
            cyd connects with key
            cyd asks: room:list
              answer []
        "#]],
    );
}

#[test]
fn a_room_is_made_and_shown_without_its_secrets() {
    check(
        r#"
        ann connects with key
        bob connects with key
        ann asks: room:create {"name":"Films","description":"every day","password":"pw","isPublic":true,"userName":"Ann","roomType":"music"}
        bob asks: room:list
        "#,
        &expect![[r#"
            ann connects with key
            bob connects with key
            ann asks: room:create {"name":"Films","description":"every day","password":"pw","isPublic":true,"userName":"Ann","roomType":"music"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"every day","password":"pw","isPublic":true,"roomType":"music","ownerId":"ann","ownerName":"Ann","ownerToken":"TOKEN","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}}
            bob asks: room:list
              answer [{"id":"ROOM","name":"Films","description":"every day","password":"***","isPublic":true,"roomType":"music","ownerId":"ann","ownerName":"Ann","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}]
        "#]],
    );
}

#[test]
fn a_room_with_a_password_is_joined_with_it_alone() {
    check(
        r#"
        ann connects with key
        bob connects with key
        ann: room:create {"name":"Films","password":"pw","isPublic":false,"userName":"Ann"}
        bob asks: room:list
        bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: room:join {"roomId":"ROOM","password":"wrong","userName":"Bob"}
        bob asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
        bob asks: room:join {"roomId":"ROOM","userName":"Bobby"}
        "#,
        &expect![[r#"
            ann connects with key
            bob connects with key
            ann: room:create {"name":"Films","password":"pw","isPublic":false,"userName":"Ann"}
            bob asks: room:list
              answer []
            bob asks: room:join {"roomId":"ROOM","userName":"Bob"}
              answer {"success":false,"error":"密码错误"}
            bob asks: room:join {"roomId":"ROOM","password":"wrong","userName":"Bob"}
              answer {"success":false,"error":"密码错误"}
            bob asks: room:join {"roomId":"ROOM","password":"pw","userName":"Bob"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":false,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}]}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob asks: room:join {"roomId":"ROOM","userName":"Bobby"}
              answer {"success":true,"room":{"id":"ROOM","name":"Films","description":"","password":"***","isPublic":false,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":2,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},"members":[{"id":"ann","name":"Ann","isOwner":true,"lastHeartbeat":1700000000000},{"id":"bob","name":"Bobby","isOwner":false,"lastHeartbeat":1700000000000}]}
        "#]],
    );
}

#[test]
fn every_refusal_has_its_words() {
    check(
        r#"
        ann connects with key
        bob connects with key
        ann asks: room:create {"name":"Films"}
        ann asks: room:create 7
        ann asks: room:create
        ann asks: room:create {"name":"Films","userName":"Ann","roomType":"opera"}
        ann asks: room:join {"roomId":"ABC","userName":"Ann"}
        ann asks: room:join {"roomId":"ABCDEF","userName":"Ann"}
        ann asks: room:join {"roomId":"ABCDEF"}
        ann asks: room:join null
        ann asks: state:clear
        ann asks: screen:helper-register {"roomId":"ABCDEF","ownerToken":"x"}
        ann asks: screen:helper-register {}
        ann asks: room:transfer {"targetUserId":"bob"}
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        ann asks: room:transfer {"targetUserId":"bob"}
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: state:clear
        bob asks: room:transfer {"targetUserId":"ann"}
        bob asks: screen:helper-register {"roomId":"ROOM","ownerToken":"x"}
        bob asks: nonsense {"a":1}
        bob asks: chat:message
        "#,
        &expect![[r#"
            ann connects with key
            bob connects with key
            ann asks: room:create {"name":"Films"}
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:create 7
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:create
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:create {"name":"Films","userName":"Ann","roomType":"opera"}
              answer {"success":false,"error":"创建房间失败"}
            ann asks: room:join {"roomId":"ABC","userName":"Ann"}
              answer {"success":false,"error":"房间不存在"}
            ann asks: room:join {"roomId":"ABCDEF","userName":"Ann"}
              answer {"success":false,"error":"房间不存在"}
            ann asks: room:join {"roomId":"ABCDEF"}
              answer {"success":false,"error":"加入房间失败"}
            ann asks: room:join null
              answer {"success":false,"error":"加入房间失败"}
            ann asks: state:clear
              answer {"success":false,"error":"Not in a room"}
            ann asks: screen:helper-register {"roomId":"ABCDEF","ownerToken":"x"}
              answer {"success":false,"error":"房间不存在"}
            ann asks: screen:helper-register {}
              answer {"success":false,"error":"注册共享控制窗口失败"}
            ann asks: room:transfer {"targetUserId":"bob"}
              answer {"success":false,"error":"Not in a room"}
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            ann asks: room:transfer {"targetUserId":"bob"}
              answer {"success":false,"error":"Member not found"}
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob asks: state:clear
              answer {"success":false,"error":"Not owner"}
            bob asks: room:transfer {"targetUserId":"ann"}
              answer {"success":false,"error":"Not owner"}
            bob asks: screen:helper-register {"roomId":"ROOM","ownerToken":"x"}
              answer {"success":false,"error":"房主身份验证失败"}
            bob asks: nonsense {"a":1}
              answer
            bob asks: chat:message
              answer
        "#]],
    );
}

#[test]
fn who_makes_or_joins_a_room_leaves_its_own_first() {
    check(
        r#"
        ann connects with key
        ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:join {"roomId":"ROOM","userName":"Bob"}
        bob asks: room:create {"name":"Mine","isPublic":true,"userName":"Bob"}
        ann: room:join {"roomId":"NOROOM","userName":"Ann"}
        ann asks: room:list
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","description":"","isPublic":true,"userName":"Ann"}
            bob connects with key
            bob: room:join {"roomId":"ROOM","userName":"Bob"}
              ann <- room:member-joined {"id":"bob","name":"Bob","isOwner":false,"lastHeartbeat":1700000000000}
            bob asks: room:create {"name":"Mine","isPublic":true,"userName":"Bob"}
              ann <- room:member-left "bob"
              answer {"success":true,"room":{"id":"QHI5G1","name":"Mine","description":"","isPublic":true,"roomType":"sync","ownerId":"bob","ownerName":"Bob","ownerToken":"adee659254a5946e11e02ec6cdc690c1","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}}
            ann: room:join {"roomId":"NOROOM","userName":"Ann"}
            ann asks: room:list
              answer [{"id":"QHI5G1","name":"Mine","description":"","isPublic":true,"roomType":"sync","ownerId":"bob","ownerName":"Bob","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},{"id":"ROOM","name":"Films","description":"","isPublic":true,"roomType":"sync","ownerId":"ann","ownerName":"Ann","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}]
        "#]],
    );
}

#[test]
fn who_guesses_passwords_is_heard_no_more_for_a_while() {
    let config = Config { wrong_passwords: 2, ..Config::default() };
    let mut stage = stage(&config);
    stage.play(
        r#"ann connects with key
        ann: room:create {"name":"Films","password":"pw","isPublic":true,"userName":"Ann"}
        eve connects with key"#,
    );
    let mut guess = |word: &str| {
        let line =
            format!(r#"eve asks: room:join {{"roomId":"{ROOM}","password":"{word}","userName":"Eve"}}"#);
        stage.play(&line)
    };
    assert!(guess("a").contains("密码错误") && guess("b").contains("密码错误"));
    assert!(guess("pw").contains("密码错误"), "even the right one");
}

#[test]
fn what_is_too_long_is_refused_or_dropped() {
    let mut stage = stage(&Config::default());
    let long = |n: usize| "片".repeat(n);
    let created = |name: &str, description: &str, password: &str, user: &str| {
        format!(
            r#"ann asks: room:create {{"name":"{name}","description":"{description}","password":"{password}","isPublic":true,"userName":"{user}"}}"#
        )
    };
    stage.play("ann connects with key");
    for line in [
        created(&long(51), "", "", "Ann"),
        created("Films", &long(201), "", "Ann"),
        created("Films", "", &long(21), "Ann"),
        created("Films", "", "", &long(51)),
    ] {
        assert!(stage.play(&line).contains("创建房间失败"), "{line}");
    }
    let longest = created(&long(50), &long(200), &long(20), &long(50));
    assert!(stage.play(&longest).contains("\"success\":true"));
    let chat = |n: usize| format!(r#"ann: chat:message {{"content":"{}","type":"text"}}"#, long(n));
    assert!(!stage.play(&chat(2001)).contains("<-"));
    assert!(stage.play(&chat(2000)).contains("<- chat:message"));
    stage.play("bob connects with key");
    let join = format!(
        r#"bob asks: room:join {{"roomId":"{ROOM}","password":"{}","userName":"{}"}}"#,
        long(20),
        long(51)
    );
    assert!(stage.play(&join).contains("加入房间失败"));
    let share = |n: usize| format!(r#"ann: screen:start {{"type":"screen","x":"{}"}}"#, "x".repeat(n));
    assert!(!stage.play(&share(65_536)).contains("<-"));
    assert!(stage.play(&share(60_000)).contains("<- screen:start"));
}

#[test]
fn rooms_members_and_chats_have_their_limits() {
    let config = Config {
        max_rooms: 1,
        max_members_per_room: 2,
        chats_per_second: 1,
        chat_burst: 2,
        ..Config::default()
    };
    let mut stage = stage(&config);
    stage.play("ann connects with key");
    stage.play(r#"ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}"#);
    for who in ["bob", "cyd"] {
        stage.play(&format!("{who} connects with key"));
    }
    assert!(stage.play(r#"bob asks: room:create {"name":"More","userName":"Bob"}"#).contains("创建房间失败"));
    let join = |who: &str| format!(r#"{who} asks: room:join {{"roomId":"{ROOM}","userName":"{who}"}}"#);
    assert!(stage.play(&join("bob")).contains("\"success\":true"));
    assert!(stage.play(&join("cyd")).contains("加入房间失败"));
    let chat = r#"bob: chat:message {"content":"hi","type":"text"}"#;
    assert_eq!([chat; 3].map(|chat| stage.play(chat).contains("<-")), [true, true, false]);
    let asked = stage.play(r#"bob asks: chat:message {"content":"hi","type":"text"}"#);
    assert!(asked.contains(r#""code":"too_many""#), "who asks is told: {asked}");
    stage.play("1s pass");
    assert!(stage.play(chat).contains("<-"));
}

#[test]
fn the_list_of_rooms_is_written_once_a_second() {
    let mut stage = stage(&Config::default());
    stage.play("ann connects with key");
    assert!(stage.play("ann asks: room:list").contains("answer []"));
    stage.play(r#"ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}"#);
    stage.play("900ms pass");
    assert!(stage.play("ann asks: room:list").contains("answer []"));
    stage.play("100ms pass");
    assert!(stage.play("ann asks: room:list").contains(ROOM));
}

#[test]
fn one_address_makes_so_many_rooms_and_others_still_make_theirs() {
    // Where a name begins alike, its member connects from the same address.
    check_with(
        &Config { max_rooms_per_address: 1, ..Config::default() },
        r#"
        ann connects with key
        ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
        ann2 connects with key
        ann2 asks: room:create {"name":"More","isPublic":true,"userName":"Ann"}
        bob connects with key
        bob: room:create {"name":"Songs","isPublic":true,"userName":"Bob"}
        ann: room:leave
        ann2: room:create {"name":"More","isPublic":true,"userName":"Ann"}
        ann asks: room:list
        "#,
        &expect![[r#"
            ann connects with key
            ann: room:create {"name":"Films","isPublic":true,"userName":"Ann"}
            ann2 connects with key
            ann2 asks: room:create {"name":"More","isPublic":true,"userName":"Ann"}
              answer {"success":false,"error":"创建房间失败"}
            bob connects with key
            bob: room:create {"name":"Songs","isPublic":true,"userName":"Bob"}
            ann: room:leave
            ann2: room:create {"name":"More","isPublic":true,"userName":"Ann"}
            ann asks: room:list
              answer [{"id":"HASF5V","name":"More","description":"","isPublic":true,"roomType":"sync","ownerId":"ann2","ownerName":"Ann","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000},{"id":"QHI5G1","name":"Songs","description":"","isPublic":true,"roomType":"sync","ownerId":"bob","ownerName":"Bob","memberCount":1,"currentState":null,"createdAt":1700000000000,"lastOwnerHeartbeat":1700000000000}]
        "#]],
    );
}
