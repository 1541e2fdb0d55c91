//! From the index to the screen: a packet's line in the list, and the packet taken apart.

use mqscope_dissect::{
    Flow, Reader, Row, RowFlags, RowId, Side, Snapshot,
    annotate::Secrets,
    escape,
    outline::{NodeKind, Outline, OutlineLayer, OutlineNode},
    summary, time,
};
use mqscope_wire::{Notes, PacketType};

use super::{
    app::TimeFormat,
    detail::Detail,
    panes::list::{Mark, PacketLine},
};
use crate::theme::Role;

/// Layers that are folded until somebody unfolds them: what most people do not look at.
pub(crate) const FOLDED_AT_FIRST: [&str; 6] =
    ["Frame", "Ethernet", "Linux cooked capture", "IPv4", "IPv6", "TCP"];
/// Characters of a client identifier in the list.
const CLIENT_CHARS: usize = 40;

/// Reads packets again for the screen.
pub(crate) struct Dissector {
    reader: Reader,
    notes: Notes,
    secrets: Secrets,
}

impl Dissector {
    pub(crate) fn new(reader: Reader, secrets: Secrets) -> Self {
        Self { reader, notes: Notes::new(), secrets }
    }

    /// The packet taken apart; if its bytes cannot be read any more, that is what the tree says.
    pub(crate) fn detail(&mut self, snapshot: &Snapshot, row: RowId) -> Detail {
        let outline = match snapshot.view(row, &mut self.reader) {
            Ok(view) => Outline::of(&view, self.secrets, &mut self.notes),
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
        };
        Detail { row, layers: outline.layers, nodes: outline.nodes }
    }

    /// The packet's line in the list. `previous` is the packet above it, for the time since.
    pub(crate) fn line(
        &mut self,
        snapshot: &Snapshot,
        row: RowId,
        previous: Option<RowId>,
        format: TimeFormat,
    ) -> Option<PacketLine> {
        let previous = previous.and_then(|row| snapshot.row(row));
        let known = snapshot.row(row)?;
        let flow = snapshot.flow(known.flow)?;
        let ns = known.frame.time;
        let mut info = String::new();
        match snapshot.view(row, &mut self.reader) {
            Ok(view) => summary::push(&view, self.secrets, &mut info),
            Err(error) => info = format!("[{error}]"),
        }
        let time = match format {
            TimeFormat::SinceStart => time::seconds(ns - snapshot.start()),
            TimeFormat::SincePrevious => {
                time::seconds(previous.map_or(0, |previous| ns - previous.frame.time))
            }
            TimeFormat::TimeOfDay => time::local_time_of_day(ns),
            TimeFormat::Date => time::local_date(ns),
        };
        Some(PacketLine {
            number: known.frame.number.to_string(),
            time,
            way: way(flow, &known),
            kind: known.packet_type().name(),
            kind_role: role(known.packet_type()),
            info,
            mark: mark(&known),
        })
    }
}

/// The client and which way the packet went: `dev-1 →` or `dev-1 ←`.
fn way(flow: &Flow, row: &Row) -> String {
    let arrow = match flow.side(row.flags.direction()) {
        Side::Client => '→',
        Side::Server => '←',
    };
    match flow.client_id() {
        Some(id) if !id.is_empty() => format!("{arrow} {}", escape::excerpt(id, CLIENT_CHARS)),
        _ => format!("{arrow} {}", flow.address(Side::Client)),
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
