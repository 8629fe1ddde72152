//! Several nodes that are one: what a node alone cannot show.

mod away;
mod busy;
pub mod devices;
mod faults;
mod log;
mod memory;
mod order;
mod rolling;
mod together;
mod versions;
