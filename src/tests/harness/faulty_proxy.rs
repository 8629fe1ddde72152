//! A network between two programs, that can be cut (what is sent is swallowed, and nobody is told) or held up.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock, RwLockWriteGuard};
use std::thread;

/// A way to a port on this machine.
pub struct FaultyProxy {
    /// Where it begins.
    pub port: u16,
    is_cut: Arc<AtomicBool>,
    traffic: Arc<RwLock<()>>,
}

impl FaultyProxy {
    /// A way that is whole.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let traffic = Arc::new(RwLock::new(()));
        let of_thread = (Arc::clone(&is_cut), Arc::clone(&traffic));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for (from, to) in
                    [(client.try_clone(), server.try_clone()), (server.try_clone(), client.try_clone())]
                {
                    let (is_cut, traffic) = of_thread.clone();
                    let (from, to) = (from.unwrap(), to.unwrap());
                    thread::spawn(move || pass_on(from, to, &is_cut, &traffic));
                }
            }
        });
        Self { port: own, is_cut, traffic }
    }

    /// Swallows everything from here on.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// Nothing comes through as long as this is kept, and then all of it.
    pub fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        self.traffic.write().unwrap()
    }

    /// Passes everything on again.
    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool, traffic: &RwLock<()>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            break;
        }
        let _passes = traffic.read().unwrap();
        if !is_cut.load(Ordering::Relaxed) && to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
