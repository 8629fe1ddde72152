//! What operators do from outside.

use expect_test::expect;

use super::check;

#[test]
fn an_operator_takes_a_user_out_of_a_room_and_closes_a_room_and_connections_stay() {
    check(
        r#"
        s1 connects
        s2 connects
        s1: join {"userId":"ann","roomId":"r"}
        s2: join {"userId":"bob","roomId":"r"}
        from outside {"Kick":{"room":"r","user":"bob"}}
        from outside {"Kick":{"room":"r","user":"bob"}}
        s2: offer {"roomId":"r","sdp":"x"}
        s2: join {"userId":"bob","roomId":"r"}
        from outside {"CloseRoom":"r"}
        from outside {"CloseRoom":"r"}
        s1: offer {"roomId":"r","sdp":"x"}
        s1: join {"userId":"ann","roomId":"r"}
        s2 goes
        "#,
        &expect![[r#"
            s1 connects
              s1 <- connected {"type":"connected","sid":"s1"}
            s2 connects
              s2 <- connected {"type":"connected","sid":"s2"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"r"}
            from outside {"Kick":{"room":"r","user":"bob"}}
              s2 <- error {"type":"error","message":"removed by an operator","code":"removed"}
              s1 <- user-left {"type":"user-left","userId":"bob","roomId":"r"}
            from outside {"Kick":{"room":"r","user":"bob"}}
            s2: offer {"roomId":"r","sdp":"x"}
              s2 <- error {"type":"error","message":"not in room","code":"not_in_room"}
            s2: join {"userId":"bob","roomId":"r"}
              s2 <- joined {"type":"joined","userId":"bob","roomId":"r","users":["ann","bob"],"iceServers":[]}
              s1 <- user-joined {"type":"user-joined","userId":"bob","roomId":"r"}
            from outside {"CloseRoom":"r"}
              s1, s2 <- error {"type":"error","message":"removed by an operator","code":"removed"}
            from outside {"CloseRoom":"r"}
            s1: offer {"roomId":"r","sdp":"x"}
              s1 <- error {"type":"error","message":"not in room","code":"not_in_room"}
            s1: join {"userId":"ann","roomId":"r"}
              s1 <- joined {"type":"joined","userId":"ann","roomId":"r","users":["ann"],"iceServers":[]}
            s2 goes
        "#]],
    );
}
