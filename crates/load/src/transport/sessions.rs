//! TLS sessions to take up again.
//!
//! rustls keeps eight tickets of a server: enough for a client, too few for thousands that come back at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Sessions by server, a ticket for each device at most.
#[derive(Debug)]
pub(super) struct Sessions {
    most: usize,
    servers: Mutex<FxHashMap<ServerName<'static>, Server>>,
}

#[derive(Debug, Default)]
struct Server {
    group: Option<NamedGroup>,
    /// It serves any number of connections (RFC 5246 §7.3).
    session: Option<Tls12ClientSessionValue>,
    /// Each serves one (RFC 8446 §C.4); the newest last.
    tickets: VecDeque<Tls13ClientSessionValue>,
}

impl Sessions {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), servers: Mutex::default() }
    }

    fn servers(&self) -> MutexGuard<'_, FxHashMap<ServerName<'static>, Server>> {
        // What is within is whole at any time.
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of<T>(&self, name: &ServerName<'_>, look: impl FnOnce(&mut Server) -> Option<T>) -> Option<T> {
        self.servers().get_mut(&name.to_owned()).and_then(look)
    }

    fn edit(&self, name: ServerName<'static>, edit: impl FnOnce(&mut Server)) {
        edit(self.servers().entry(name).or_default());
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.edit(name, |server| server.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.of(name, |server| server.group)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.edit(name, |server| server.session = Some(session));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.of(name, |server| server.session.clone())
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.of(name, |server| server.session.take());
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.edit(name, |server| {
            if server.tickets.len() == self.most {
                server.tickets.pop_front();
            }
            server.tickets.push_back(ticket);
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.of(name, |server| server.tickets.pop_back())
    }
}
