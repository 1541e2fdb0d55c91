//! One simulated device: a socket, a session, and what it has to send.
//!
//! A device is a small state in its shard's list, not a task: the shard calls [`Device::on_time`] when an
//! instant has come that the device asked for, and [`Device::on_ready`] when its socket can be read or
//! written. Whatever is larger than a few words is lent by the shard's [`Tools`].
//!
//! ```text
//!  Idle --begin--> Waiting --on_time--> Open: transport, CONNECT, CONNACK, SUBSCRIBE, SUBACK: ready
//!                    ^  on trouble: `reconnect` says when |         (Elsewhere: at once, at the next broker)
//!                    `------------------------------------+--> Down, where it says nothing
//! ```

use mio::event::Event;
use mqscope_wire::ReasonCode;

use crate::ledger::Audience;
use crate::scenario::Group;
use crate::schedule::Course;
use crate::session::{Nanos, Session};
use crate::tools::Tools;
use crate::transport::{self, Transport};

mod connect;
mod delivery;
mod hello;
mod phases;
mod publish;
mod receive;

use hello::since;

#[derive(Debug)]
pub(crate) struct Device {
    /// Its place in the shard's list, and its token.
    slot: u32,
    /// Its number among all devices.
    number: u32,
    /// Its number within its group.
    i: u32,
    group: u16,
    link: Link,
    stage: Stage,
    session: Session,
    client_id: Box<str>,
    streams: Box<[Stream]>,
    /// The first bytes of a packet whose rest has not come yet.
    partial: Vec<u8>,
    /// Which of the plan's brokers it connects to.
    broker: u32,
    /// Brokers tried before that one, for the same attempt.
    failovers: u16,
    /// Attempts since it was last ready, the first one not counted.
    retries: u16,
    /// All retries.
    retried: u16,
    /// The ledger has its subscriptions.
    enrolled: bool,
    /// It was ready, and is coming back: what it is meant to send meanwhile is still owed.
    lapsed: bool,
    /// It was asked to connect, and is meant to publish from then on, whether it is connected or not.
    called: bool,
    /// When the connect was meant, when it was begun, and when its last step was done.
    intended: Nanos,
    began: Nanos,
    stepped: Nanos,
    /// When the broker last let go of what held messages back.
    released: Nanos,
    /// The one entry of the queue that counts.
    armed: Nanos,
    /// It reacts to what comes: counted by the shard's [`Patience`](crate::patience::Patience).
    urgent: bool,
}

#[derive(Debug)]
enum Link {
    /// Not asked to connect yet.
    Idle,
    /// To connect at `intended`.
    Waiting,
    /// To connect to the next broker at once, the one before having failed.
    Elsewhere,
    /// There is a connection, or it is being made.
    Open(Transport),
    /// Failed or ended.
    Down,
}

/// How far a device has come with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No CONNACK yet.
    Hello,
    /// Connected, no SUBACK yet.
    Subscribing,
    /// Has all it asked for, and publishes.
    Ready,
}

/// One publish list of one device.
#[derive(Debug)]
struct Stream {
    course: Course,
    /// The number of the next message.
    sequence: u32,
    inflight: u16,
    /// A message is due and must wait for an acknowledgement.
    held: bool,
    /// Who gets its messages, once that is known and if it stays the same.
    audience: Option<Box<Audience>>,
}

impl Device {
    pub(crate) fn new(slot: u32, number: u32, tools: &Tools) -> Self {
        let plan = &tools.shared.plan;
        let group = plan.group_of(number);
        let of = &plan.groups[group];
        let i = number - of.first_device;
        let client_id = of.client_id_of(plan.seed, i);
        let stream =
            || Stream { course: Course::NEVER, sequence: 0, inflight: 0, held: false, audience: None };
        Self {
            slot,
            number,
            i,
            group: group as u16,
            link: Link::Idle,
            stage: Stage::Hello,
            session: Session::new(of.version),
            broker: plan.target.broker_of(number, &client_id),
            client_id: client_id.into(),
            streams: of.publish.iter().map(|_| stream()).collect(),
            partial: Vec::new(),
            failovers: 0,
            retries: 0,
            retried: 0,
            enrolled: false,
            lapsed: false,
            called: false,
            intended: 0,
            began: 0,
            stepped: 0,
            released: 0,
            armed: Nanos::MAX,
            urgent: false,
        }
    }

    /// An instant has come that the device asked for.
    pub(crate) fn on_time(&mut self, due: Nanos, now: Nanos, tools: &mut Tools) {
        if due != self.armed {
            return;
        }
        self.armed = Nanos::MAX;
        let mut now = now;
        if tools.patience.is_unread() && self.session.awaited() > 0 {
            // Its answer may be there: it makes room for the next message, and the answer to that one must not come
            // into the same read, which tells one arrival only.
            self.read(false, tools);
            now = tools.now();
        }
        self.act(now, tools);
        self.arm(tools);
    }

    /// The socket can be read, written, or is broken. Whether that may have taken longer than to read an acknowledgement.
    pub(crate) fn on_ready(&mut self, event: &Event, tools: &mut Tools) -> bool {
        let was_urgent = self.urgent;
        if matches!(&self.link, Link::Open(transport) if transport.stage() != transport::Stage::Ready) {
            self.advance(tools);
        }
        if event.is_writable() && self.is_blocked() {
            self.flush(tools);
            self.released = tools.now();
        }
        if event.is_readable() || event.is_read_closed() {
            self.read(event.is_read_closed(), tools);
        }
        // What is due where nothing was held back stands in the queue.
        if was_urgent {
            self.act(tools.now(), tools);
        }
        self.arm(tools);
        was_urgent
    }

    /// The run is over: counts what is still without its answer, messages with the time they have waited.
    pub(crate) fn conclude(&mut self, now: Nanos, tools: &mut Tools) {
        if let Link::Open(transport) = &self.link
            && self.stage != Stage::Ready
        {
            let what = self.awaited_of(transport);
            self.count_failure(tools);
            let step = if self.stage == Stage::Hello { "connect failed" } else { "subscribe failed" };
            tools.reason(format!("{step}: unanswered, no {what} by the end of the run"));
        }
        if matches!(self.link, Link::Waiting) && self.retried == 0 && self.failovers == 0 {
            tools.reason("never connected: the run ended before its connect was due".to_owned());
        }
        for (awaits, message) in self.session.waiting() {
            if let Some((recorder, cell)) = tools.metrics(message.intended, usize::from(self.group)) {
                recorder.count(cell.publish_unacknowledged, 1);
                awaits.still(recorder, cell, since(message.intended, now), since(message.sent, now), 1);
            }
        }
    }

    /// Says goodbye and lets go.
    pub(crate) fn finish(&mut self, tools: &mut Tools) {
        if let Link::Open(_) = self.link {
            self.session.disconnect(ReasonCode::SUCCESS, &mut tools.buffers.out);
            self.flush(tools);
        }
        if let Link::Open(transport) = &mut self.link {
            // Whether the broker hears it makes no difference any more.
            let _ = transport.close(&mut tools.outbound);
        }
        if !matches!(self.link, Link::Idle | Link::Down) {
            self.leave(tools);
        }
        self.retract(tools);
    }

    /// Does whatever is due.
    fn act(&mut self, now: Nanos, tools: &mut Tools) {
        match &self.link {
            Link::Waiting if now >= self.intended => self.open(now, tools),
            Link::Elsewhere => self.dial(now, tools),
            Link::Open(_) if self.stage == Stage::Ready => {
                if now >= self.session.deadline()
                    && let Err(fault) = self.session.tick(now, &mut tools.buffers.out)
                {
                    self.fail(fault.to_string(), tools);
                    return;
                }
                self.publish(now, tools);
                self.flush(tools);
            }
            Link::Open(transport) if now >= self.patience(tools) => {
                let waited = humantime::format_duration(tools.shared.plan.target.connect_timeout);
                let what = self.awaited_of(transport);
                self.fail(format!("no {what} within {waited}"), tools);
            }
            _ => {}
        }
    }

    /// What a connection that is not ready waits for.
    fn awaited_of(&self, transport: &Transport) -> &'static str {
        match self.stage {
            Stage::Hello => transport.stage().wants(),
            _ => "SUBACK",
        }
    }

    /// Until when a connection must be ready.
    fn patience(&self, tools: &Tools) -> Nanos {
        self.began.saturating_add(tools.shared.plan.target.connect_timeout.as_nanos() as Nanos)
    }

    /// Asks to be called when next something is due, and has its socket looked at without delay if it must be.
    fn arm(&mut self, tools: &mut Tools) {
        let urgent = self.is_urgent(tools);
        if urgent != self.urgent {
            self.urgent = urgent;
            tools.patience.urge(urgent);
        }
        let wanted = match self.link {
            Link::Idle | Link::Down => Nanos::MAX,
            Link::Waiting => self.intended,
            Link::Elsewhere => 0,
            Link::Open(_) if self.stage != Stage::Ready => self.patience(tools),
            Link::Open(_) => {
                let blocked = self.is_blocked();
                let free = self.streams.iter().filter(|stream| !stream.held && !blocked);
                let message = free.map(|stream| stream.course.next()).min().unwrap_or(Nanos::MAX);
                message.min(self.session.deadline())
            }
        };
        if wanted < self.armed {
            self.armed = wanted;
            tools.queue.push(wanted, self.slot);
        }
    }

    /// Whether what comes must be read at once: because it is reacted to, or because there may be several packets
    /// with an arrival each.
    fn is_urgent(&self, tools: &Tools) -> bool {
        let Link::Open(transport) = &self.link else { return false };
        self.stage != Stage::Ready
            || transport.is_blocked()
            || self.session.awaited() > 1
            || self.session.is_hurried()
            || self.streams.iter().any(|stream| stream.held)
            || !self.of(tools).subscribe.is_empty()
    }

    /// Whether the socket did not take all yet; while it has not, nothing new is sent.
    fn is_blocked(&self) -> bool {
        matches!(&self.link, Link::Open(transport) if transport.is_blocked())
    }

    /// Writes what there is to write, as much as the socket takes.
    fn flush(&mut self, tools: &mut Tools) {
        let out = &mut tools.buffers.out;
        let written = match &mut self.link {
            Link::Open(transport) if !out.is_empty() || transport.is_blocked() => {
                transport.write(out, &mut tools.outbound)
            }
            _ => Ok(0),
        };
        out.clear();
        match written {
            Ok(0) => {}
            Ok(written) => self.count_sent(written, tools),
            Err(trouble) => self.fail(trouble.to_string(), tools),
        }
    }

    fn count_sent(&self, bytes: usize, tools: &mut Tools) {
        if let Some((recorder, cell)) = tools.current_metrics(self.group) {
            recorder.count(cell.bytes_sent, bytes as u64);
        }
    }

    /// The connection failed, or ended without being asked to.
    fn fail(&mut self, reason: String, tools: &mut Tools) {
        tools.buffers.out.clear();
        if self.stage == Stage::Hello && self.fails_over(&reason, tools) {
            return;
        }
        self.count_failure(tools);
        if self.stage == Stage::Hello {
            tools.reason(format!("connect failed: {reason}"));
        } else {
            if let Some((recorder, cell)) = tools.current_metrics(self.group) {
                recorder.count(cell.disconnects, 1);
            }
            tools.reason(format!("disconnected: {reason}"));
        }
        let lapsed = self.stage == Stage::Ready || self.lapsed;
        self.leave(tools);
        self.lapsed = self.retry(tools) && lapsed;
    }

    /// Counts a connection that does not become ready, by how far it came.
    fn count_failure(&self, tools: &mut Tools) {
        let failed_at = match &self.link {
            Link::Open(transport) => transport.stage(),
            _ => transport::Stage::Connecting,
        };
        tools.counts.connect_failed += u64::from(self.stage == Stage::Hello);
        let Some((recorder, cell)) = tools.metrics(self.intended, usize::from(self.group)) else { return };
        match self.stage {
            Stage::Hello => {
                recorder.count(cell.connect_failed, 1);
                let layer = cell.transport.failed(failed_at);
                layer.into_iter().for_each(|counter| recorder.count(counter, 1));
            }
            Stage::Subscribing => recorder.count(cell.subscribe_failed, 1),
            Stage::Ready => {}
        }
    }

    /// Lets go of the connection and of all that hung on it; of the session as well, unless the broker keeps it.
    fn leave(&mut self, tools: &mut Tools) {
        let counts = &mut tools.counts.groups[usize::from(self.group)];
        counts.connected -= u32::from(self.stage != Stage::Hello);
        counts.subscribed -= u32::from(self.stage == Stage::Ready);
        counts.unsettled -= u32::from(self.stage != Stage::Ready && self.retries == 0);
        let is_opening = matches!(self.link, Link::Open(_)) && self.stage != Stage::Ready;
        tools.counts.opening -= u64::from(is_opening);
        if self.of(tools).keeps_session() {
            self.session.pause();
        } else {
            self.forget(tools);
            self.session = Session::new(self.session.version());
        }
        self.stage = Stage::Hello;
        self.partial = Vec::new();
        // Closing the socket takes it off the poll as well.
        self.link = Link::Down;
    }

    /// The session is over: takes back what hung on it.
    fn forget(&mut self, tools: &mut Tools) {
        if std::mem::take(&mut self.enrolled) {
            tools.shared.roll.leave(self.number);
        }
        self.retract(tools);
    }

    fn of<'p>(&self, tools: &'p Tools) -> &'p Group {
        &tools.shared.plan.groups[usize::from(self.group)]
    }
}

/// A reason code by name and number.
fn named(reason: ReasonCode, packet: mqscope_wire::PacketType, version: mqscope_wire::Version) -> String {
    format!("{} ({:#04x})", reason.name(packet, version), reason.0)
}
