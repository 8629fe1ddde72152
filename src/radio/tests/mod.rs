//! Audio files of every type, as found in real folders: each plays, or has a reason why it does not.

mod damage;
mod day;
mod files;
mod films;
mod joins;
mod listening;
mod many_odd_files;
mod odd_files;
mod tagged_files;
