//! From the index to the screen: packets' lines in the list, and one packet taken apart.

use std::collections::HashMap;

use mqscope_dissect::{
    Flow, Reader, Row, RowFlags, RowId, Side, Snapshot,
    annotate::Secrets,
    escape,
    outline::{NodeKind, Outline, OutlineLayer, OutlineNode},
    summary,
    time::{self, Zone},
};
use mqscope_wire::{Notes, PacketType};

use super::{
    app::{App, Pane, TimeFormat},
    panes::list::{Mark, PacketLine},
};
use crate::theme::Role;

/// Layers that are folded until somebody unfolds them: what most people do not look at.
pub(crate) const FOLDED_AT_FIRST: [&str; 11] = [
    "Frames",
    "Frame",
    "Ethernet",
    "Linux cooked capture",
    "IPv4",
    "IPv6",
    "TCP",
    "TLS records",
    "TLS record",
    "WebSocket frames",
    "WebSocket frame",
];
/// Characters of a client identifier in the list.
const CLIENT_CHARS: usize = 60;

/// Reads packets again for the screen.
pub(crate) struct Dissector {
    reader: Reader,
    notes: Notes,
    secrets: Secrets,
    zone: Zone,
    /// What the packets say that were on the screen: some are long, and they are drawn thirty times a second.
    said: HashMap<RowId, String>,
}

impl Dissector {
    pub(crate) fn new(reader: Reader, secrets: Secrets, zone: Zone) -> Self {
        Self { reader, notes: Notes::new(), secrets, zone, said: HashMap::new() }
    }

    /// The packet taken apart; if its bytes cannot be read any more, that is what the tree says.
    pub(crate) fn outline(&mut self, snapshot: &Snapshot, row: RowId) -> Outline {
        match snapshot.outline(row, self.secrets, &mut self.reader, &mut self.notes) {
            Ok(outline) => outline,
            Err(error) => Outline {
                layers: vec![OutlineLayer::default()],
                nodes: vec![OutlineNode {
                    depth: 0,
                    layer: 0,
                    start: 0,
                    len: 0,
                    mask: 0xff,
                    label: "Unreadable".to_owned(),
                    value: error.to_string(),
                    kind: NodeKind::Error,
                    filter: None,
                }],
            },
        }
    }

    /// The lines of the packets that are on the screen.
    pub(crate) fn lines(&mut self, app: &App) -> Vec<PacketLine> {
        let places = app.list.top..(app.list.top + app.page(Pane::List)).min(app.shown_len());
        let mut before = std::mem::take(&mut self.said);
        let lines = places.filter_map(|place| {
            let id = app.row_at(place)?;
            let said = before.remove(&id).unwrap_or_else(|| self.say(&app.snapshot, id));
            let previous = place.checked_sub(1).and_then(|place| app.snapshot.row(app.row_at(place)?));
            let line = self.line(&app.snapshot, id, previous, app.time_format, &said);
            self.said.insert(id, said);
            line
        });
        lines.collect()
    }

    fn say(&mut self, snapshot: &Snapshot, row: RowId) -> String {
        let mut said = String::new();
        match snapshot.view(row, &mut self.reader) {
            Ok(view) => summary::push(&view, self.secrets, &mut said),
            Err(error) => said = format!("[{error}]"),
        }
        said
    }

    /// The packet's line. `previous` is the packet above it, for the time since.
    fn line(
        &self,
        snapshot: &Snapshot,
        id: RowId,
        previous: Option<Row>,
        format: TimeFormat,
        said: &str,
    ) -> Option<PacketLine> {
        let row = snapshot.row(id)?;
        let flow = snapshot.flow(row.flow)?;
        let ns = row.frame.time;
        let time = match format {
            TimeFormat::SinceStart => time::seconds(ns - snapshot.start()),
            TimeFormat::SincePrevious => {
                time::seconds(previous.map_or(0, |previous| ns - previous.frame.time))
            }
            TimeFormat::TimeOfDay => time::time_of_day(ns, &self.zone),
            TimeFormat::Date => time::date(ns, &self.zone),
        };
        Some(PacketLine {
            number: row.frame.number.to_string(),
            time,
            side: flow.side(row.flags.direction()),
            client: client(flow),
            kind: row.kind().name(),
            kind_role: row.packet_type().map_or(Role::Muted, role),
            info: said.to_owned(),
            mark: mark(&row),
        })
    }
}

/// The client's identifier, or where it is.
fn client(flow: &Flow) -> String {
    match flow.client_id() {
        Some(id) if !id.is_empty() => escape::excerpt(id, CLIENT_CHARS),
        _ => flow.address(Side::Client).to_string(),
    }
}

fn mark(row: &Row) -> Mark {
    if row.flags.contains(RowFlags::ERROR) {
        Mark::Error
    } else if row.flags.contains(RowFlags::VIOLATION) {
        Mark::Violation
    } else if row.flags.contains(RowFlags::INFERRED) {
        Mark::Inferred
    } else {
        Mark::None
    }
}

fn role(kind: PacketType) -> Role {
    match kind {
        PacketType::Connect | PacketType::ConnAck | PacketType::Disconnect | PacketType::Auth => {
            Role::Session
        }
        PacketType::Publish => Role::Publish,
        PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
            Role::Acknowledgement
        }
        PacketType::Subscribe | PacketType::SubAck | PacketType::Unsubscribe | PacketType::UnsubAck => {
            Role::Subscription
        }
        PacketType::PingReq | PacketType::PingResp => Role::Ping,
        PacketType::Reserved => Role::Error,
    }
}
