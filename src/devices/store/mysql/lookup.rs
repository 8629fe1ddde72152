//! Looks up the address of a server on a thread of its own: the system's resolver may take as long as it likes.
//!
//! There is at most one such thread, however often it is asked meanwhile, and nobody waits for its end.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use tokio::sync::{Mutex, oneshot};

type Answer = io::Result<Vec<IpAddr>>;

/// The lookups of one server.
#[derive(Default)]
pub struct Lookup {
    under_way: Mutex<Option<oneshot::Receiver<Answer>>>,
}

impl Lookup {
    /// The addresses of a host. Whoever gives up may ask again: what is under way goes on.
    pub async fn addresses(&self, host: &str) -> Answer {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Ok(vec![address]);
        }
        let mut under_way = self.under_way.lock().await;
        let answer = match &mut *under_way {
            Some(answer) => answer,
            none => none.insert(start(host.to_owned())?),
        };
        let found = answer.await;
        *under_way = None;
        found.unwrap_or_else(|_| Err(io::Error::other("the lookup was cut short")))
    }
}

fn start(host: String) -> io::Result<oneshot::Receiver<Answer>> {
    let (found, answer) = oneshot::channel();
    let look_up = move || {
        let addresses = (host.as_str(), 0).to_socket_addrs();
        // Nobody may be waiting any longer.
        let _ = found.send(addresses.map(|addresses| addresses.map(|address| address.ip()).collect()));
    };
    std::thread::Builder::new().name("lookup".into()).spawn(look_up)?;
    Ok(answer)
}
