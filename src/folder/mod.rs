//! Folders of files that others fill: walking them, hearing of changes, and waiting until files are complete.

pub mod changes;
pub mod file_stamp;
pub mod stable_files;
pub mod walk;
