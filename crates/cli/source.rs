//! Where traffic comes from, resolved: the capture behind `-r`, `-i` or `--tap`, and when to stop reading it.

use std::{
    ffi::OsString,
    fs,
    io::ErrorKind,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mqscope_capture::{Capture, live};
use mqscope_dissect::{Settings, Snapshot, annotate::Secrets, filter::Filter};

use crate::{
    args,
    exit::{Failure, OrExit as _},
    tap::{self, Tap, TapSettings},
};

/// What live traffic takes of the disk at most, the oldest frames going first; what is decrypted, unmasked and inflated of
/// it may take as much again, and so may the notes on where that came from.
pub(crate) const SPOOL_BYTES: u64 = 4 << 30;

/// An opened source.
pub(crate) struct Source {
    pub(crate) capture: Capture,
    /// What people call it: the file, the interface, the tap.
    pub(crate) name: String,
    /// Keeps the tap forwarding.
    pub(crate) tap: Option<Tap>,
}

/// Opens what the arguments name.
pub(crate) fn open(args: &args::Source) -> Result<Source, Failure> {
    match (&args.read, &args.interface, &args.tap) {
        (Some(_), ..) if args.capture_filter.is_some() => {
            Err(Failure::usage("-f filters what is captured live; for a file, -Y takes a display filter"))
        }
        (Some(path), ..) => open_file(path),
        (_, Some(interface), _) => {
            let options = live::LiveOptions {
                filter: args.capture_filter.clone(),
                snaplen: args.snapshot_length,
                buffer_mib: args.buffer_mib,
                ring_bytes: Some(SPOOL_BYTES),
                ..live::LiveOptions::new(interface)
            };
            let capture = live::open(&options).map_err(Failure::io)?;
            Ok(Source { capture, name: interface.clone(), tap: None })
        }
        (_, _, Some(tap)) => {
            let settings = TapSettings::parse(tap).map_err(Failure::usage)?;
            let (tap, capture) = tap::start(settings).map_err(Failure::io)?;
            let name = format!("tap {} to {}", tap.address, tap.broker);
            Ok(Source { capture, name, tap: Some(tap) })
        }
        _ => Err(Failure::usage(
            "nothing to read: give -r FILE, -i INTERFACE (see `mqscope interfaces`) or --tap LISTEN=URL",
        )),
    }
}

fn open_file(path: &Path) -> Result<Source, Failure> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    Ok(Source { capture: Capture::open(path).map_err(Failure::io)?, name, tap: None })
}

/// The display filter, if one was given; its error shows the column.
pub(crate) fn filter(args: &args::Source) -> Result<Option<Filter>, Failure> {
    let Some(text) = &args.filter else { return Ok(None) };
    let filter = Filter::parse(text)
        .map_err(|error| Failure::usage(format!("display filter: {error}\n{}", error.picture(text))))?;
    for warning in filter.warnings() {
        say!("mqscope: display filter: {}", warning.message);
    }
    Ok(Some(filter))
}

/// What the indexer is told.
pub(crate) fn settings(args: &args::Source) -> Result<Settings, Failure> {
    let decode_as = args.decode_as.iter().map(|rule| rule.parse()).collect::<Result<_, _>>().or_usage()?;
    let is_file = args.read.as_deref().is_some_and(|path| path != Path::new("-"));
    let keylog = keylog(args.keylog.as_deref(), std::env::var_os("SSLKEYLOGFILE"), is_file)?;
    let await_keys = keylog.is_some() && !is_file;
    Ok(Settings { decode_as, keylog, await_keys })
}

/// The key log: what was asked for has to be readable; what the environment names, perhaps for another program, counts
/// if it is. While capturing live, it may come later.
fn keylog(
    asked: Option<&Path>,
    environment: Option<OsString>,
    is_file: bool,
) -> Result<Option<PathBuf>, Failure> {
    let named = environment.filter(|name| !name.is_empty()).map(PathBuf::from);
    let Some(path) = asked.map(Path::to_owned).or(named) else { return Ok(None) };
    let problem = match fs::metadata(&path) {
        // Opening a pipe would wait for who writes it, and it cannot be read from its beginning.
        Ok(found) if !found.is_file() && !found.file_type().is_char_device() => "is no file".to_owned(),
        Ok(_) => match fs::File::open(&path) {
            Ok(_) => return Ok(Some(path)),
            Err(error) => format!("cannot be read: {error}"),
        },
        Err(error) if error.kind() == ErrorKind::NotFound && !is_file => return Ok(Some(path)),
        Err(error) if error.kind() == ErrorKind::NotFound && asked.is_none() => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    let path = path.display();
    if asked.is_none() {
        say!("mqscope: key log {path}, which SSLKEYLOGFILE names, {problem}; it is left aside");
        return Ok(None);
    }
    Err(Failure::io(anyhow::anyhow!("key log {path} {problem}; without it nothing can be decrypted")))
}

/// When to stop by itself, besides at the end.
#[derive(Debug, Default)]
pub(crate) struct StopAt {
    pub(crate) packets: Option<u64>,
    duration: Option<Duration>,
    bytes: Option<u64>,
    began: Option<Instant>,
}

impl StopAt {
    pub(crate) fn parse(args: &args::StopAt) -> Result<Self, Failure> {
        let mut stop = Self { packets: args.count, began: Some(Instant::now()), ..Self::default() };
        for condition in &args.autostop {
            let wrong = || {
                Failure::usage(format!(
                    "`-a {condition}`: write duration:SECONDS or filesize:MIB, for example duration:30"
                ))
            };
            let (kind, number) = condition.split_once(':').ok_or_else(wrong)?;
            let number: f64 = number.parse().ok().filter(|number: &f64| *number > 0.0).ok_or_else(wrong)?;
            match kind {
                "duration" => stop.duration = Some(Duration::try_from_secs_f64(number).map_err(|_| wrong())?),
                "filesize" => stop.bytes = Some((number * f64::from(1 << 20)) as u64),
                _ => return Err(wrong()),
            }
        }
        Ok(stop)
    }

    /// Whether time or size is up, with so many bytes of frames read.
    pub(crate) fn is_reached(&self, bytes: u64) -> bool {
        let late = |duration| self.began.is_some_and(|began| began.elapsed() >= duration);
        self.bytes.is_some_and(|most| bytes >= most) || self.duration.is_some_and(late)
    }
}

/// What the reader should know about how the reading ended, on standard error.
pub(crate) fn report_losses(capture: &Capture) {
    if let Some(truncation) = capture.truncation() {
        say!("mqscope: {}: {truncation}; what precedes it is shown", capture.name());
    }
    let stats = capture.stats();
    let lost = stats.kernel_drops + stats.interface_drops + stats.ring_drops;
    if lost > 0 {
        say!(
            "mqscope: {lost} frames lost (kernel {}, interface {}, ring {}); a larger -B or a narrower -f helps",
            stats.kernel_drops,
            stats.interface_drops,
            stats.ring_drops
        );
    }
}

/// What was there and could not be shown as packets, on standard error.
pub(crate) fn report_unseen(snapshot: &Snapshot) {
    let traffic = snapshot.traffic();
    if snapshot.is_empty() && snapshot.frames() > 0 {
        let connections = if traffic.connections == 1 { "connection" } else { "connections" };
        say!(
            "mqscope: no MQTT was found in {} frames with {} TCP {connections}",
            snapshot.frames(),
            traffic.connections
        );
    }
    for reason in traffic.unreadable() {
        say!("mqscope: {reason}");
    }
    if traffic.encrypted > 0 {
        let connections = if traffic.encrypted == 1 { "connection" } else { "connections" };
        let why = match traffic.secrets {
            None => "--keylog FILE decrypts with the secrets that `node --tls-keylog=FILE` or SSLKEYLOGFILE=FILE writes"
                .to_owned(),
            Some(0) => "the key log has no secrets: is it what `node --tls-keylog=FILE` or SSLKEYLOGFILE=FILE wrote?"
                .to_owned(),
            Some(secrets) => format!(
                "the key log has secrets of {secrets}, these not among them, or not all of theirs: was it written \
                 while this was captured?"
            ),
        };
        say!(
            "mqscope: {} TLS {connections} could not be decrypted; `-Y tls` shows the handshakes; {why}",
            traffic.encrypted
        );
    }
    if traffic.refused > 0 {
        let upgrades = if traffic.refused == 1 { "upgrade was" } else { "upgrades were" };
        say!("mqscope: {} WebSocket {upgrades} refused; `-Y http` shows them", traffic.refused);
    }
}

/// Whether passwords are shown.
pub(crate) fn secrets(args: &args::Source) -> Secrets {
    if args.show_secrets { Secrets::Shown } else { Secrets::Redacted }
}
