//! The program as its users meet it: real processes, real sockets, real clients.

mod browser;
mod clients;
mod command_line;
mod endpoint;
mod floors;
mod harness;
mod http;
mod lifecycle;
mod limits;
mod rude;
mod sessions;
mod slow;
mod tls;
