// Loaded before the C library: lets calls on files below a folder fail while a control file names them.
//
// The control file holds an error number and names of calls, like "5 fsync fdatasync". A call that failed is noted in
// the control file's neighbour with the suffix ".hits".
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long control(char *text, size_t size) {
    const char *path = getenv("FAULTY_DISK_CONTROL");
    if (!path) return -1;
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    long n = syscall(SYS_read, fd, text, size - 1);
    syscall(SYS_close, fd);
    if (n >= 0) text[n] = 0;
    return n;
}

static void hit(const char *call) {
    char path[4096];
    snprintf(path, sizeof path, "%s.hits", getenv("FAULTY_DISK_CONTROL"));
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    char line[64];
    int n = snprintf(line, sizeof line, "%s\n", call);
    syscall(SYS_write, fd, line, n);
    syscall(SYS_close, fd);
}

// The error that a call on a path is to fail with, or 0.
static int verdict(const char *call, const char *path) {
    const char *under = getenv("FAULTY_DISK_UNDER");
    if (!under || !path || strncmp(path, under, strlen(under)) != 0) return 0;
    int before = errno;
    char text[256];
    int error = 0;
    if (control(text, sizeof text) > 0) {
        char *rest = NULL;
        error = (int)strtol(text, &rest, 10);
        int is_named = 0;
        char *place = NULL;
        for (char *word = strtok_r(rest, " \n", &place); word; word = strtok_r(NULL, " \n", &place))
            is_named |= !strcmp(word, call);
        if (!is_named) error = 0;
    }
    if (error) hit(call);
    errno = before;
    return error;
}

static int verdict_of_fd(const char *call, int fd) {
    if (!getenv("FAULTY_DISK_UNDER")) return 0;
    int before = errno;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    errno = before;
    if (n < 0) return 0;
    path[n] = 0;
    return verdict(call, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(error) do { int e = (error); if (e) { errno = e; return -1; } } while (0)

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...) {                    \
        va_list rest;                                               \
        va_start(rest, flags);                                      \
        mode_t mode = va_arg(rest, mode_t);                         \
        va_end(rest);                                               \
        FAIL(verdict("open", path));                                \
        return NEXT(name)(path, flags, mode);                       \
    }
OPEN(open)
OPEN(open64)

#define SYNC(name) int name(int fd) { FAIL(verdict_of_fd(#name, fd)); return NEXT(name)(fd); }
SYNC(fsync)
SYNC(fdatasync)

ssize_t write(int fd, const void *bytes, size_t n) { FAIL(verdict_of_fd("write", fd)); return NEXT(write)(fd, bytes, n); }

#define AT(name, call, pointer)                                             \
    ssize_t name(int fd, pointer bytes, size_t n, off_t offset) {           \
        FAIL(verdict_of_fd(call, fd));                                      \
        return NEXT(name)(fd, bytes, n, offset);                            \
    }
AT(pwrite, "pwrite", const void *)
AT(pwrite64, "pwrite", const void *)
AT(pread, "pread", void *)
AT(pread64, "pread", void *)

ssize_t read(int fd, void *bytes, size_t n) { FAIL(verdict_of_fd("read", fd)); return NEXT(read)(fd, bytes, n); }

int ftruncate(int fd, off_t n) { FAIL(verdict_of_fd("ftruncate", fd)); return NEXT(ftruncate)(fd, n); }
int ftruncate64(int fd, off_t n) { FAIL(verdict_of_fd("ftruncate", fd)); return NEXT(ftruncate64)(fd, n); }
int rename(const char *from, const char *to) { FAIL(verdict("rename", to)); return NEXT(rename)(from, to); }
int unlink(const char *path) { FAIL(verdict("unlink", path)); return NEXT(unlink)(path); }

// Looks up names that end in ".silent" for ever.
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    size_t n = name ? strlen(name) : 0;
    while (n > 7 && !strcmp(name + n - 7, ".silent")) pause();
    return NEXT(getaddrinfo)(name, service, hints, found);
}
