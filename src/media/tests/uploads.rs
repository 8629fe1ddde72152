//! Music that members bring.

use std::{fs, io};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{poll, stream};
use http::{Request, StatusCode};
use serde_json::json;
use tower::ServiceExt;

use super::{House, PLAYABLE, eventually, film, id, song};
use crate::media::Settings;
use crate::media::access::MAX_TAKEN_FROM_PERSON;

#[tokio::test]
async fn a_member_whose_uploads_never_end_keeps_nobody_else_from_uploading() {
    let house = House::open(
        |_| {},
        |settings| {
            settings.uploads.as_mut().unwrap().1.max_files = 100;
        },
    );
    let endless = async |ticket: &str| {
        let body = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let request = Request::post(format!("/media/upload?ticket={ticket}")).body(body).unwrap();
        let mut upload = Box::pin(house.router.clone().oneshot(request));
        assert!(poll!(upload.as_mut()).is_pending(), "it is taken in");
        [upload]
    };
    let noise = || vec![7; 1000];
    let mut of_ann = Vec::new();
    for _ in 0..MAX_TAKEN_FROM_PERSON {
        of_ann.push(endless("ann").await);
    }
    let busy = async |ticket: &str, status: StatusCode| {
        eventually("that answer", async || {
            let answer = house.upload(ticket, "x.mp3", noise()).await;
            (answer.status == status).then_some(())
        })
        .await;
    };
    busy("ann", StatusCode::TOO_MANY_REQUESTS).await;
    let refused = house.upload("cyd", "x.mp3", noise()).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "it was listened to");
    let of_cyd = endless("cyd").await;
    busy("cyd", StatusCode::SERVICE_UNAVAILABLE).await;
    drop((of_ann, of_cyd));
    busy("ann", StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
}

#[tokio::test]
async fn an_address_that_uploads_without_end_leaves_room_for_others() {
    let made = tempfile::tempdir().unwrap();
    song(made.path(), "a.mp3", 3, "-c:a libmp3lame -b:a 64k");
    let mp3 = fs::read(made.path().join("a.mp3")).unwrap();
    let n_bytes = mp3.len() as u64;
    for (max_files, max_bytes) in [(1, u64::MAX), (100, n_bytes * 3 / 2)] {
        let limit = |settings: &mut Settings| {
            let limits = &mut settings.uploads.as_mut().unwrap().1;
            (limits.max_files, limits.max_files_of_address) = (100, max_files);
            limits.max_bytes_of_address = max_bytes;
        };
        let house = House::open(|_| {}, limit);
        let uploaded = async |ticket: &str, bytes: &[u8]| house.upload(ticket, "a.mp3", bytes.to_vec()).await;
        assert_eq!(uploaded("ann", b"no music").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(uploaded("ann", &mp3).await.status, StatusCode::OK, "what was refused counts no longer");
        for _ in 0..2 {
            let refused = uploaded("ann", &mp3).await;
            assert_eq!(refused.status, StatusCode::INSUFFICIENT_STORAGE);
            assert!(refused.text().contains("your address"), "{}", refused.text());
        }
        assert_eq!(uploaded("cyd", &mp3).await.status, StatusCode::OK, "of an address that many share");
    }
}

#[tokio::test]
async fn uploads_are_music_within_limits_from_those_who_may() {
    let house = House::open(|_| {}, |_| {});
    let made = tempfile::tempdir().unwrap();
    let read = |name: &str, seconds: u32, args: &str| {
        song(made.path(), name, seconds, args);
        fs::read(made.path().join(name)).unwrap()
    };
    let mp3 = read("a.mp3", 3, "-c:a libmp3lame -b:a 64k -metadata title=Song");
    assert_eq!(house.upload("eve", "a.mp3", mp3.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.upload("bob", "a.mp3", mp3.clone()).await.status, StatusCode::FORBIDDEN);
    let taken = house.upload("ann", "..%2F%E6%AD%8C.mp4", mp3.clone()).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.text());
    let item = &taken.json()["item"];
    assert_eq!(
        (&item["title"], &item["kind"], &item["container"]),
        (&json!("Song"), &json!("audio"), &json!("mp3"))
    );
    let sent = house.get(&format!("/media/file/{}?ticket=bob", id(item)), &[]).await;
    assert_eq!(
        (sent.body, sent.headers["content-type"].to_str().unwrap()),
        (mp3.clone().into(), "audio/mpeg")
    );
    assert!(house.items(0).await.is_empty(), "uploads are not listed");
    let list = house.get("/media/list?ticket=bob", &[]).await.json();
    assert_eq!(list["maxUploadBytes"], 200_000);

    film(made.path(), "film.mp4", 1, PLAYABLE);
    let film = fs::read(made.path().join("film.mp4")).unwrap();
    let alac = read("b.m4a", 1, "-c:a alac");
    let playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n".repeat(100);
    for (bytes, why) in [
        (b"no music".to_vec(), "no music"),
        (Vec::new(), "no music"),
        (film, "no music"),
        (playlist, "no music"),
        (alac, "Apple Lossless audio"),
    ] {
        let refused = house.upload("ann", "a.mp3", bytes).await;
        assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    let wav = read("long.wav", 3, "-c:a pcm_s16le");
    assert_eq!(house.upload("ann", "long.wav", wav).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let flac = read("c.flac", 3, "-c:a flac");
    let untagged = house.upload("ann", "Bob%20-%20Tune.flac", flac).await.json();
    assert_eq!([&untagged["item"]["artist"], &untagged["item"]["title"]], ["Bob", "Tune"], "{untagged}");
    assert_eq!(house.upload("ann", "a.mp3", mp3).await.status, StatusCode::INSUFFICIENT_STORAGE);
    let left = fs::read_dir(house.data.path().join("uploads")).unwrap().count();
    assert_eq!(left, 2, "nothing is left of what was refused");

    let in_the_same_folder = |settings: &mut Settings| {
        let folder = house.data.path().join("uploads");
        settings.uploads = settings.uploads.take().map(|(_, limits)| (folder, limits));
    };
    let again = House::open(|_| {}, in_the_same_folder);
    let path = format!("/media/file/{}?ticket=ann", id(&untagged["item"]));
    assert_eq!(again.get(&path, &[]).await.status, StatusCode::OK, "they outlive the process");
}
