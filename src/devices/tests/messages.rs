//! Messages: each is answered under its id, delivered once, and kept for those that are away.

use expect_test::expect;

use super::{Rules, check};
use crate::rooms::test_stage::Stage;

#[test]
fn a_device_that_was_away_is_given_what_waits() {
    let script = r#"
        ann connects
        ann: says {"device_id":"d1","identity":"x"}
        bob connects
        bob: says {"device_id":"d2","identity":"x","room_id":"AAAAAAAA"}
        bob goes
        ann: says {"type":"message","content":"one","target_device_id":"d2"}
        ann: says {"type":"message","content":"two","target_device_id":"d2","message_id":"m2"}
        ann: says {"type":"message","content":"over the limit","target_device_id":"d2"}
        ann: says {"type":"message","content":"a stranger","target_device_id":"d3"}
        bob connects
        bob: says {"device_id":"d2","identity":"x"}
        ann: says {"type":"message","content":"three","target_device_id":"d2"}
    "#;
    expect![[r#"
        ann connects
          ann <-  {"type":"connection","message":"Connected successfully"}
        ann: says {"device_id":"d1","identity":"x"}
          disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"device_seen","device":"d1","identity":"x","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"x","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
          ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
        bob connects
          bob <-  {"type":"connection","message":"Connected successfully"}
        bob: says {"device_id":"d2","identity":"x","room_id":"AAAAAAAA"}
          disk <- keeps {"kind":"device_seen","device":"d2","identity":"x","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000002","device":"d2","identity":"x","room":"AAAAAAAA","address":"10.98.111.98","at":1700000000000000}
          bob <-  {"type":"room","room_id":"AAAAAAAA","status":"joined_existing","message":"joined_existing: joined room AAAAAAAA"}
        bob goes
          disk <- keeps {"kind":"disconnected","connection":"00000000000000000000000000000002","at":1700000000000000}
        ann: says {"type":"message","content":"one","target_device_id":"d2"}
          disk <- keeps {"kind":"message","from":"d1","to":"d2","room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"one\",\"target_device_id\":\"d2\"}","waiting":"{\"type\":\"message\",\"content\":\"one\",\"from_device_id\":\"d1\",\"message_type\":\"direct\",\"timestamp\":\"\",\"queued\":true}","at":1700000000000000}
        ann: says {"type":"message","content":"two","target_device_id":"d2","message_id":"m2"}
          disk <- keeps {"kind":"message","from":"d1","to":"d2","room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"two\",\"target_device_id\":\"d2\",\"message_id\":\"m2\"}","identity":"f2f7e7970f011befbd04e8c851c99e9e","waiting":"{\"type\":\"message\",\"content\":\"two\",\"from_device_id\":\"d1\",\"message_type\":\"direct\",\"timestamp\":\"\",\"queued\":true}","at":1700000000000000}
          ann <-  {"type":"ack","message_id":"m2","status":"stored"}
        ann: says {"type":"message","content":"over the limit","target_device_id":"d2"}
          ann <-  {"type":"error","message":"Offline queue of device d2 is full","status":"offline_queue_full"}
        ann: says {"type":"message","content":"a stranger","target_device_id":"d3"}
          ann <-  {"type":"error","message":"Target device d3 not found in room"}
        bob connects
          bob <-  {"type":"connection","message":"Connected successfully"}
        bob: says {"device_id":"d2","identity":"x"}
          disk <- keeps {"kind":"device_seen","device":"d2","identity":"x","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000003","device":"d2","identity":"x","room":"AAAAAAAA","address":"10.98.111.98","at":1700000000000000}
          disk <- keeps {"kind":"collected","device":"d2","room":"AAAAAAAA","at":1700000000000000}
          bob <-  {"type":"room","room_id":"AAAAAAAA","status":"reconnected","message":"reconnected: joined room AAAAAAAA"}
          bob <-  {"type":"message","content":"one","from_device_id":"d1","message_type":"direct","timestamp":"","queued":true}
          bob <-  {"type":"message","content":"two","from_device_id":"d1","message_type":"direct","timestamp":"","queued":true}
        ann: says {"type":"message","content":"three","target_device_id":"d2"}
          disk <- keeps {"kind":"message","from":"d1","to":"d2","room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"three\",\"target_device_id\":\"d2\"}","at":1700000000000000}
          bob <-  {"type":"message","content":"three","from_device_id":"d1","message_type":"direct","timestamp":""}
    "#]].assert_eq(&Stage::new(Rules::new(2)).play(script));
}

#[test]
fn an_id_that_is_used_again_for_something_else_is_another_message() {
    check(
        r#"
        ann connects
        ann: says {"device_id":"d1","identity":"x"}
        bob connects
        bob: says {"device_id":"d2","identity":"x","room_id":"AAAAAAAA"}
        ann: says {"type":"message","content":"first","message_id":"7"}
        ann: says {"type":"message","content":"second","message_id":"7"}
        ann: says {"type":"message","content": "second", "message_id":7,"timestamp":"again"}
        ann: says {"type":"message","content":"second","message_id":"7","target_device_id":"d2"}
        "#,
        &expect![[r#"
            ann connects
              ann <-  {"type":"connection","message":"Connected successfully"}
            ann: says {"device_id":"d1","identity":"x"}
              disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"device_seen","device":"d1","identity":"x","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"x","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
              ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
            bob connects
              bob <-  {"type":"connection","message":"Connected successfully"}
            bob: says {"device_id":"d2","identity":"x","room_id":"AAAAAAAA"}
              disk <- keeps {"kind":"device_seen","device":"d2","identity":"x","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000002","device":"d2","identity":"x","room":"AAAAAAAA","address":"10.98.111.98","at":1700000000000000}
              bob <-  {"type":"room","room_id":"AAAAAAAA","status":"joined_existing","message":"joined_existing: joined room AAAAAAAA"}
            ann: says {"type":"message","content":"first","message_id":"7"}
              disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"first\",\"message_id\":\"7\"}","identity":"7b00fd8884fbff8cc759e4b03b97f95f","at":1700000000000000}
              bob <-  {"type":"message","content":"first","from_device_id":"d1","message_type":"broadcast","timestamp":""}
              ann <-  {"type":"ack","message_id":"7","status":"stored"}
            ann: says {"type":"message","content":"second","message_id":"7"}
              disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"second\",\"message_id\":\"7\"}","identity":"c4b603bfb542d7b3b541eeec63e55040","at":1700000000000000}
              bob <-  {"type":"message","content":"second","from_device_id":"d1","message_type":"broadcast","timestamp":""}
              ann <-  {"type":"ack","message_id":"7","status":"stored"}
            ann: says {"type":"message","content": "second", "message_id":7,"timestamp":"again"}
              disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\": \"second\", \"message_id\":7,\"timestamp\":\"again\"}","identity":"c4b603bfb542d7b3b541eeec63e55040","at":1700000000000000}
              ann <-  {"type":"ack","message_id":7,"status":"stored"}
            ann: says {"type":"message","content":"second","message_id":"7","target_device_id":"d2"}
              disk <- keeps {"kind":"message","from":"d1","to":"d2","room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"second\",\"message_id\":\"7\",\"target_device_id\":\"d2\"}","identity":"7b361b2b6715acc96be32b6d12840c5d","at":1700000000000000}
              bob <-  {"type":"message","content":"second","from_device_id":"d1","message_type":"direct","timestamp":""}
              ann <-  {"type":"ack","message_id":"7","status":"stored"}
        "#]],
    );
}

#[test]
fn a_message_with_an_id_is_answered_whatever_becomes_of_it() {
    let long = "x".repeat(65);
    let script = [
        "ann connects".to_owned(),
        r#"ann: says {"device_id":"d1","identity":"x"}"#.to_owned(),
        r#"ann: says {"type":"message","content":"x","message_id":42}"#.to_owned(),
        r#"ann: says {"type":"message","content":"x","message_id":18446744073709551617}"#.to_owned(),
        format!(r#"ann: says {{"type":"message","content":"x","message_id":"{long}"}}"#),
        format!(r#"ann: says {{"type":"message","content":"x","message_id":"{}"}}"#, "x".repeat(2000)),
        r#"ann: says {"type":"message","content":"x","message_id":""}"#.to_owned(),
        r#"ann: says {"type":"message","content":"x","message_id":null}"#.to_owned(),
        r#"ann: says {"type":"message","content":"x","message_id":true}"#.to_owned(),
        r#"ann: says {"type":"message","content":"x","message_id":[1]}"#.to_owned(),
        r#"ann: says {"type":"message","content":7,"message_id":"m1"}"#.to_owned(),
        r#"ann: says {"content":"x","message_id":"m\u0031"}"#.to_owned(),
        r#"ann: says {"type":"message","content":"x","message_id":4,"target_device_id":9}"#.to_owned(),
    ];
    expect![[r#"
        ann connects
          ann <-  {"type":"connection","message":"Connected successfully"}
        ann: says {"device_id":"d1","identity":"x"}
          disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"device_seen","device":"d1","identity":"x","room":"AAAAAAAA","at":1700000000000000}
          disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"x","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
          ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
        ann: says {"type":"message","content":"x","message_id":42}
          disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"x\",\"message_id\":42}","identity":"f3cf8e57f2a069aef6c8bd45a1b77832","at":1700000000000000}
          ann <-  {"type":"ack","message_id":42,"status":"stored"}
        ann: says {"type":"message","content":"x","message_id":18446744073709551617}
          disk <- keeps {"kind":"message","from":"d1","to":null,"room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"x\",\"message_id\":18446744073709551617}","identity":"8b2f95426b74cbb5b50da0b902c7b2ac","at":1700000000000000}
          ann <-  {"type":"ack","message_id":18446744073709551617,"status":"stored"}
        ann: says {"type":"message","content":"x","message_id":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
          ann <-  {"type":"error","message":"message_id is too long (at most 64 characters)","message_id":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
        ann: says {"type":"message","content":"x","message_id":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
          ann <-  {"type":"error","message":"message_id is too long (at most 64 characters)"}
        ann: says {"type":"message","content":"x","message_id":""}
          ann <-  {"type":"error","message":"Invalid message_id (a string or a number is expected)","message_id":""}
        ann: says {"type":"message","content":"x","message_id":null}
          ann <-  {"type":"error","message":"Invalid message_id (a string or a number is expected)","message_id":null}
        ann: says {"type":"message","content":"x","message_id":true}
          ann <-  {"type":"error","message":"Invalid message_id (a string or a number is expected)","message_id":true}
        ann: says {"type":"message","content":"x","message_id":[1]}
          ann <-  {"type":"error","message":"Invalid message_id (a string or a number is expected)"}
        ann: says {"type":"message","content":7,"message_id":"m1"}
          ann <-  {"type":"error","message":"Invalid content format","message_id":"m1"}
        ann: says {"content":"x","message_id":"m\u0031"}
          ann <-  {"type":"error","message":"Missing required fields (type, content)","message_id":"m\u0031"}
        ann: says {"type":"message","content":"x","message_id":4,"target_device_id":9}
          ann <-  {"type":"error","message":"Target device 9 not found in room","message_id":4}
    "#]].assert_eq(&Stage::new(Rules::new(0)).play(&script.join("\n")));
}
