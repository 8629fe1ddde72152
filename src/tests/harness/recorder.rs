//! A server that notes what it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use super::PATIENCE;

/// A request that came.
pub struct Told {
    /// The first line.
    pub head: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that notes what it is told, and answers as `answers` says, the last one again and again.
pub struct Recorder {
    /// Where it listens, with a path and a query.
    pub url: String,
    told: Receiver<Told>,
}

impl Recorder {
    pub fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
        let (tell, told) = channel();
        thread::spawn(move || {
            for (place, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut headers) = (String::new(), BTreeMap::new());
                reader.read_line(&mut head).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let Some((name, value)) = line.trim().split_once(": ") else { break };
                    headers.insert(name.to_lowercase(), value.to_owned());
                }
                let mut body = vec![0; headers["content-length"].parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                let told = Told { head, headers, body: String::from_utf8(body).unwrap() };
                let answer = answers[place.min(answers.len() - 1)];
                let _ = write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
                if tell.send(told).is_err() {
                    return;
                }
            }
        });
        Self { url, told }
    }

    /// The next request.
    pub fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("the server is told")
    }
}
