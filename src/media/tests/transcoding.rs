//! Films that browsers do not play as they are.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::{House, PLAYABLE, eventually, film};

/// Has ffprobe read a file: its codecs, and its length.
fn probed(path: &Path) -> (String, f64) {
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-allowed_extensions",
        "ALL",
        "-show_streams",
        "-show_format",
        "-of",
        "json",
    ]);
    let output = command.arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = found["streams"].as_array().unwrap();
    let codecs: Vec<&str> = streams.iter().map(|stream| stream["codec_name"].as_str().unwrap()).collect();
    (codecs.join(" "), found["format"]["duration"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn what_browsers_do_not_play_is_transcoded_and_what_can_stay_stays() {
    let house = House::open(
        |folder| {
            film(folder, "a.mkv", 9, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a ac3");
            film(folder, "b.avi", 9, "-c:v mpeg4 -c:a mp3");
            film(folder, "c.ts", 9, PLAYABLE);
        },
        |_| {},
    );
    for item in house.items(3).await {
        let copy = tempfile::tempdir().unwrap();
        let base = item["hls"].as_str().unwrap().trim_end_matches("index.m3u8").to_owned();
        let playlist = eventually("a whole film", async || {
            let playlist = house.get(&format!("/{base}index.m3u8?ticket=ann"), &[]).await;
            let is_whole = playlist.status == StatusCode::OK && playlist.text().contains("#EXT-X-ENDLIST");
            is_whole.then_some(playlist)
        })
        .await;
        assert_eq!(playlist.header("cache-control"), "no-store");
        assert!(playlist.text().contains("URI=\"init.mp4?ticket=ann\""), "{}", playlist.text());
        let names =
            playlist.text().lines().filter(|line| !line.starts_with('#')).chain(["init.mp4?ticket=ann"]);
        for name in names {
            let piece = house.get(&format!("/{base}{name}"), &[]).await;
            assert_eq!(piece.status, StatusCode::OK, "{name}");
            fs::write(copy.path().join(name.trim_end_matches("?ticket=ann")), piece.body).unwrap();
        }
        let local = copy.path().join("index.m3u8");
        fs::write(&local, playlist.text().replace("?ticket=ann", "")).unwrap();
        let (codecs, seconds) = probed(&local);
        assert_eq!(codecs, "h264 aac", "{item}");
        assert!((8.5..9.5).contains(&seconds), "{seconds}: {item}");
    }
}

#[tokio::test]
async fn films_beyond_the_limits_wait_or_end() {
    let house = House::open(
        |folder| {
            film(folder, "a.avi", 60, "-c:v mpeg4 -c:a mp3");
            film(folder, "b.avi", 2, "-c:v mpeg4 -c:a mp3");
        },
        |settings| {
            let limits = settings.transcoding.as_mut().unwrap();
            (limits.max_bytes, limits.idle) = (1_000, Duration::from_millis(300));
        },
    );
    let items = house.items(2).await;
    let hls = |item: &Value| format!("/{}?ticket=ann", item["hls"].as_str().unwrap());
    let (first, second) = (hls(&items[0]), hls(&items[1]));
    let watching = house.get(&first, &[]);
    let waiting = async {
        loop {
            let answer = house.get(&second, &[]).await;
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let (watched, refused) = tokio::join!(watching, waiting);
    assert_eq!(refused.header("retry-after"), "10");
    assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&watched.status), "{}", watched.status);
    let hls = house.data.path().join("hls");
    eventually("nothing of it", async || (fs::read_dir(&hls).unwrap().count() == 0).then_some(())).await;
}
