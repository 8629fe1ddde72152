//! Calls of the C library that are unsafe for Rust. A crate of its own, for the program itself forbids unsafe code.

/// Has the C library return what it keeps of freed memory; takes milliseconds, and does nothing where it keeps none.
pub fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointers, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has a static program look hosts up in `/etc/hosts` and by DNS alone, whatever `/etc/nsswitch.conf` says.
///
/// Modules that the file names beside (`resolve`, `mdns4_minimal`, `myhostname`) are libraries of the machine's own C
/// library, which a program with another one inside cannot load: it would crash, or find no host. `files` and `dns` are
/// built in. Called before there are threads.
pub fn look_up_hosts_by_built_in_means() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
    {
        unsafe extern "C" {
            fn __nss_configure_lookup(
                database: *const std::ffi::c_char,
                modules: *const std::ffi::c_char,
            ) -> std::ffi::c_int;
        }
        // SAFETY: both are texts that end with a zero and live for ever; the function is the C library's, of this signature.
        unsafe {
            __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr());
        }
    }
}
