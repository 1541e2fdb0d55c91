//! TLS sessions that a device takes up again: its own, and nobody else's.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// What one device keeps of the broker it spoke with last.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    name: ServerName<'static>,
    group: Option<NamedGroup>,
    /// It serves any number of connections (RFC 5246 §7.3).
    session: Option<Tls12ClientSessionValue>,
    /// Each serves one (RFC 8446 §C.4); the newest last. Two, because an attempt that comes to nothing takes one.
    tickets: [Option<Tls13ClientSessionValue>; 2],
}

impl Sessions {
    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        // What is within is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of<T>(&self, name: &ServerName<'_>, look: impl FnOnce(&mut Kept) -> Option<T>) -> Option<T> {
        self.kept().as_mut().filter(|kept| kept.name == *name).and_then(look)
    }

    /// What is kept of another broker makes room.
    fn edit(&self, name: ServerName<'static>, edit: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        kept.take_if(|kept| kept.name != name);
        let new = || Kept { name, group: None, session: None, tickets: [None, None] };
        edit(kept.get_or_insert_with(new));
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.edit(name, |kept| kept.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.of(name, |kept| kept.group)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.edit(name, |kept| kept.session = Some(session));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.of(name, |kept| kept.session.clone())
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.of(name, |kept| kept.session.take());
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.edit(name, |kept| {
            kept.tickets.swap(0, 1);
            kept.tickets[1] = Some(ticket);
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.of(name, |kept| kept.tickets[1].take().or_else(|| kept.tickets[0].take()))
    }
}
