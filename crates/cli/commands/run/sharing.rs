//! Which part of a run this process has, and when it begins.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{SignedDuration, Timestamp};
use mqscope_load::Part;

use crate::{args::Sharing, exit::Failure};

/// What the options and the surroundings come to.
#[derive(Debug)]
pub(super) struct Together {
    pub(super) part: Part,
    pub(super) start_at: Option<SystemTime>,
    pub(super) meet_in: Option<PathBuf>,
}

pub(super) fn resolve(args: &Sharing) -> Result<Together, Failure> {
    let (part, from) = match args.shard {
        Some(part) => (part, "--shard"),
        // Dealt here, or not at all: what surrounds it has no say.
        None if args.processes.is_some() => (Part::WHOLE, ""),
        None => surroundings(|name| std::env::var(name).ok())?.unwrap_or((Part::WHOLE, "")),
    };
    let start = args.start_at.as_deref().map(start_at).transpose()?;
    if !part.is_whole() && args.rendezvous.is_none() {
        match start {
            None => {
                return Err(Failure::usage(format!(
                    "shard {part} (of {from}) must begin with the others: give all the same --start-at TIME, or a \
                     fresh folder they all see with --rendezvous DIR (or --shard 1/1 for a run of its own)"
                )));
            }
            Some(Start::FromNow(_)) => {
                return Err(Failure::usage(
                    "`--start-at +…` means another instant to every shard: write it as RFC 3339 or Unix seconds",
                ));
            }
            Some(Start::At(_)) => {}
        }
    }
    let start_at = start.map(|start| match start {
        Start::At(instant) => instant,
        Start::FromNow(ahead) => SystemTime::now() + ahead,
    });
    Ok(Together { part, start_at, meet_in: args.rendezvous.clone() })
}

/// The part that a Kubernetes Indexed Job or a Slurm array gives this process, and what says so. Where it says which and not of
/// how many, nothing is right to do: all parts at once would each be the whole.
fn surroundings(var: impl Fn(&str) -> Option<String>) -> Result<Option<(Part, &'static str)>, Failure> {
    let number = |name: &str| -> Result<Option<u32>, Failure> {
        let parse = |text: String| {
            let bad =
                || Failure::usage(format!("{name} is `{text}`, not a number; --shard I/N overrules it"));
            text.parse().map_err(|_| bad())
        };
        var(name).map(parse).transpose()
    };
    let wanted = |name: &str, from: &str| {
        number(name)?.ok_or_else(|| {
            Failure::usage(format!(
                "{from} says that this is one of several, and {name}, which must be known too, is not set: set it, or \
                 say --shard I/N (--shard 1/1 for a run of its own)"
            ))
        })
    };
    let (found, from) = if let Some(index) = number("JOB_COMPLETION_INDEX")? {
        let from = "JOB_COMPLETION_INDEX";
        ((index.saturating_add(1), wanted("MQSCOPE_SHARDS", from)?), from)
    } else if let Some(task) = number("SLURM_ARRAY_TASK_ID")? {
        let from = "SLURM_ARRAY_TASK_ID";
        let (of, first) = (wanted("SLURM_ARRAY_TASK_COUNT", from)?, wanted("SLURM_ARRAY_TASK_MIN", from)?);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        ((task.saturating_sub(first) / step + 1, of), from)
    } else {
        return Ok(None);
    };
    let (number, of) = found;
    let part = Part::new(number, of)
        .map_err(|error| Failure::usage(format!("{from}: {error}; --shard I/N overrules it")))?;
    Ok(Some((part, from)))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    At(SystemTime),
    FromNow(Duration),
}

fn start_at(text: &str) -> Result<Start, Failure> {
    let parsed = match text.strip_prefix('+') {
        Some(ahead) => {
            let ahead = ahead.parse::<SignedDuration>().ok().and_then(|ahead| ahead.try_into().ok());
            ahead.map(Start::FromNow)
        }
        None => match text.parse::<f64>() {
            Ok(seconds) => {
                let since = Duration::try_from_secs_f64(seconds).ok();
                since.and_then(|since| UNIX_EPOCH.checked_add(since)).map(Start::At)
            }
            Err(_) => {
                let instant = text.parse::<Timestamp>().ok();
                instant.and_then(|instant| SystemTime::try_from(instant).ok()).map(Start::At)
            }
        },
    };
    parsed.ok_or_else(|| {
        Failure::usage(format!(
            "`--start-at {text}` is no instant: write 2026-01-02T03:04:05Z, Unix seconds, or +5s"
        ))
    })
}

/// An instant as `--start-at` takes it, exactly.
pub(super) fn written(instant: SystemTime) -> Result<String, Failure> {
    Timestamp::try_from(instant).map(|instant| instant.to_string()).map_err(Failure::usage)
}

/// The instant `--start-at` means now.
pub(super) fn instant(text: &str) -> Result<SystemTime, Failure> {
    Ok(match start_at(text)? {
        Start::At(instant) => instant,
        Start::FromNow(ahead) => SystemTime::now() + ahead,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_of(vars: &[(&str, &str)]) -> Result<Option<Part>, String> {
        let var =
            |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        surroundings(var).map(|found| found.map(|(part, _)| part)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn schedulers_name_the_shard_where_they_name_the_count() {
        let part = |number, of| Ok(Some(Part::new(number, of).unwrap()));
        assert_eq!(part_of(&[]), Ok(None));
        let of_how_many = part_of(&[("JOB_COMPLETION_INDEX", "2")]).unwrap_err();
        assert!(of_how_many.contains("MQSCOPE_SHARDS") && of_how_many.contains("--shard"), "{of_how_many}");
        assert_eq!(part_of(&[("JOB_COMPLETION_INDEX", "2"), ("MQSCOPE_SHARDS", "4")]), part(3, 4));
        let slurm =
            [("SLURM_ARRAY_TASK_ID", "9"), ("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "3")];
        assert_eq!(part_of(&[("MQSCOPE_SHARDS", "4"), ("SLURM_ARRAY_TASK_COUNT", "4")]), Ok(None));
        assert!(part_of(&slurm[..1]).unwrap_err().contains("SLURM_ARRAY_TASK_COUNT"));
        assert!(part_of(&slurm[..2]).unwrap_err().contains("SLURM_ARRAY_TASK_MIN"));
        assert_eq!(part_of(&[&slurm[..], &[("SLURM_ARRAY_TASK_STEP", "2")]].concat()), part(4, 4));
        assert!(part_of(&slurm).unwrap_err().contains("--shard I/N"), "the 7th of 4");
        assert!(part_of(&[("JOB_COMPLETION_INDEX", "x"), ("MQSCOPE_SHARDS", "4")]).is_err());
    }

    #[test]
    fn an_instant_has_three_forms() {
        let at = |seconds, nanos| Start::At(UNIX_EPOCH + Duration::new(seconds, nanos));
        assert_eq!(start_at("1767323045").unwrap(), at(1_767_323_045, 0));
        assert_eq!(start_at("1767323045.5").unwrap(), at(1_767_323_045, 500_000_000));
        assert_eq!(start_at("2026-01-02T03:04:05.25Z").unwrap(), at(1_767_323_045, 250_000_000));
        assert_eq!(start_at("+1m30s").unwrap(), Start::FromNow(Duration::from_secs(90)));
        for text in ["", "soon", "+", "-5", "nan", "2026-01-02"] {
            assert!(start_at(text).is_err(), "{text}");
        }
        let instant = UNIX_EPOCH + Duration::new(1_767_323_045, 123_456_789);
        assert_eq!(start_at(&written(instant).unwrap()).unwrap(), Start::At(instant));
    }
}
