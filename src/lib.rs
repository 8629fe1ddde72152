#![doc = include_str!("ARCHITECTURE.md")]

pub mod cli;
pub mod config;
pub mod effect;
pub mod error_reports;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod music;
pub mod process;
pub mod runtime;
pub mod secret;
pub mod service;
pub mod settings;
pub mod socketio;
pub mod time;
