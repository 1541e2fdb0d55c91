//! `--processes N`: one run by N processes of this program, each with its shard.
//!
//! The parent talks to a child through the pipe to its standard input, whose end means "finish now, and report", and
//! listens to its standard output, one line a second. Children are in a process group of their own, so that Ctrl-C
//! reaches the parent alone, and a parent that is killed takes them along.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Sender},
    thread,
    time::{Duration, Instant},
};

use mqscope_load::parts::Finish;
use mqscope_report::write::Folder;

use super::{LOOK, Line, RECORD, clear, exit, folder, print_line, sharing};
use crate::{
    args::{Color, Run},
    commands::report,
    exit::{Exit, Failure, OrExit as _, Outcome},
    scenario,
    stop::Stop,
};

/// Where the shards meet, within the report folder.
const MEETING: &str = "meeting";
/// What the folders of the shards are called, before their numbers.
const SHARD: &str = "shard-";
/// How long a shard may take to finish once it is told to; then it is ended.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(args: &Run, count: u32, color: Color) -> Outcome {
    if args.scenario.scenario == Path::new("-") {
        return Err(Failure::usage(
            "standard input can be read once, and each of the processes reads the scenario: give them a file",
        ));
    }
    let stop = Stop::on_signals().or_io(|| "could not catch signals".to_owned())?;
    #[cfg(feature = "embedded-broker")]
    let embedded = args.embedded_broker.then(super::start_broker).transpose()?;
    #[cfg(feature = "embedded-broker")]
    let url = embedded.as_ref().map(|broker| broker.url());
    #[cfg(not(feature = "embedded-broker"))]
    let url: Option<String> = None;
    let plan = scenario::load(&args.scenario, url.clone(), color)?;
    if count > plan.devices() {
        return Err(Failure::usage(format!(
            "--processes {count} is more than the scenario has devices, {}: some would have nothing to do",
            plan.devices()
        )));
    }
    let folder = folder(args, &plan)?;
    let start_at = args.sharing.start_at.as_deref().map(sharing::instant).transpose()?;
    let start_at = start_at.map(sharing::written).transpose()?;

    // What an earlier run left in this folder is not this one's.
    let _ = fs::remove_dir_all(folder.path().join(MEETING));
    clear(&folder)?;
    clear_shards(&folder)?;
    let mut shards = Vec::new();
    for number in 1..=count {
        let out = folder.path().join(format!("{SHARD}{number}"));
        let mut command = command(args, url.as_deref(), start_at.as_deref(), folder.path())?;
        command.arg("--shard").arg(format!("{number}/{count}")).arg("--out").arg(&out);
        match Shard::start(number, out, command) {
            Ok(shard) => shards.push(shard),
            Err(failure) => {
                Shard::end_all(&mut shards);
                return Err(failure);
            }
        }
    }
    attend(&mut shards, &stop, args.quiet)?;
    let _ = fs::remove_dir_all(folder.path().join(MEETING));
    conclude(&shards, &folder, args, color)
}

/// Removes the reports of an earlier run's shards, which may have been more. A folder with something else in it stays.
fn clear_shards(folder: &Folder) -> Result<(), Failure> {
    let entries =
        fs::read_dir(folder.path()).or_io(|| format!("could not read {}", folder.path().display()))?;
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(SHARD)?.parse::<u32>().ok());
        if number.is_some() && entry.path().is_dir() {
            clear(&Folder::create(entry.path()).map_err(Failure::io)?)?;
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

/// The command of a shard, but for its number and folder.
fn command(args: &Run, url: Option<&str>, start_at: Option<&str>, folder: &Path) -> Result<Command, Failure> {
    let program = std::env::current_exe().or_io(|| "could not find this program".to_owned())?;
    let mut command = Command::new(program);
    let of = &args.scenario;
    command.args(["run", "--child", "--rendezvous"]).arg(folder.join(MEETING)).arg(&of.scenario);
    for var in &of.vars {
        command.args(["-e", var]);
    }
    let seed = of.seed.map(|seed| seed.to_string());
    let options = [
        ("--env", of.env.as_deref()),
        ("--broker", url.or(of.broker.as_deref())),
        ("--seed", seed.as_deref()),
        ("--start-at", start_at),
    ];
    for (option, value) in options {
        command.args(value.map(|value| [option, value]).into_iter().flatten());
    }
    Ok(command)
}

struct Shard {
    number: u32,
    out: PathBuf,
    child: Child,
    /// Its end ends the child's run.
    pipe: Option<ChildStdin>,
    /// When it was told to end.
    told: Option<Instant>,
    status: Option<ExitStatus>,
    /// Its last words on standard error.
    errors: mpsc::Receiver<String>,
    lines: Option<mpsc::Receiver<Line>>,
    last: Option<Line>,
}

impl Shard {
    fn start(number: u32, out: PathBuf, mut command: Command) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().or_io(|| format!("could not start shard {number}"))?;
        let (line, lines) = mpsc::channel();
        let (error, errors) = mpsc::channel();
        let parse = |text: String| serde_json::from_str::<Line>(&text).ok();
        let readers = (child.stdout.take(), child.stderr.take());
        if let (Some(out), Some(err)) = readers {
            thread::spawn(move || read(out, &line, parse));
            thread::spawn(move || read(err, &error, Some));
        }
        let pipe = child.stdin.take();
        let (told, status, last) = (None, None, None);
        Ok(Self { number, out, child, pipe, told, status, errors, lines: Some(lines), last })
    }

    fn end(&mut self) {
        if self.pipe.take().is_some() {
            self.told = Some(Instant::now());
        }
    }

    /// Ends them all and waits for them.
    fn end_all(shards: &mut [Shard]) {
        shards.iter_mut().for_each(Shard::end);
        for shard in shards {
            let _ = shard.child.wait();
        }
    }

    /// Takes what it said; whether it has ended.
    fn look(&mut self) -> Result<bool, Failure> {
        if let Some(lines) = &self.lines {
            self.last = lines.try_iter().last().or(self.last.take());
        }
        for error in self.errors.try_iter() {
            say!("shard {}: {}", self.number, error.strip_prefix("mqscope: ").unwrap_or(&error));
        }
        if self.status.is_some() {
            return Ok(true);
        }
        if self.told.is_some_and(|told| told.elapsed() > PATIENCE) {
            // Only ever the process that was started here.
            self.child.kill().or_io(|| format!("could not end shard {}", self.number))?;
        }
        self.status = self.child.try_wait().or_io(|| format!("could not wait for shard {}", self.number))?;
        Ok(self.status.is_some())
    }

    /// Its exit code, once it has ended; of one that was killed there is none.
    fn code(&self) -> Option<i32> {
        self.status.map(|status| status.code().unwrap_or(Exit::Io as i32))
    }

    /// How it ended without a report.
    fn fate(&self) -> String {
        let how = match self.status.and_then(|status| status.signal()) {
            Some(signal) => format!("was killed by signal {signal}"),
            None => format!("ended with exit code {}", self.code().unwrap_or(Exit::Io as i32)),
        };
        format!("shard {} {how} and left no report", self.number)
    }

    fn has_reported(&self) -> bool {
        self.out.join(RECORD).exists()
    }
}

/// Sends each line on until there are no more.
fn read<T>(from: impl Read, to: &Sender<T>, parse: impl Fn(String) -> Option<T>) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        if let Some(parsed) = parse(line)
            && to.send(parsed).is_err()
        {
            return;
        }
    }
}

/// Waits for all shards, tells how they go on, and ends them if asked to.
fn attend(shards: &mut [Shard], stop: &Stop, quiet: bool) -> Result<(), Failure> {
    let mut told = Instant::now();
    let mut asked = false;
    loop {
        let mut all = true;
        for shard in shards.iter_mut() {
            all &= shard.look()?;
        }
        if all {
            return Ok(());
        }
        if stop.asked() && !asked {
            asked = true;
            say!("mqscope: ending the run; press again to leave at once");
            shards.iter_mut().for_each(Shard::end);
        }
        // Without one of them there is no whole.
        if shards.iter().any(|shard| shard.status.is_some() && !shard.has_reported()) {
            shards.iter_mut().for_each(Shard::end);
        }
        if !quiet && told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            let mut lines = shards.iter().filter_map(|shard| shard.last.as_ref());
            if let Some(mut sum) = lines.next().cloned() {
                lines.for_each(|line| sum.add(line));
                print_line(&sum);
            }
        }
        thread::sleep(LOOK);
    }
}

/// Merges and judges.
fn conclude(shards: &[Shard], folder: &Folder, args: &Run, color: Color) -> Outcome {
    let (reported, gone): (Vec<&Shard>, Vec<&Shard>) = shards.iter().partition(|shard| shard.has_reported());
    let folders: Vec<PathBuf> = reported.iter().map(|shard| shard.out.clone()).collect();
    // One that failed by itself, not one that was ended for it.
    if let Some(first) =
        gone.iter().min_by_key(|shard| (shard.code() == Some(Exit::Interrupted as i32), shard.code()))
    {
        let finish = Finish { gone: gone.iter().map(|shard| shard.fate()).collect(), ..Finish::default() };
        // Where none or too little is left there is nothing to show.
        if let Ok((summary, series)) = report::merge_folders(&folders, &finish) {
            report::tell(&summary, folder, (!args.quiet).then_some(color), |folder| {
                folder.write(&summary, Some(&series)).map_err(Failure::io)
            })?;
        }
        let exit = match first.code() {
            Some(2) => Exit::Usage,
            Some(3) => Exit::Invalid,
            Some(130) => Exit::Interrupted,
            _ => Exit::Io,
        };
        return Err(Failure { exit, error: anyhow::anyhow!("{}", first.fate()) });
    }
    let (summary, series) = report::merge_folders(&folders, &Finish::default())?;
    report::tell(&summary, folder, (!args.quiet).then_some(color), |folder| {
        folder.write(&summary, Some(&series)).map_err(Failure::io)
    })?;
    Ok(exit(summary.outcome))
}
