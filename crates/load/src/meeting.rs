//! How the parts of a run agree on an instant: through files in a folder that all of them see.
//!
//! Each part has a file of its own there, and adds a line for each meeting it has come to, with the instant it
//! proposes. The latest of all proposals is agreed on as soon as everyone has made one; a part that has ended agrees
//! with all.
//!
//! ```text
//! part-2-of-4:   of 4 1f3a…            who it is, and what it runs
//!                0 1767323045500000000 the start, nanoseconds of the Unix clock
//!                1 1767323047120000000 the end of phase 0
//!                gone
//! ```
//!
//! A file is opened, written and closed for each line, and opened anew for each look: that is what network file
//! systems promise to show to others. No line is ever changed, and one without its end is not there yet.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::part::Part;

const GONE: &str = "gone";

/// What stands in the way of a meeting.
#[derive(Debug, thiserror::Error)]
pub enum MeetingError {
    /// The folder has been used by another run.
    #[error("{} was used by another run: give each run a fresh folder to meet in", path.display())]
    Used {
        /// The file that should not be there.
        path: PathBuf,
    },
    /// Who is there runs something else.
    #[error(
        "{} is of another run: all shards take the same scenario, variables, seed and number of shards",
        path.display()
    )]
    Other {
        /// Its file.
        path: PathBuf,
    },
    /// Not all parts came.
    #[error("shards {missing} did not come within {waited}")]
    Missing {
        /// Their numbers.
        missing: String,
        /// How long they were waited for.
        waited: String,
    },
    /// Parts ended that should have come.
    #[error("shards {missing} ended before the run began")]
    Gone {
        /// Their numbers.
        missing: String,
    },
    /// The folder or a file cannot be read or written.
    #[error("cannot meet in {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// One part's place among the others.
#[derive(Debug)]
pub(crate) struct Meeting {
    folder: PathBuf,
    part: Part,
    /// What everyone's first line says.
    head: String,
    /// What is known of each part: instants by meeting, and whether it has ended.
    known: Vec<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    proposals: Vec<(usize, i64)>,
    gone: bool,
}

impl Meeting {
    /// Comes in. `plan` tells the runs of one scenario from those of another.
    pub(crate) fn join(folder: &Path, part: Part, plan: u64) -> Result<Self, MeetingError> {
        let head = format!("of {} {plan:016x}", part.of());
        let known = vec![Known::default(); part.of() as usize];
        let meeting = Self { folder: folder.to_owned(), part, head, known };
        let path = meeting.path(part.number());
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| MeetingError::File { path, source }
        };
        fs::create_dir_all(folder).map_err(at(folder))?;
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => writeln!(file, "{}", meeting.head).map_err(at(&path))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(MeetingError::Used { path });
            }
            Err(source) => return Err(MeetingError::File { path, source }),
        }
        Ok(meeting)
    }

    /// Says that this part has come to a meeting, and which instant it proposes.
    pub(crate) fn propose(&self, meeting: usize, unix_ns: i64) -> Result<(), MeetingError> {
        let path = self.path(self.part.number());
        self.add(&format!("{meeting} {unix_ns}\n")).map_err(|source| MeetingError::File { path, source })
    }

    /// The instant agreed on, once everyone has come.
    pub(crate) fn agreed(&mut self, meeting: usize) -> Result<Option<i64>, MeetingError> {
        for number in 1..=self.part.of() {
            let known = &self.known[number as usize - 1];
            if !known.gone && known.at(meeting).is_none() {
                self.known[number as usize - 1] = self.look(number)?;
            }
        }
        if self.known.iter().any(|known| !known.gone && known.at(meeting).is_none()) {
            return Ok(None);
        }
        Ok(self.known.iter().filter_map(|known| known.at(meeting)).max())
    }

    /// The numbers of those who have not come to a meeting, ended or not.
    pub(crate) fn missing(&self, meeting: usize) -> String {
        let missing = (1..).zip(&self.known).filter(|(_, known)| known.at(meeting).is_none());
        missing.map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// The numbers of those who ended without having come to a meeting, if there are any.
    pub(crate) fn gone(&self, meeting: usize) -> Option<String> {
        let gone = (1..).zip(&self.known).filter(|(_, known)| known.gone && known.at(meeting).is_none());
        let gone: Vec<String> = gone.map(|(number, _)| number.to_string()).collect();
        (!gone.is_empty()).then(|| gone.join(", "))
    }

    fn look(&self, number: u32) -> Result<Known, MeetingError> {
        let path = self.path(number);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Known::default()),
            Err(source) => return Err(MeetingError::File { path, source }),
        };
        let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        match lines.next() {
            None => return Ok(Known::default()),
            Some(head) if head != self.head => return Err(MeetingError::Other { path }),
            Some(_) => {}
        }
        let mut known = Known::default();
        for line in lines {
            known.gone |= line == GONE;
            if let Some((meeting, instant)) = line.split_once(' ')
                && let (Ok(meeting), Ok(instant)) = (meeting.parse(), instant.parse())
            {
                known.proposals.push((meeting, instant));
            }
        }
        Ok(known)
    }

    fn add(&self, line: &str) -> io::Result<()> {
        OpenOptions::new().append(true).open(self.path(self.part.number()))?.write_all(line.as_bytes())
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("part-{number}-of-{}", self.part.of()))
    }
}

impl Known {
    fn at(&self, meeting: usize) -> Option<i64> {
        self.proposals.iter().find(|(known, _)| *known == meeting).map(|(_, instant)| *instant)
    }
}

impl Drop for Meeting {
    /// Whatever became of this part, the others need not wait for it.
    fn drop(&mut self) {
        let _ = self.add(&format!("{GONE}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, of: u32) -> Part {
        Part::new(number, of).expect("a part")
    }

    fn join(folder: &Path, number: u32) -> Meeting {
        Meeting::join(folder, part(number, 3), 7).expect("joins")
    }

    #[test]
    fn the_latest_proposal_is_agreed_on_when_everyone_has_come() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut one, mut two) = (join(folder.path(), 1), join(folder.path(), 2));
        one.propose(0, 100).expect("writes");
        two.propose(0, 300).expect("writes");
        assert_eq!(one.agreed(0).expect("reads"), None);
        assert_eq!(one.missing(0), "3");
        let three = join(folder.path(), 3);
        three.propose(0, 200).expect("writes");
        assert_eq!(one.agreed(0).expect("reads"), Some(300));
        assert_eq!(two.agreed(0).expect("reads"), Some(300));
        assert_eq!(one.agreed(1).expect("reads"), None, "the next meeting is another");
    }

    #[test]
    fn who_has_ended_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut one, two) = (join(folder.path(), 1), join(folder.path(), 2));
        drop(join(folder.path(), 3));
        one.propose(4, 100).expect("writes");
        two.propose(4, 50).expect("writes");
        assert_eq!(one.agreed(4).expect("reads"), Some(100));
        assert_eq!(one.missing(4), "3");
        assert_eq!(one.gone(4).as_deref(), Some("3"));
    }

    #[test]
    fn a_line_that_is_being_written_is_not_there_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut one, two) = (join(folder.path(), 1), join(folder.path(), 2));
        let three = join(folder.path(), 3);
        one.propose(0, 1).and_then(|()| two.propose(0, 2)).expect("writes");
        three.add("0 31").expect("writes");
        assert_eq!(one.agreed(0).expect("reads"), None);
        three.add("41\n").expect("writes");
        assert_eq!(one.agreed(0).expect("reads"), Some(3141));
    }

    #[test]
    fn a_folder_serves_one_run() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(join(folder.path(), 1));
        let again = Meeting::join(folder.path(), part(1, 3), 7).expect_err("used");
        assert!(matches!(again, MeetingError::Used { .. }), "{again}");
        let mut other = Meeting::join(folder.path(), part(2, 3), 8).expect("joins");
        let other = other.agreed(0).expect_err("another plan");
        assert!(matches!(other, MeetingError::Other { .. }), "{other}");
    }
}
