//! Ids in every spelling, and JSON as clients write it.

use expect_test::expect;

use super::check;

#[test]
fn numbers_are_ids_and_are_told_as_they_came() {
    check(
        r#"
        ann connects
        ann: says {"device_id":7,"identity":18446744073709551617}
        bob connects
        bob: says {"device_id":"8","identity":"x","room_id":"AAAAAAAA"}
        ann: says {"type":"message","content":"to 8","target_device_id":8}
        bob: says {"type":"message","content":"to 7","target_device_id":"7"}
        bob: query_room {"type":"query_room"}
        ann goes
        eve connects
        eve: says {"device_id":"7","identity":true}
        dan connects
        dan: says {"device_id":"7","identity":"x","room_id":0}
        dan: says {"type":"message","content":"x","target_device_id":0}
        "#,
        &expect![[r#"
            ann connects
              ann <-  {"type":"connection","message":"Connected successfully"}
            ann: says {"device_id":7,"identity":18446744073709551617}
              disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"device_seen","device":"7","identity":"18446744073709551617","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"7","identity":"18446744073709551617","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
              ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
            bob connects
              bob <-  {"type":"connection","message":"Connected successfully"}
            bob: says {"device_id":"8","identity":"x","room_id":"AAAAAAAA"}
              disk <- keeps {"kind":"device_seen","device":"8","identity":"x","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000002","device":"8","identity":"x","room":"AAAAAAAA","address":"10.98.111.98","at":1700000000000000}
              bob <-  {"type":"room","room_id":"AAAAAAAA","status":"joined_existing","message":"joined_existing: joined room AAAAAAAA"}
            ann: says {"type":"message","content":"to 8","target_device_id":8}
              disk <- keeps {"kind":"message","from":"7","to":"8","room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"to 8\",\"target_device_id\":8}","at":1700000000000000}
              bob <-  {"type":"message","content":"to 8","from_device_id":7,"message_type":"direct","timestamp":""}
            bob: says {"type":"message","content":"to 7","target_device_id":"7"}
              disk <- keeps {"kind":"message","from":"8","to":"7","room":"AAAAAAAA","content":"{\"type\":\"message\",\"content\":\"to 7\",\"target_device_id\":\"7\"}","at":1700000000000000}
              ann <-  {"type":"message","content":"to 7","from_device_id":"8","message_type":"direct","timestamp":""}
            bob: query_room {"type":"query_room"}
              disk <- keeps {"kind":"room_query","device":"8","room":"AAAAAAAA","at":1700000000000000}
              bob <-  {"type":"room_info","room_id":"AAAAAAAA","total_clients":2,"clients":[{"device_id":7,"identity":18446744073709551617}]}
            ann goes
              disk <- keeps {"kind":"disconnected","connection":"00000000000000000000000000000001","at":1700000000000000}
            eve connects
              eve <-  {"type":"connection","message":"Connected successfully"}
            eve: says {"device_id":"7","identity":true}
              eve <-  {"type":"error","message":"Missing identity field"}
              eve let go: Done
            dan connects
              dan <-  {"type":"connection","message":"Connected successfully"}
            dan: says {"device_id":"7","identity":"x","room_id":0}
              disk <- keeps {"kind":"device_seen","device":"7","identity":"x","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000003","device":"7","identity":"x","room":"AAAAAAAA","address":"10.100.97.110","at":1700000000000000}
              dan <-  {"type":"room","room_id":"AAAAAAAA","status":"reconnected","message":"reconnected: joined room AAAAAAAA"}
            dan: says {"type":"message","content":"x","target_device_id":0}
              dan <-  {"type":"error","message":"Target device 0 not found in room"}
        "#]],
    );
}

#[test]
fn of_a_key_that_is_repeated_the_last_counts() {
    check(
        r#"
        ann connects
        ann: says {"device_id":"eve","identity":"x","device_id":"d1"}
        bob connects
        bob: says {"device_id":"d2","identity":"x","room_id":"NOWHERE1","room_id":"AAAAAAAA"}
        ann: says {"type":"a","type":"b","content":7,"content":{"a":1,"a":1e999},"target_device_id":"d9","target_device_id":"d2"}
        "#,
        &expect![[r#"
            ann connects
              ann <-  {"type":"connection","message":"Connected successfully"}
            ann: says {"device_id":"eve","identity":"x","device_id":"d1"}
              disk <- keeps {"kind":"room_created","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"device_seen","device":"d1","identity":"x","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000001","device":"d1","identity":"x","room":"AAAAAAAA","address":"10.97.110.110","at":1700000000000000}
              ann <-  {"type":"room","room_id":"AAAAAAAA","status":"created_new","message":"created_new: joined room AAAAAAAA"}
            bob connects
              bob <-  {"type":"connection","message":"Connected successfully"}
            bob: says {"device_id":"d2","identity":"x","room_id":"NOWHERE1","room_id":"AAAAAAAA"}
              disk <- keeps {"kind":"device_seen","device":"d2","identity":"x","room":"AAAAAAAA","at":1700000000000000}
              disk <- keeps {"kind":"connected","connection":"00000000000000000000000000000002","device":"d2","identity":"x","room":"AAAAAAAA","address":"10.98.111.98","at":1700000000000000}
              bob <-  {"type":"room","room_id":"AAAAAAAA","status":"joined_existing","message":"joined_existing: joined room AAAAAAAA"}
            ann: says {"type":"a","type":"b","content":7,"content":{"a":1,"a":1e999},"target_device_id":"d9","target_device_id":"d2"}
              disk <- keeps {"kind":"message","from":"d1","to":"d2","room":"AAAAAAAA","content":"{\"type\":\"a\",\"type\":\"b\",\"content\":7,\"content\":{\"a\":1,\"a\":1e999},\"target_device_id\":\"d9\",\"target_device_id\":\"d2\"}","at":1700000000000000}
              bob <-  {"type":"b","content":{"a":1,"a":1e999},"from_device_id":"d1","message_type":"direct","timestamp":""}
        "#]],
    );
}
