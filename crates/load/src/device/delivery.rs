//! What a delivery is: which message, for which of the device's subscriptions, and where it is booked.

use std::time::Duration;

use mqscope_wire::{Publish, QoS};

use super::Device;
use super::hello::since;
use crate::ledger::{Gaps, Sighting, Way, pair};
use crate::scenario::Subscribe;
use crate::session::Nanos;
use crate::stamp::{Mark, NAME};
use crate::tools::Tools;
use crate::topics::{filter_texts, matches, split_share};

impl Device {
    /// A message for this device.
    pub(super) fn delivered(&mut self, message: &Publish<'_>, now: Nanos, tools: &mut Tools) {
        tools.counts.delivered += 1;
        let group = usize::from(self.group);
        let shared = tools.shared.clone();
        let now_unix = shared.clock.unix(now);
        let Some(mark) = self.mark(message, now_unix, tools) else {
            if let Some((recorder, cell)) = tools.current_metrics(self.group) {
                recorder.count(cell.deliveries, 1);
                if !shared.unstamped {
                    recorder.count(cell.unexpected, 1);
                }
            }
            return;
        };
        let intended = shared.clock.since_start(mark.intended_ns);
        let scattered = shared.sharing[group] || shared.list(mark.stream).scattered;
        let gaps = if scattered { Gaps::Usual } else { Gaps::Rare };
        let (sighting, first) = tools.sightings.see(self.number, mark.stream, mark.sequence, gaps);
        if self.is_stray(message, mark.stream, first, tools) {
            // Nobody's: in place of one that is owed it would hide a loss.
            if let Some((recorder, cell)) = tools.metrics(intended, group) {
                recorder.count(cell.deliveries, 1);
                recorder.count(cell.unexpected, 1);
            }
            return;
        }
        let phase = shared.phase_at(intended);
        let qos = self.effective_qos(message, mark.stream, tools);
        let way = self.way(message, mark.stream, tools);
        let mut second = false;
        match (way, sighting) {
            (Way::Both { second: share, .. }, Sighting::Again) => {
                let (sighting, _) = tools.seconds.see(self.number, mark.stream, mark.sequence, Gaps::Usual);
                second = matches!(sighting, Sighting::New | Sighting::Late);
                if second {
                    self.book(Some(share), phase, qos, &mark, tools);
                }
            }
            (_, Sighting::Again) => {}
            (Way::Own, _) => self.book(None, phase, qos, &mark, tools),
            (Way::Share(share), _) => self.book(Some(share), phase, qos, &mark, tools),
            (Way::Both { first, .. }, _) => self.book(first, phase, qos, &mark, tools),
        }
        let overlapping = match way {
            Way::Both { .. } => second,
            _ => {
                sighting == Sighting::Again
                    && self.own_filters(message, mark.stream, tools).is_some_and(|(count, _)| count > 1)
            }
        };
        let Some(cell) = shared.metrics.cell(phase, group) else { return };
        let recorder = &mut tools.recorder;
        recorder.count(cell.deliveries, 1);
        let by_qos = &cell.by_qos[qos as usize % 3];
        match sighting {
            Sighting::Again if overlapping => recorder.count(cell.overlapping, 1),
            Sighting::Again => recorder.count(by_qos.duplicated, 1),
            Sighting::Late => recorder.count(by_qos.reordered, 1),
            Sighting::New | Sighting::Unknown => {}
        }
        // A retained message is as old as it is, and a repetition was measured before.
        if sighting != Sighting::Again && !message.retain {
            let response = since(intended, now);
            let service = response.saturating_sub(Duration::from_nanos(mark.lag_ns));
            recorder.response_and_service(cell.delivery, response, service);
        }
    }

    /// The stamp, if the message is one of this run.
    fn mark(&self, message: &Publish<'_>, now_unix: i64, tools: &Tools) -> Option<Mark> {
        let run = tools.shared.run;
        let mark = Mark::of_payload(message.payload, run, now_unix).or_else(|| {
            let mut user = message.properties.user_properties();
            let (_, value) = user.find(|(name, _)| *name == NAME)?;
            Mark::from_hex(value.as_bytes(), run, now_unix)
        })?;
        (mark.stream < tools.shared.plan.streams()).then_some(mark)
    }

    /// The quality under which the publisher expects this delivery. That is the packet's own, except that a
    /// broker may send a copy for each of several filters, each at its own quality.
    fn effective_qos(&self, message: &Publish<'_>, stream: u32, tools: &Tools) -> QoS {
        if self.of(tools).subscribe.len() < 2 {
            return message.qos;
        }
        let list = tools.shared.list(stream);
        let published = tools.shared.plan.groups[list.group].publish[list.list].qos;
        if message.qos == published {
            return message.qos;
        }
        self.own_filters(message, stream, tools).map_or(message.qos, |(_, best)| published.min(best))
    }

    /// Whether none of the device's filters asks for the message. Where a stream has one topic, its `first` message to the device
    /// says it of all.
    fn is_stray(&self, message: &Publish<'_>, stream: u32, first: bool, tools: &mut Tools) -> bool {
        let moving = tools.shared.list(stream).scattered;
        let pair = pair(self.number, stream);
        if (first || moving) && self.own_filters(message, stream, tools).is_none() {
            if !moving {
                tools.strays.insert(pair);
            }
            return true;
        }
        !tools.strays.is_empty() && tools.strays.contains(&pair)
    }

    /// How many of the device's filters ask for a message, and the best quality among them.
    fn own_filters(&self, message: &Publish<'_>, stream: u32, tools: &Tools) -> Option<(usize, QoS)> {
        self.asking(message, stream, tools).fold(None, |found, (_, subscribe)| {
            let (count, best) = found.unwrap_or((0, QoS::AtMostOnce));
            Some((count + 1, best.max(subscribe.qos)))
        })
    }

    /// The device's subscriptions that ask for a message, each with its place in the group's list.
    fn asking<'t>(
        &self,
        message: &Publish<'t>,
        stream: u32,
        tools: &'t Tools,
    ) -> impl Iterator<Item = (usize, &'t Subscribe)> {
        let topic = String::from_utf8_lossy(message.topic.as_bytes());
        let is_own = tools.shared.publisher(stream) == self.number;
        filter_texts(&tools.shared.plan, self.of(tools), self.i)
            .enumerate()
            .filter(move |(_, (filter, subscribe))| {
                !(is_own && subscribe.no_local) && matches(split_share(filter).1, &topic)
            })
            .map(|(place, (_, subscribe))| (place, subscribe))
    }

    /// By which of the device's subscriptions a stream's messages come.
    fn way(&self, message: &Publish<'_>, stream: u32, tools: &mut Tools) -> Way {
        if !tools.shared.sharing[usize::from(self.group)] {
            return Way::Own;
        }
        let memberships = tools.shared.filters.memberships(self.number);
        if let [Some(share)] = memberships {
            return Way::Share(*share);
        }
        let moving = tools.shared.list(stream).scattered;
        let pair = pair(self.number, stream);
        if let Some(way) = tools.ways.get(&pair).filter(|_| !moving) {
            return *way;
        }
        let asking = self.asking(message, stream, tools).map(|(place, _)| memberships[place]);
        let (shares, own): (Vec<_>, Vec<_>) = asking.partition(Option::is_some);
        let mut shares = shares.into_iter().flatten();
        let way = match (own.is_empty(), shares.next(), shares.next()) {
            (_, None, _) => Way::Own,
            (true, Some(share), None) => Way::Share(share),
            (true, first, Some(second)) => Way::Both { first, second },
            (false, Some(second), _) => Way::Both { first: None, second },
        };
        if !moving {
            tools.ways.insert(pair, way);
        }
        way
    }

    /// Books a delivery where it was expected, if it was: for a shared subscription, or for the device's own.
    fn book(&self, share: Option<u32>, phase: usize, qos: QoS, mark: &Mark, tools: &mut Tools) {
        let Tools { shared, tally, counts, .. } = tools;
        let owes = |device: u32| shared.roll.owes(device, mark.sent_us());
        let Some(share) = share.map(|share| shared.filters.share(share)) else {
            if owes(self.number) {
                tally.deliver(phase, usize::from(self.group), qos);
                counts.outstanding -= 1;
            }
            return;
        };
        // Whichever member it is owed to, any may get it.
        if owes(self.number) || share.members.iter().any(|member| owes(*member)) {
            let list = shared.list(mark.stream);
            let published = shared.plan.groups[list.group].publish[list.list].qos;
            tally.deliver(phase, usize::from(share.group), published.min(share.qos));
            counts.outstanding -= 1;
        }
    }
}
