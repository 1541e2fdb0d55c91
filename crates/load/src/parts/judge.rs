//! What was lost between parts.
//!
//! A part knows what it sent to whom, and another what came. That they can be held against each other exactly takes
//! that everyone who was to get a message was subscribed for as long as messages were sent to them in that phase, or
//! not at all; that phases began at the same instants; and that clocks are one, or their error is known and small
//! against the distances in question.

use std::collections::BTreeMap;

use mqscope_wire::QoS;
use rustc_hash::FxHashMap;

use super::Record;

/// Of a phase, group and quality of service: deliveries that were to be, and that were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub expected: i64,
    pub delivered: i64,
}

pub(super) type Cells = BTreeMap<(u32, u32, u8), Cell>;

struct Stay {
    granted: u8,
    since_us: u64,
    until_us: Option<u64>,
}

/// How a device's stay and a stretch of sending lie to each other.
enum Overlap {
    All,
    Nothing,
    Some,
}

/// What every cell should have got and got, or why that cannot be told. `error_us` is how far two of the parts' clocks
/// may be apart; `None` when nobody knows.
pub(super) fn judge(records: &[&Record], error_us: Option<u64>) -> Result<Cells, String> {
    let error_us = error_us.ok_or(
        "the shards ran on several machines, and nobody knows how far their clocks are apart (--clock-error)",
    )?;
    let Some(first) = records.first() else { return Ok(Cells::new()) };
    for record in records {
        if !record.ledger.complete {
            return Err(format!("shard {} sent to more different audiences than are kept", record.part));
        }
        same_phases(first, record)?;
    }
    let mut stays: FxHashMap<u32, Stay> = FxHashMap::default();
    for record in records {
        for &(device, granted, since_us, until_us) in &record.ledger.stays {
            stays.insert(device, Stay { granted, since_us, until_us });
        }
    }
    let mut cells = Cells::new();
    for record in records {
        expect(record, &stays, error_us, &mut cells)?;
        for &(phase, group, qos, count) in &record.ledger.delivered {
            cells.entry((phase, group, qos)).or_default().delivered += count;
        }
    }
    Ok(cells)
}

fn same_phases(first: &Record, other: &Record) -> Result<(), String> {
    let (ours, theirs) = (&first.phase_starts_ns, &other.phase_starts_ns);
    let differs = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
    let phase = match differs {
        Some(phase) => phase,
        None if ours.len() == theirs.len() => return Ok(()),
        None => ours.len().min(theirs.len()),
    };
    let name = first.phases.get(phase).map_or("?", |(name, _)| name.as_str());
    let (one, two) = (first.part, other.part);
    Err(match differs {
        Some(_) => format!(
            "phase {name} began at different instants in shards {one} and {two}: they agree on one when they meet \
             (--rendezvous)"
        ),
        None => format!("not both of shards {one} and {two} came to phase {name}"),
    })
}

/// Adds what a part's messages make one expect.
fn expect(
    record: &Record,
    stays: &FxHashMap<u32, Stay>,
    error_us: u64,
    cells: &mut Cells,
) -> Result<(), String> {
    let unclear = |phase: u32, device: u32| {
        let phase = record.phases.get(phase as usize).map_or("?", |(name, _)| name.as_str());
        format!("device {device} came or left while messages were sent to it in phase {phase}")
    };
    for &(audience, phase, published, count, first_us, last_us) in &record.ledger.sent {
        let Some(audience) = record.ledger.audiences.get(audience as usize) else {
            return Err(format!("shard {} sent to an audience it does not name", record.part));
        };
        let mut add = |device: u32, qos: u8, granted: u8| {
            let cell = (phase, group_of(record, device), published.min(qos).min(granted));
            cells.entry(cell).or_default().expected += count;
        };
        let look = |device: u32| {
            let stay = stays.get(&device)?;
            Some((stay.granted, stay.overlap(first_us, last_us, error_us)))
        };
        for &(device, qos) in &audience.direct {
            match look(device) {
                Some((granted, Overlap::All)) => add(device, qos, granted),
                Some((_, Overlap::Some)) if count != 0 => return Err(unclear(phase, device)),
                _ => {}
            }
        }
        for members in &audience.shared {
            let looks = || members.iter().filter_map(|(device, qos)| Some((*device, *qos, look(*device)?)));
            let all = looks().find(|(.., (_, overlap))| matches!(overlap, Overlap::All));
            let some = looks().find(|(.., (_, overlap))| matches!(overlap, Overlap::Some));
            match (all, some) {
                // Who came meanwhile may have got some before it counts itself as there.
                (_, Some((device, ..))) if count != 0 => return Err(unclear(phase, device)),
                // Whichever member gets it: booked where the share's are, which its receiver knows as well.
                (Some(_), _) => {
                    let lowest = members.iter().map(|(_, qos)| *qos).min();
                    if let (Some((first, _)), Some(lowest)) = (members.first(), lowest) {
                        add(*first, lowest, lowest);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn group_of(record: &Record, device: u32) -> u32 {
    let groups = &record.groups;
    groups.partition_point(|(_, first, _)| *first <= device).saturating_sub(1) as u32
}

impl Stay {
    fn overlap(&self, first_us: u64, last_us: u64, error_us: u64) -> Overlap {
        let Some(until_us) = self.until_us else { return Overlap::Some };
        let (since, until) = (self.since_us, until_us);
        if since.saturating_add(error_us) <= first_us && last_us.saturating_add(error_us) < until {
            Overlap::All
        } else if since > last_us.saturating_add(error_us) || until.saturating_add(error_us) <= first_us {
            Overlap::Nothing
        } else {
            Overlap::Some
        }
    }
}

/// The name of a quality of service as metrics are tagged with it.
pub(super) fn tag(qos: u8) -> &'static str {
    ["0", "1", "2"][QoS::from_bits(qos) as usize % 3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::{Host, Ledger, ledger::Audience};

    /// Devices 0 to 9 publish, 10 and 11 subscribe.
    fn record(part: u32, ledger: Ledger) -> Record {
        Record {
            schema: Record::SCHEMA.to_owned(),
            part,
            of: 2,
            plan: "7".to_owned(),
            start_unix_ns: 0,
            phase_starts_ns: vec![10, 500],
            groups: vec![("pub".to_owned(), 0, 10), ("sub".to_owned(), 10, 2)],
            phases: vec![("connect".to_owned(), true), ("steady".to_owned(), true)],
            host: Host::default(),
            thresholds: Vec::new(),
            validity: Vec::new(),
            failures: Vec::new(),
            ledger: Ledger { complete: true, ..ledger },
        }
    }

    fn publisher(direct: Vec<(u32, u8)>, shared: Vec<Vec<(u32, u8)>>) -> Record {
        let ledger = Ledger {
            audiences: vec![Audience { direct, shared }],
            sent: vec![(0, 1, 1, 40, 1_000, 9_000)],
            ..Ledger::default()
        };
        record(1, ledger)
    }

    fn subscriber(stays: Vec<(u32, u8, u64, Option<u64>)>, delivered: i64) -> Record {
        record(2, Ledger { stays, delivered: vec![(1, 1, 1, delivered)], ..Ledger::default() })
    }

    fn lost(publisher: &Record, subscriber: &Record, error_us: u64) -> Result<(i64, i64), String> {
        let cells = judge(&[publisher, subscriber], Some(error_us))?;
        let cell = cells.get(&(1, 1, 1)).copied().unwrap_or_default();
        Ok((cell.expected, cell.expected - cell.delivered))
    }

    #[test]
    fn what_one_part_sent_and_another_did_not_get_is_lost() {
        let stays = vec![(10, 2, 900, Some(20_000)), (11, 1, 1_000, Some(9_001))];
        let sent = publisher(vec![(10, 1), (11, 2)], Vec::new());
        assert_eq!(lost(&sent, &subscriber(stays.clone(), 80), 0), Ok((80, 0)));
        assert_eq!(lost(&sent, &subscriber(stays, 77), 0), Ok((80, 3)));
        assert_eq!(lost(&sent, &subscriber(Vec::new(), 0), 0), Ok((0, 0)), "nobody was there");
    }

    #[test]
    fn who_came_or_left_in_between_makes_it_unclear() {
        let sent = publisher(vec![(10, 1)], Vec::new());
        for stay in [(1_001, Some(20_000)), (900, Some(9_000)), (900, None)] {
            let subscriber = subscriber(vec![(10, 2, stay.0, stay.1)], 39);
            let why = lost(&sent, &subscriber, 0).expect_err("unclear");
            assert!(why.contains("device 10") && why.contains("steady"), "{why}");
        }
        for stay in [(9_001, Some(20_000)), (100, Some(1_000))] {
            assert_eq!(lost(&sent, &subscriber(vec![(10, 2, stay.0, stay.1)], 0), 0), Ok((0, 0)));
        }
    }

    #[test]
    fn clocks_that_may_be_apart_take_a_distance() {
        let sent = publisher(vec![(10, 1)], Vec::new());
        let subscriber = subscriber(vec![(10, 2, 900, Some(20_000))], 40);
        assert_eq!(lost(&sent, &subscriber, 100), Ok((40, 0)));
        assert!(lost(&sent, &subscriber, 101).is_err());
        assert!(judge(&[&sent, &subscriber], None).expect_err("unknown").contains("--clock-error"));
    }

    #[test]
    fn one_member_of_a_shared_subscription_is_owed_each_message() {
        let sent = publisher(Vec::new(), vec![vec![(10, 1), (11, 1)]]);
        let both = vec![(10, 1, 900, Some(20_000)), (11, 1, 5_000, Some(20_000))];
        assert!(lost(&sent, &subscriber(both, 40), 0).is_err(), "11 may have got some before it was there");
        let both = vec![(10, 1, 900, Some(20_000)), (11, 1, 900, Some(20_000))];
        assert_eq!(lost(&sent, &subscriber(both, 40), 0), Ok((40, 0)));
        let late = vec![(11, 1, 900, Some(20_000))];
        assert_eq!(
            lost(&sent, &subscriber(late, 30), 0),
            Ok((40, 10)),
            "booked with the first, there or not"
        );
        let changing = vec![(10, 1, 900, Some(5_000)), (11, 1, 4_000, Some(20_000))];
        assert!(lost(&sent, &subscriber(changing, 40), 0).is_err());
    }

    #[test]
    fn phases_that_did_not_begin_together_are_not_compared() {
        let sent = publisher(vec![(10, 1)], Vec::new());
        let mut other = subscriber(vec![(10, 2, 900, Some(20_000))], 40);
        other.phase_starts_ns[1] += 1;
        let why = lost(&sent, &other, 0).expect_err("unclear");
        assert!(why.contains("steady") && why.contains("--rendezvous"), "{why}");
        other.phase_starts_ns.pop();
        assert!(lost(&sent, &other, 0).expect_err("unclear").contains("steady"));
        let cut = record(2, Ledger::default());
        let cut = Record { ledger: Ledger { complete: false, ..cut.ledger.clone() }, ..cut };
        assert!(lost(&sent, &cut, 0).is_err());
    }
}
