//! Gives memory that was freed back to the system. A crate of its own, for the program itself forbids unsafe code.

/// Has the C library return what it keeps of freed memory; takes milliseconds, and does nothing where it keeps none.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointers, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
