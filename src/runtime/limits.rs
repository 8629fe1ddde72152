//! How many files the process may open, and how many of them are connections.

use rlimit::Resource;
use tracing::warn;

/// Files that the process needs beside its connections: listeners, databases, logs, tracks, the runtime's own. Of a
/// low limit, half.
const RESERVE: usize = 64;

/// Of the files for connections, one in so many may be a connection that is being refused.
const REFUSED_SHARE: usize = 8;

/// Connections that one service may hold open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allotment {
    /// Those that are served.
    pub connections: usize,
    /// Those that are told that there is no room.
    pub refusals: usize,
}

/// Raises the soft limit on open files to the hard one, and gives each of the services what fits of what it wants;
/// warns when that is less.
pub fn allot_open_files(wanted: Allotment, n_services: usize) -> Allotment {
    let allowed = Resource::NOFILE.get().and_then(|(_, hard)| {
        Resource::NOFILE.set(hard, hard)?;
        Ok(hard)
    });
    let allowed = match allowed {
        Ok(allowed) => usize::try_from(allowed).unwrap_or(usize::MAX),
        Err(error) => {
            warn!(%error, "the limit on open files cannot be raised");
            return wanted;
        }
    };
    let given = allot(allowed, wanted, n_services);
    if given.connections < wanted.connections {
        warn!(
            open_files = allowed,
            max_connections = wanted.connections,
            connections = given.connections,
            "too few open files are allowed for [network] max_connections, fewer connections are taken: raise \
             LimitNOFILE= (systemd) or ulimit -Hn"
        );
    }
    given
}

fn allot(allowed: usize, wanted: Allotment, n_services: usize) -> Allotment {
    let each = (allowed - RESERVE.min(allowed / 2)) / n_services.max(1);
    let refusals = wanted.refusals.min(each / REFUSED_SHARE);
    Allotment { connections: wanted.connections.min(each - refusals).max(1), refusals }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_everything_else() {
        let wanted = Allotment { connections: 10_000, refusals: 64 };
        let given = |allowed, n_services| {
            let Allotment { connections, refusals } = allot(allowed, wanted, n_services);
            (connections, refusals)
        };
        assert_eq!(given(1_000_000, 5), (10_000, 64));
        assert_eq!(given(1024, 1), (896, 64));
        assert_eq!(given(1024, 5), (168, 24));
        assert_eq!(given(64, 1), (28, 4));
        assert_eq!(given(1, 1), (1, 0));
    }
}
