//! Audio files of every type, as found in real folders: each plays, or has a reason why it does not.

mod files;
mod joins;
mod odd_files;
mod tagged_files;
