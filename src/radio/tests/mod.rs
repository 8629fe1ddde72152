//! Files as they lie in people's folders: each plays, or there is a reason why it does not.

mod files;
mod odd_files;
mod tagged_files;
