//! Servers that refuse single statements, as clusters and hosted databases do: a proxy in front of a private MariaDB answers
//! with their errors in its place.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::contract::{append, beginning, mariadb, place, texts};
use super::{Failure, MessageQuery, Store};

/// Commands of the protocol that bring a statement.
const QUERY: u8 = 3;
const PREPARE: u8 = 22;

/// What no driver expects: an error of no class, with which Percona's clusters and Vitess refuse what they do not do.
const UNKNOWN_ERROR: u16 = 1105;

/// Which statements are refused, by how they begin.
type Refused = Arc<Mutex<&'static str>>;

/// A proxy that refuses statements for as long as the server lives.
fn proxy(server: &mariadb::MariaDb, refused: &'static str) -> (Store, Refused) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = mariadb::MariaDb::url_at(listener.local_addr().unwrap().port());
    let refused = Arc::new(Mutex::new(refused));
    let (port, words) = (server.port, Arc::clone(&refused));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (server, words) = (TcpStream::connect(("127.0.0.1", port)), Arc::clone(&words));
            let Ok(server) = server else { continue };
            let (mut answers, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut answers, &mut to_client));
            thread::spawn(move || {
                let _ = pass_on(client, &server, &words);
                // What a session holds ends with it.
                server.shutdown(Shutdown::Both)
            });
        }
    });
    (Store::new(&place(&url, PathBuf::new())).unwrap(), refused)
}

/// Gives the server what the client says, but for what is refused.
fn pass_on(mut client: TcpStream, mut server: &TcpStream, refused: &Refused) -> io::Result<()> {
    loop {
        let mut head = [0; 4];
        client.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
        client.read_exact(&mut payload)?;
        let refused = *refused.lock();
        let is_refused = head[3] == 0
            && payload.first().is_some_and(|command| [QUERY, PREPARE].contains(command))
            && !refused.is_empty()
            && payload[1..].starts_with(refused.as_bytes());
        if is_refused {
            let error = [&[0xff], &UNKNOWN_ERROR.to_le_bytes()[..], b"#HY000", b"prohibited by this cluster"]
                .concat();
            client.write_all(&[error.len() as u8, 0, 0, 1])?;
            client.write_all(&error)?;
        } else {
            server.write_all(&head)?;
            server.write_all(&payload)?;
        }
    }
}

#[tokio::test]
async fn a_cluster_that_refuses_named_locks_gets_its_tables() {
    let server = mariadb::MariaDb::start();
    let (store, _) = proxy(&server, "SELECT GET_LOCK");
    store.migrate().await.unwrap();
    append(&store, beginning()).await;
    assert_eq!(store.rooms_after("", 10).await.unwrap(), ["E03EI3TX"]);
}

#[tokio::test]
async fn a_server_that_refuses_to_make_tables_is_not_called_away_and_its_statement_is_told() {
    let server = mariadb::MariaDb::start();
    let (store, refused) = proxy(&server, "CREATE TABLE IF NOT EXISTS messages");
    let Err(Failure::Unusable { reason, remedy }) = store.migrate().await else { panic!("it is away") };
    assert!(reason.contains("prohibited by this cluster"), "{reason}");
    assert!(reason.contains("CREATE TABLE IF NOT EXISTS messages"), "{reason}");
    assert!(remedy.contains("which statement"), "{remedy}");
    *refused.lock() = "";
    store.migrate().await.unwrap();
    append(&store, beginning()).await;
}

#[tokio::test]
async fn a_server_that_refuses_to_write_is_not_called_away_and_nothing_is_set_aside() {
    let server = mariadb::MariaDb::start();
    let (store, refused) = proxy(&server, "INSERT INTO devices");
    store.migrate().await.unwrap();
    let (records, outcome) = store.append(beginning()).await;
    let Err(Failure::Unusable { reason, remedy }) = outcome else { panic!("{outcome:?}") };
    assert!(
        reason.contains("prohibited by this cluster") && remedy.contains("refuses"),
        "{reason}: {remedy}"
    );
    assert_eq!(store.rooms_after("", 10).await.unwrap(), [""; 0], "a part of a batch was kept");
    *refused.lock() = "";
    append(&store, records).await;
    assert_eq!(texts(&store, MessageQuery::default()).await.len(), 0);
    assert_eq!(store.devices_after("", 10).await.unwrap().len(), 2);
}
