//! What is listed of a folder.

use std::fs;

use http::StatusCode;
use serde_json::{Value, json};

use super::{House, PLAYABLE, age, film, id, song};

#[tokio::test]
async fn films_are_listed_with_what_is_in_them() {
    let house = House::open(
        |folder| {
            film(folder, "Film 2.mp4", 3, PLAYABLE);
            fs::write(folder.join("Film 2.en.srt"), "1\n00:00:01,000 --> 00:00:02,000\nHi\n").unwrap();
            film(folder, "Series/Film 10.mkv", 3, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a ac3");
            film(folder, "old.avi", 2, "-c:v mpeg4 -c:a mp3");
            let tags = "-c:a libmp3lame -metadata title=Song -metadata artist=Ann -metadata album=Best";
            song(folder, "a.mp3", 2, tags);
            fs::write(folder.join("a.lrc"), "[00:01.00]la").unwrap();
            fs::write(folder.join("broken.mp4"), [7; 5000]).unwrap();
            age(&folder.join("broken.mp4"));
            fs::write(folder.join(".hidden.mp4"), [7; 5000]).unwrap();
            fs::write(folder.join("notes.txt"), [7; 5000]).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", folder.join("passwd.mp4")).unwrap();
        },
        |_| {},
    );
    let items = house.items(5).await;
    let summary: Vec<Value> = items
        .iter()
        .map(|item| {
            let seconds = item["seconds"].as_f64().map(f64::round);
            json!([
                item["title"],
                item["kind"],
                seconds,
                item["container"],
                item["codecs"],
                item["isPlayable"],
                item["why"]
            ])
        })
        .collect();
    let expected = [
        json!(["Song", "audio", 2.0, "mp3", ["mp3"], true, null]),
        json!(["broken", "video", null, "mp4", [], false, "nothing in it can be read"]),
        json!(["Film 2", "video", 3.0, "mp4", ["h264", "aac"], true, null]),
        json!(["old", "video", 2.0, "avi", ["mpeg4", "mp3"], false, "MPEG-4 (DivX, Xvid) video"]),
        json!(["Film 10", "video", 3.0, "mkv", ["h264", "ac3"], false, "AC-3 (Dolby Digital) audio"]),
    ];
    assert_eq!(summary, expected);
    let (song, film) = (&items[0], &items[2]);
    assert_eq!((&song["artist"], &song["album"]), (&json!("Ann"), &json!("Best")));
    assert_eq!((&film["width"], &film["height"]), (&json!(320), &json!(180)));
    assert_eq!(film["subtitles"][0]["language"], "en");
    assert_eq!(film["bytes"], fs::metadata(house.folder.path().join("Film 2.mp4")).unwrap().len());
    assert!(film["hls"].is_null() && items[1]["hls"].is_null() && items[3]["hls"].is_string());

    let found = house.get("/media/list?ticket=ann&q=SERIES+10", &[]).await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    let subtitle = format!("/media/subtitle/{}/{}?ticket=ann", id(film), id(&film["subtitles"][0]));
    let subtitle = house.get(&subtitle, &[]).await;
    assert_eq!(subtitle.header("content-type"), "text/vtt; charset=utf-8");
    assert_eq!(subtitle.text(), "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHi\n");
    let lyrics = house.get(&format!("/{}?ticket=ann", song["lyrics"].as_str().unwrap()), &[]).await;
    assert_eq!(lyrics.text(), "[00:01.00]la");

    let poster = format!("/{}?ticket=ann", film["poster"].as_str().unwrap());
    for _ in 0..2 {
        let poster = house.get(&poster, &[]).await;
        assert_eq!((poster.status, poster.header("content-type")), (StatusCode::OK, "image/jpeg"));
    }
    assert_eq!(fs::read_dir(house.data.path().join("frames")).unwrap().count(), 1);
    assert_eq!(house.get(&format!("/media/poster/{}?ticket=ann", id(&items[1])), &[]).await.status, 404);
}

#[tokio::test]
async fn without_ffmpeg_files_are_listed_and_sent_all_the_same() {
    let house = House::open(
        |folder| {
            film(folder, "a.mp4", 3, PLAYABLE);
            film(folder, "b.mkv", 3, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a ac3");
        },
        |settings| settings.ffmpeg = String::new(),
    );
    let items = house.items(2).await;
    assert_eq!((&items[0]["codecs"], &items[0]["isPlayable"]), (&json!(["h264", "aac"]), &json!(true)));
    assert_eq!(items[0]["seconds"].as_f64().map(f64::round), Some(3.0));
    assert_eq!(items[1]["why"], "AC-3 (Dolby Digital) audio");
    assert!(items.iter().all(|item| item["poster"].is_null() && item["hls"].is_null()), "{items:?}");
    let film = house.get(&format!("/media/file/{}?ticket=ann", id(&items[0])), &[]).await;
    assert_eq!(film.body, fs::read(house.folder.path().join("a.mp4")).unwrap());
}

#[tokio::test]
async fn without_a_folder_the_list_says_so() {
    let house = House::open(|_| {}, |settings| (settings.folder, settings.uploads) = Default::default());
    let list = house.get("/media/list?ticket=ann", &[]).await;
    let nothing =
        json!({ "hasFolder": false, "isScanning": false, "maxUploadBytes": 0, "items": [], "after": null });
    assert_eq!((list.status, list.json()), (StatusCode::OK, nothing));
    assert_eq!(house.get("/media/list", &[]).await.status, StatusCode::FORBIDDEN);
}
