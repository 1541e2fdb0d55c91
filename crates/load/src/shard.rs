//! A thread with its devices: one readiness loop, one recorder, no locks.
//!
//! The loop sleeps until a socket is ready or the next intended instant has come, whichever is first, and does
//! what is due between any two events, so that reading does not make sending late.
//! Where nobody reacts to what comes, it sleeps until the next instant and leaves sockets unread meanwhile, for a
//! [bounded time](crate::patience).

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use mqscope_report::{Catalog, Interval, Recorder};

use crate::alarm::Alarm;
use crate::device::Device;
use crate::health;
use crate::ledger::{Sightings, Tally};
use crate::patience::Patience;
use crate::session::Nanos;
use crate::shared::Shared;
use crate::tools::{Buffers, Counts, Queue, Tools};
use crate::topics::mix;
use crate::transport::{Inbound, Outbound};
use crate::unanswered::Unanswered;

const ALARM: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// Sockets that are told to be ready at once.
const EVENTS: usize = 1024;
/// Devices that act before sockets are looked at.
const ACTS: usize = 64;
/// Sockets with an acknowledgement each that are looked at between one look at the clock and the next: some microseconds.
const LOOKS: usize = 4;
/// Devices that act between them: enough that sending keeps up, so few that reading does.
const ACTS_BETWEEN: usize = 2 * LOOKS;

const SECOND: Nanos = 1_000_000_000;

/// What the run tells a shard.
#[derive(Debug)]
pub(crate) enum Command {
    /// The phase of that number begins at that instant; the one after the last is the end of publishing.
    Begin(usize, Nanos),
    /// Memory of an interval that has been added up.
    Reuse(Interval),
    /// Say goodbye and end.
    Finish,
}

/// What a shard tells the run.
#[derive(Debug)]
pub(crate) enum Report {
    /// A second is over.
    Second(Interval),
    /// The shard is done.
    Done(Box<Ending>),
}

/// A shard's last words.
#[derive(Debug)]
pub(crate) struct Ending {
    pub interval: Interval,
    pub tally: Tally,
    /// What its devices saw.
    pub sightings: Sightings,
    pub reasons: Vec<(String, u64)>,
}

pub(crate) struct Shard {
    poll: Poll,
    alarm: Alarm,
    devices: Vec<Device>,
    tools: Tools,
    commands: Receiver<Command>,
    reports: Sender<Report>,
    /// The phase that begins at that instant.
    next_phase: Option<(usize, Nanos)>,
    /// When the second under way began.
    second: Nanos,
    /// When CPU time was last looked at, and what it was.
    cpu: (Nanos, Duration),
    /// Told to finish, and finished.
    done: bool,
}

impl Shard {
    /// A shard with its share of the process's devices, and what wakes it up.
    pub(crate) fn new(
        index: usize,
        shared: &Arc<Shared>,
        catalog: &Catalog,
        commands: Receiver<Command>,
        reports: Sender<Report>,
    ) -> std::io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new(&poll, ALARM)?;
        let plan = &shared.plan;
        let tools = Tools {
            shared: shared.clone(),
            shard: index,
            registry: poll.registry().try_clone()?,
            recorder: Recorder::new(catalog, index),
            queue: Queue::default(),
            tally: Tally::new(plan.phases.len(), plan.groups.len(), shared.part),
            sightings: Sightings::default(),
            seconds: Sightings::default(),
            ways: Default::default(),
            strays: Default::default(),
            unanswered: Unanswered::default(),
            counts: Counts::new(plan.groups.len()),
            reasons: Default::default(),
            phase: 0,
            buffers: Buffers::new(),
            patience: Patience::default(),
            inbound: Inbound::new(),
            outbound: Outbound::new(mix(plan.seed, index as u64)),
        };
        let numbers = shared.part.numbers(plan.devices(), index, shared.slots.len());
        let devices = numbers.zip(0..).map(|(number, slot)| Device::new(slot, number, &tools)).collect();
        let shard = Self {
            poll,
            alarm,
            devices,
            tools,
            commands,
            reports,
            next_phase: None,
            second: 0,
            cpu: (0, Duration::ZERO),
            done: false,
        };
        Ok((shard, waker))
    }

    /// Runs until told to finish.
    pub(crate) fn run(mut self) -> std::io::Result<()> {
        self.second = self.tools.now();
        self.cpu = (self.second, health::thread_cpu());
        let mut events = Events::with_capacity(EVENTS);
        while !self.done {
            let (caught_up, now) = self.act(ACTS);
            self.tools.publish_counts();
            let next = if caught_up { self.next() } else { now };
            if next > now && self.tools.patience.lasts_until(next) {
                self.tools.patience.leave_unread();
                self.tools.shared.clock.sleep_until(next);
                continue;
            }
            // What was left unread has most likely come.
            let until = if self.tools.patience.is_unread() { now } else { next };
            match self.alarm.wait(&mut self.poll, &mut events, now, until) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                waited => waited?,
            }
            let looked = self.tools.now();
            for (number, event) in events.iter().enumerate() {
                let took_time = match event.token() {
                    ALARM => {
                        self.alarm.rang();
                        false
                    }
                    WAKER => {
                        self.obey();
                        true
                    }
                    Token(slot) => {
                        let device = self.devices.get_mut(slot);
                        device.is_some_and(|device| device.on_ready(event, &mut self.tools))
                    }
                };
                if took_time || number % LOOKS == LOOKS - 1 {
                    self.act(ACTS_BETWEEN);
                }
            }
            // There may be more than it took events at once.
            if events.iter().count() < EVENTS {
                self.tools.patience.looked(looked);
            }
        }
        Ok(())
    }

    /// Does what is due by now, for so many devices at most; whether that was all, and when it was so.
    fn act(&mut self, most: usize) -> (bool, Nanos) {
        let mut now = self.tools.now();
        if self.done {
            // Saying goodbye to many takes longer than a second, which is none of the run's.
            return (true, now);
        }
        if let Some((phase, start)) = self.next_phase
            && now >= start
        {
            self.begin(phase, start);
            now = self.tools.now();
        }
        if now - self.second >= SECOND {
            self.tick(now);
            now = self.tools.now();
        }
        for _ in 0..most {
            let Some((due, slot)) = self.tools.queue.pop_due(now) else { return (true, now) };
            if let Some(device) = self.devices.get_mut(slot as usize) {
                device.on_time(due, now, &mut self.tools);
            }
            now = self.tools.now();
        }
        (false, now)
    }

    /// When next something is due.
    fn next(&self) -> Nanos {
        let phase = self.next_phase.map_or(Nanos::MAX, |(_, start)| start);
        self.tools.queue.next().min(phase).min(self.second + SECOND)
    }

    fn begin(&mut self, phase: usize, start: Nanos) {
        self.next_phase = None;
        if phase > 0 {
            // What the gauges show at a phase's end belongs to it, however short it was.
            self.tick(self.tools.now());
            for device in &mut self.devices {
                device.end_phase(start, &mut self.tools);
            }
        }
        self.tools.phase = phase;
        for device in &mut self.devices {
            device.begin_phase(start, &mut self.tools);
        }
        self.tools.publish_counts();
        self.tools.shared.slots[self.tools.shard].phases.store(phase as u64 + 1, Release);
    }

    /// Hands over what was recorded in the second that is over.
    fn tick(&mut self, now: Nanos) {
        let interval = self.take(now);
        // Nobody listens any more when the run has failed; it will say so.
        let _ = self.reports.send(Report::Second(interval));
        // Memory comes back without waking anybody.
        self.obey();
    }

    fn take(&mut self, now: Nanos) -> Interval {
        let busy = self.busy(now);
        let Tools { shared, recorder, counts, phase, .. } = &mut self.tools;
        let metrics = &shared.metrics;
        busy.into_iter().for_each(|percent| recorder.gauge(metrics.generator_cpu, percent));
        recorder.gauge(metrics.inflight, counts.inflight as f64);
        for (group, counts) in counts.groups.iter().enumerate() {
            if let Some(cell) = metrics.cell((*phase).min(shared.plan.phases.len() - 1), group) {
                recorder.gauge(cell.connected, f64::from(counts.connected));
                recorder.gauge(cell.subscribed, f64::from(counts.subscribed));
            }
        }
        let (from, to) = (Duration::from_nanos(self.second), Duration::from_nanos(now));
        self.second = now;
        recorder.take(from, to)
    }

    /// Share of its core the shard has used since last asked, in percent; nothing while that is too short a
    /// time to say anything, as it is where a phase ends within a second.
    fn busy(&mut self, now: Nanos) -> Option<f64> {
        let (since, before) = self.cpu;
        let wall = now.saturating_sub(since);
        if wall < SECOND / 2 {
            return None;
        }
        let cpu = health::thread_cpu();
        self.cpu = (now, cpu);
        Some(100.0 * cpu.saturating_sub(before).as_nanos() as f64 / wall as f64)
    }

    /// Takes all commands.
    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Begin(phase, start) => self.next_phase = Some((phase, start)),
                Command::Reuse(interval) => self.tools.recorder.reuse(interval),
                Command::Finish => self.finish(),
            }
        }
        self.done |= self.tools.shared.stop.load(Relaxed);
    }

    fn finish(&mut self) {
        let now = self.tools.now();
        for device in &mut self.devices {
            device.conclude(now, &mut self.tools);
        }
        let Tools { unanswered, shared, recorder, .. } = &mut self.tools;
        unanswered.conclude(now, &shared.metrics, recorder);
        self.tools.publish_counts();
        let interval = self.take(now);
        for device in &mut self.devices {
            device.finish(&mut self.tools);
        }
        let reasons = std::mem::take(&mut self.tools.reasons).into_iter().collect();
        let tally = std::mem::take(&mut self.tools.tally);
        let sightings = std::mem::take(&mut self.tools.sightings);
        let ending = Ending { interval, tally, sightings, reasons };
        let _ = self.reports.send(Report::Done(Box::new(ending)));
        self.done = true;
    }
}
