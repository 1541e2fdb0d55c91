//! Packet identifiers (MQTT 5.0 §2.2.1).

/// Which identifier comes next. They go round, so those in use are looked at once a round and not once a message.
#[derive(Debug)]
pub(super) struct Ids {
    /// The one tried next; never zero.
    pub(super) next: u16,
    /// How many from `next` on are known to be free.
    pub(super) free_run: u16,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { next: 1, free_run: u16::MAX }
    }

    /// The next one that is not among those `used`, which must not be all.
    pub(super) fn next(&mut self, used: impl Iterator<Item = u16> + Clone) -> u16 {
        while self.free_run == 0 {
            let from = self.next;
            self.free_run = used.clone().map(|id| ahead(from, id)).min().unwrap_or(u16::MAX);
            if self.free_run == 0 {
                self.next = after(self.next);
            }
        }
        self.free_run -= 1;
        let id = self.next;
        self.next = after(id);
        id
    }
}

/// How many steps round the circle of identifiers, which has no zero.
fn ahead(from: u16, to: u16) -> u16 {
    to.checked_sub(from).unwrap_or_else(|| u16::MAX - (from - to))
}

fn after(id: u16) -> u16 {
    id.checked_add(1).unwrap_or(1)
}
