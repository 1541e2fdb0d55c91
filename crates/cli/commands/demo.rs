//! `demo`: broker, devices and inspector at once, from nothing, on loopback.

use std::{
    io::IsTerminal as _,
    net::SocketAddr,
    thread::{self, JoinHandle},
};

use mqscope_capture::{Capture, live};
use mqscope_dissect::{Inspection, Settings, annotate::Secrets};
use mqscope_load::{Control, Overrides, Scenario, Stop as StopRun};
use mqscope_tui::InspectorSettings;

use super::dump;
use crate::{
    args::{Color, Demo},
    broker::{BrokerSettings, EmbeddedBroker},
    exit::{Exit, Failure, OrExit as _, Outcome},
    output,
    source::SPOOL_BYTES,
    tap::{self, Tap, TapSettings},
};

/// What the devices do.
const SCENARIO: &str = include_str!("../../../scenarios/demo.yaml");
const LOOPBACK: &str = "lo";

pub(crate) fn demo(args: &Demo, color: Color) -> Outcome {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let broker = EmbeddedBroker::start(BrokerSettings { address, websocket: None }).map_err(Failure::io)?;
    let watch = watch(&broker, args.no_capture)?;
    let devices = Devices::start(args.devices, format!("mqtt://{}", watch.devices_to))?;
    if std::io::stdout().is_terminal() {
        let inspection = Inspection::start(watch.capture, Settings::default())
            .or_io(|| "could not start reading".to_owned())?;
        let settings = InspectorSettings {
            title: format!("demo, {}", watch.how),
            color: output::wants_color(color),
            filter: None,
            secrets: Secrets::Redacted,
        };
        mqscope_tui::inspect(inspection, &settings).or_io(|| "could not use the terminal".to_owned())?;
    } else {
        say!("mqscope: demo, {}; Ctrl-C stops", watch.how);
        dump::print_lines(watch.capture, color)?;
    }
    devices.stop();
    drop(watch.tap);
    drop(broker);
    Ok(Exit::Passed)
}

/// How the devices' traffic is watched.
struct Watch {
    capture: Capture,
    tap: Option<Tap>,
    /// Where the devices connect to: the broker, or the tap before it.
    devices_to: SocketAddr,
    how: String,
}

/// Captures on loopback where that is allowed, taps where it is not.
fn watch(broker: &EmbeddedBroker, no_capture: bool) -> Result<Watch, Failure> {
    let why_not =
        if no_capture { Some("as asked".to_owned()) } else { live::check(LOOPBACK).err().map(brief) };
    if let Some(why_not) = why_not {
        let settings =
            TapSettings::parse(&format!("127.0.0.1:0={}", broker.url())).map_err(Failure::usage)?;
        let (tap, capture) = tap::start(settings).map_err(Failure::io)?;
        let how = format!("tapped at {} ({why_not})", tap.address);
        return Ok(Watch { capture, devices_to: tap.address, tap: Some(tap), how });
    }
    let options = live::LiveOptions {
        filter: Some(format!("tcp port {}", broker.address.port())),
        ring_bytes: Some(SPOOL_BYTES),
        ..live::LiveOptions::new(LOOPBACK)
    };
    let capture = live::open(&options).map_err(Failure::io)?;
    let how = format!("captured on {LOOPBACK}, broker at {}", broker.address);
    Ok(Watch { capture, tap: None, devices_to: broker.address, how })
}

/// The first line of an error: the title has room for no more.
fn brief(error: mqscope_capture::CaptureError) -> String {
    error.to_string().split([':', '\n', ';']).next().unwrap_or_default().to_owned()
}

/// Simulated devices on a thread of their own.
struct Devices {
    stop: StopRun,
    thread: JoinHandle<()>,
}

impl Devices {
    fn start(count: u32, broker: String) -> Result<Self, Failure> {
        let overrides = Overrides {
            vars: vec![("devices".to_owned(), count.to_string())],
            broker: Some(broker),
            ..Overrides::default()
        };
        let plan = Scenario::parse("scenarios/demo.yaml", SCENARIO, &overrides).or_usage()?;
        let stop = StopRun::default();
        let control =
            Control { stop: stop.clone(), other_descriptors: u64::from(count) * 3, ..Control::default() };
        let thread = thread::Builder::new()
            .name("devices".to_owned())
            .spawn(move || {
                if let Err(error) = mqscope_load::run(plan, control) {
                    say!("mqscope: the demo's devices: {error}");
                }
            })
            .or_io(|| "could not start the devices".to_owned())?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        self.stop.stop();
        let _ = self.thread.join();
    }
}
