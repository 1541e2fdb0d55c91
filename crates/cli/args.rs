//! The command line as it is typed. What it means is resolved in `commands`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use mqscope_load::Part;

/// Look at MQTT traffic, and load brokers with it.
#[derive(Debug, Parser)]
#[command(name = "mqscope", version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 passed, 1 a threshold or check failed, 2 bad usage or scenario, \
    3 the run is invalid, 5 could not read, connect or capture, 130 interrupted.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Open the inspector on this capture (the same as `mqscope inspect -r FILE`, and with its options)
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// When to colour what is printed
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    pub(crate) color: Color,
}

impl Args {
    /// What was typed. A capture with options after it means `inspect -r` with the same.
    pub(crate) fn typed(mut words: Vec<OsString>) -> Result<Self, clap::Error> {
        if let [_, first, _, ..] = &words[..]
            && Self::command().find_subcommand(first).is_none()
            && Path::new(first).is_file()
        {
            words.splice(1..1, ["inspect".into(), "-r".into()]);
        }
        Self::try_parse_from(words)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Embedded broker, simulated devices and the inspector watching them: nothing to set up
    #[cfg(feature = "embedded-broker")]
    Demo(Demo),
    /// The inspector: packets, fields and bytes on one screen
    Inspect(Inspect),
    /// Print packets, without a screen: text, hex, JSON or fields
    Dump(Dump),
    /// Latencies, rates, clients and topics: the report of `run`, of captured traffic
    Stats(Stats),
    /// Bytes to annotated packets
    Decode(Decode),
    /// Packet objects to bytes
    Encode(Encode),
    /// Run a load scenario and write its report
    Run(Run),
    /// Work with finished runs
    #[command(subcommand)]
    Report(Report),
    /// Check a scenario: all problems with line and column, or the plan
    Validate(Validate),
    /// The embedded broker by itself, for demos and tests
    #[cfg(feature = "embedded-broker")]
    Broker(Broker),
    /// Where one can capture, and what is missing if one cannot
    Interfaces,
    /// Completions for a shell, on standard output
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
    /// The manual page, on standard output
    Man,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    Always,
    Never,
}

/// Where traffic comes from and which of it matters.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Reading traffic")]
pub(crate) struct Source {
    /// Read a capture: pcap or pcapng, plain, gzip or zstd; `-` is standard input
    #[arg(short = 'r', long = "read", value_name = "FILE", group = "from")]
    pub(crate) read: Option<PathBuf>,
    /// Capture live on this interface (`mqscope interfaces` lists them)
    #[arg(short = 'i', long = "interface", value_name = "IFACE", group = "from")]
    pub(crate) interface: Option<String>,
    /// Forward connections made to LISTEN to the broker and inspect what passes; needs no rights.
    /// For example 127.0.0.1:1884=mqtt://broker:1883
    #[arg(long, value_name = "LISTEN=URL", group = "from")]
    pub(crate) tap: Option<String>,
    /// Capture filter (BPF), for live capture
    #[arg(short = 'f', long = "capture-filter", value_name = "BPF", requires = "interface")]
    pub(crate) capture_filter: Option<String>,
    /// Bytes of a frame to capture at most
    #[arg(
        short = 's',
        long = "snapshot-length",
        value_name = "BYTES",
        requires = "interface",
        default_value_t = 262_144
    )]
    pub(crate) snapshot_length: u32,
    /// Kernel buffer for live capture
    #[arg(
        short = 'B',
        long = "buffer-size",
        value_name = "MIB",
        requires = "interface",
        default_value_t = 32
    )]
    pub(crate) buffer_mib: u32,
    /// Decode as `mqtt`, `ws` or `tls` where content alone cannot tell
    #[arg(short = 'd', long = "decode-as", value_name = "tcp.port==N,mqtt|ws|tls")]
    pub(crate) decode_as: Vec<String>,
    /// Key log that decrypts TLS 1.2 and 1.3, as browsers, Node and OpenSSL write it; followed as it grows while
    /// capturing live. Without it the one that SSLKEYLOGFILE names, if it is there. A pcapng's own secrets are used
    /// without being asked for
    #[arg(long, value_name = "FILE")]
    pub(crate) keylog: Option<PathBuf>,
    /// Display filter, in Wireshark's language: `mqtt.topic contains "temp" and mqtt.qos > 0`
    #[arg(short = 'Y', long = "display-filter", value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Show passwords and authentication data instead of redacting them
    #[arg(long)]
    pub(crate) show_secrets: bool,
}

/// When to end by itself.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Stop conditions")]
pub(crate) struct StopAt {
    /// Stop after N packets that match
    #[arg(short = 'c', long = "count", value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Stop after `duration:SECONDS`, or after `filesize:MIB` of frames
    #[arg(short = 'a', long = "autostop", value_name = "duration:S|filesize:MIB")]
    pub(crate) autostop: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) source: Source,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) stop_at: StopAt,
    /// What to print for each packet
    #[arg(short = 'T', value_enum, value_name = "FORM", default_value_t)]
    pub(crate) form: DumpForm,
    /// A field to print with `-T fields`; may be given more than once
    #[arg(short = 'e', value_name = "FIELD")]
    pub(crate) fields: Vec<String>,
    /// How to print fields: `header=y|n`, `separator=/t|/s|CHAR`, `quote=d|s|n`, `aggregator=,|/s|CHAR`, `occurrence=f|l|a`
    #[arg(short = 'E', value_name = "OPTION=VALUE")]
    pub(crate) field_options: Vec<String>,
    /// One row a frame, with the values of all its packets, as tshark prints them
    #[arg(long)]
    pub(crate) per_frame: bool,
    /// Write the frames that carry matching packets to this pcapng file; `-` is standard output
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Also print what the layers that carry MQTT say: WebSocket upgrades and control frames, TLS hellos and alerts, PROXY
    /// headers. Filters that ask for them (`-Y http`, `-Y tls`) print them anyway
    #[arg(long)]
    pub(crate) carriers: bool,
    /// With `-T hex`: each field with the clause of the specification it comes from, and payloads whole
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpForm {
    /// One line a packet
    #[default]
    Text,
    /// The annotated layout, byte by byte
    Hex,
    /// JSON Lines
    Json,
    /// The fields named by `-e`, tab-separated
    Fields,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) stop_at: StopAt,
    /// What to print: text, or what summary.json holds
    #[arg(short = 'T', value_enum, value_name = "FORM", default_value_t)]
    pub(crate) form: StatsForm,
    /// Also write a report folder: summary.json, summary.txt, series.csv, latency.hlog, latency/METRIC.hgrm
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsForm {
    #[default]
    Text,
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Decode {
    /// Hex, a file of hex, or `-` for standard input (also when nothing is given)
    #[arg(value_name = "HEX|FILE|-")]
    pub(crate) input: Vec<String>,
    /// The input is the bytes themselves
    #[arg(long)]
    pub(crate) raw: bool,
    /// Each line is a case of its own and gives one JSON line
    #[arg(long, conflicts_with_all = ["raw", "style", "form"])]
    pub(crate) lines: bool,
    /// The protocol version, until a CONNECT in the bytes says otherwise
    #[arg(long, value_name = "3|4|5", default_value = "4", value_parser = ["3", "4", "5"])]
    pub(crate) protocol_version: String,
    /// mqtt-packet's annotated form in place of ours
    #[arg(long, value_enum, conflicts_with = "form")]
    pub(crate) style: Option<Style>,
    /// What to print: annotated text, or packet objects as JSON Lines
    #[arg(short = 'T', value_enum, value_name = "FORM")]
    pub(crate) form: Option<DecodeForm>,
    /// Each field with the clause of the specification it comes from, and payloads whole
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Show passwords and authentication data instead of redacting them
    #[arg(long)]
    pub(crate) show_secrets: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Style {
    /// `Buffer.from([ 48, 10, // Header (publish) … ])`
    Buffer,
    /// The same in hexadecimal
    Hex,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecodeForm {
    #[default]
    Text,
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Encode {
    /// A packet object, an array of them, a file of either, or `-` for standard input (also when nothing is given)
    #[arg(value_name = "JSON|FILE|-")]
    pub(crate) input: Option<String>,
    /// The protocol version, until a CONNECT among the packets says otherwise
    #[arg(long, value_name = "3|4|5", default_value = "4", value_parser = ["3", "4", "5"])]
    pub(crate) protocol_version: String,
    /// mqtt-packet's annotated form in place of plain hex
    #[arg(long, value_enum, conflicts_with = "form")]
    pub(crate) style: Option<Style>,
    /// What to print: hex, or the bytes themselves
    #[arg(short = 'T', value_enum, value_name = "FORM")]
    pub(crate) form: Option<EncodeForm>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncodeForm {
    #[default]
    Hex,
    Raw,
}

/// What a scenario takes from outside its file.
#[derive(Debug, ClapArgs)]
pub(crate) struct ScenarioArgs {
    /// The scenario; `-` is standard input
    #[arg(value_name = "SCENARIO.yaml")]
    pub(crate) scenario: PathBuf,
    /// The broker, in place of the scenario's
    #[arg(long, value_name = "URL")]
    pub(crate) broker: Option<String>,
    /// Set a variable of the scenario
    #[arg(short = 'e', value_name = "NAME=VALUE")]
    pub(crate) vars: Vec<String>,
    /// Pick one of the scenario's environments
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The seed of ids, payloads and schedule, in place of the scenario's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// Start a broker inside this process and run against it
    #[cfg(feature = "embedded-broker")]
    #[arg(long, conflicts_with = "broker")]
    pub(crate) embedded_broker: bool,
    /// Where the report goes [default: out/SCENARIO-TIME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) sharing: Sharing,
}

/// A run dealt to several processes.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Beyond one process")]
pub(crate) struct Sharing {
    /// Deal the devices to N processes of this machine, and merge what they measure
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) processes: Option<u32>,
    /// Run the I-th of N parts of the devices, counted from 1; `report merge` makes one run of them. Also taken from
    /// JOB_COMPLETION_INDEX with MQSCOPE_SHARDS, and from SLURM_ARRAY_TASK_ID with Slurm's own count
    #[arg(long, value_name = "I/N", conflicts_with = "processes")]
    pub(crate) shard: Option<Part>,
    /// Begin the first phase at this instant: RFC 3339, seconds of the Unix clock, or +5s from now
    #[arg(long, value_name = "TIME")]
    pub(crate) start_at: Option<String>,
    /// A fresh folder that all shards see, in which they agree on the start and on when phases end that wait for a condition
    #[arg(long, value_name = "DIR", conflicts_with = "processes")]
    pub(crate) rendezvous: Option<PathBuf>,
    /// Started by `--processes`: progress as JSON Lines, and the end of standard input ends the run
    #[arg(long, hide = true, requires = "shard")]
    pub(crate) child: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Print a finished run's summary
    Show(ShowReport),
    /// Make one run of its shards, and judge it
    Merge(MergeReport),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowReport {
    /// The run's report folder, or the summary.json in it
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MergeReport {
    /// Report folders of all shards, or folders that hold them
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// Where the report of the whole goes
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// How far the clocks of two machines may be apart. Without it delivery latency and loss are not judged where shards ran
    /// on several
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) clock_error: Option<Duration>,
    /// Wait up to this long for shards that have not finished
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// Judge by this scenario's thresholds in place of those that the shards ran with
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Set a variable of that scenario
    #[arg(short = 'e', value_name = "NAME=VALUE", requires = "scenario")]
    pub(crate) vars: Vec<String>,
    /// Pick one of that scenario's environments
    #[arg(long, value_name = "NAME", requires = "scenario")]
    pub(crate) env: Option<String>,
    /// Print nothing but errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// `5ms`, `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|duration| duration.try_into().ok());
    parsed.ok_or_else(|| "a number with a unit: 5ms, 30s, 10m".to_owned())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
}

#[cfg(feature = "embedded-broker")]
#[derive(Debug, ClapArgs)]
pub(crate) struct Broker {
    /// Where to serve MQTT over TCP; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1883")]
    pub(crate) listen: std::net::SocketAddr,
    /// Where to serve MQTT over WebSocket, at the path /mqtt
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) websocket: Option<std::net::SocketAddr>,
}

#[cfg(feature = "embedded-broker")]
#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// How many devices to simulate
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) devices: u32,
    /// Tap the traffic even where it could be captured
    #[arg(long)]
    pub(crate) no_capture: bool,
}
