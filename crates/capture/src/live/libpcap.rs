//! What talks to libpcap.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use std::{env, thread};

use pcap::{Active, Device, Linktype, Precision};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{LiveInterface, LiveOptions};
use crate::format::linktype;
use crate::growing::spool_error;
use crate::{Capture, CaptureError, Interface, Spool};

pub(crate) fn open(options: &LiveOptions) -> Result<Capture, CaptureError> {
    let mut active = activate(options)?;
    let name = &options.interface;
    let fails = |error: pcap::Error| CaptureError::Live { interface: name.clone(), message: reason(error) };
    // Cooked frames of the second kind also tell the interface.
    const LINUX_SLL2: Linktype = Linktype(276);
    if active.list_datalinks().is_ok_and(|links| links.contains(&LINUX_SLL2)) {
        active.set_datalink(LINUX_SLL2).map_err(fails)?;
    }
    if let Some(filter) = &options.filter {
        active
            .filter(filter, true)
            .map_err(|error| CaptureError::Filter { filter: filter.clone(), message: reason(error) })?;
    }
    let active = active.setnonblock().map_err(fails)?;
    let interface = Interface {
        name: Some(name.clone()),
        link: linktype(active.get_datalink().0 as u16),
        snaplen: options.snaplen,
        ..Interface::default()
    };
    let spool = Spool::create(interface, options.ring_bytes)?;
    let mut capture = spool.follow();
    capture.own();
    let mut pump = Pump { active, spool, kernel_drops: Total::default(), interface_drops: Total::default() };
    let name = name.clone();
    thread::Builder::new()
        .name("capture".to_owned())
        .spawn(move || {
            if let Err(error) = pump.run(&name) {
                pump.spool.fail(error);
            }
        })
        .map_err(spool_error)?;
    Ok(capture)
}

pub(crate) fn interfaces() -> Result<Vec<LiveInterface>, CaptureError> {
    /// Pseudo-devices of libpcap whose frames hold no network traffic, or only what other interfaces show too.
    const OTHERS: [&str; 7] = ["bluetooth", "dbus", "nflog", "nfqueue", "rdma", "rpmsg", "usbmon"];
    let devices = Device::list()
        .map_err(|error| CaptureError::Live { interface: "any".to_owned(), message: reason(error) })?;
    let devices =
        devices.into_iter().filter(|device| !OTHERS.iter().any(|other| device.name.starts_with(other)));
    Ok(devices
        .map(|device| LiveInterface {
            up: device.flags.is_up() && (device.flags.is_running() || device.flags.is_loopback()),
            loopback: device.flags.is_loopback(),
            addresses: device.addresses.iter().map(|address| address.addr).collect(),
            name: device.name,
            description: device.desc,
        })
        .collect())
}

pub(crate) fn check(options: &LiveOptions) -> Result<(), CaptureError> {
    activate(options).map(drop)
}

/// A capture filter made ready for frames of one link type.
pub(crate) struct Program(pcap::BpfProgram);

impl Program {
    pub(crate) fn new(text: &str, link: u16) -> Result<Self, CaptureError> {
        // Number 101 of files is 12 inside libpcap.
        let dlt = if link == 101 { 12 } else { i32::from(link) };
        let compiled = pcap::Capture::dead(Linktype(dlt)).and_then(|dead| dead.compile(text, true));
        compiled.map(Self).map_err(|error| wrong_filter(text, error))
    }

    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        self.0.filter(bytes)
    }
}

fn wrong_filter(text: &str, error: pcap::Error) -> CaptureError {
    CaptureError::Filter { filter: text.to_owned(), message: reason(error) }
}

fn activate(options: &LiveOptions) -> Result<pcap::Capture<Active>, CaptureError> {
    let attempt = |promiscuous| {
        pcap::Capture::from_device(options.interface.as_str())?
            .promisc(promiscuous)
            .snaplen(options.snaplen.min(i32::MAX as u32) as i32)
            .buffer_size(options.buffer_mib.clamp(1, 2047) as i32 * (1 << 20))
            // How long the kernel may hold back a frame.
            .timeout(10)
            .precision(PRECISION)
            .open()
    };
    // Not every interface can be promiscuous, and the binding takes libpcap's warning of it for an error.
    match attempt(options.interface != "any").or_else(|_| attempt(false)) {
        Ok(active) => Ok(active),
        Err(error) => Err(explain(&options.interface, reason(error))),
    }
}

#[cfg(target_os = "linux")]
const PRECISION: Precision = Precision::Nano;
#[cfg(not(target_os = "linux"))]
const PRECISION: Precision = Precision::Micro;

/// Nanoseconds in one unit of what libpcap gives as a fraction of a second.
#[cfg(target_os = "linux")]
const UNIT_NS: i64 = 1;
#[cfg(not(target_os = "linux"))]
const UNIT_NS: i64 = 1_000;

fn explain(interface: &str, message: String) -> CaptureError {
    let interface = interface.to_owned();
    let lower = message.to_ascii_lowercase();
    if lower.contains("permi") || lower.contains("cap_net_raw") {
        let program =
            env::current_exe().map_or_else(|_| "mqscope".to_owned(), |path| path.display().to_string());
        return CaptureError::NoRight { interface, program };
    }
    if lower.contains("no such device") {
        let known = interfaces().unwrap_or_default().into_iter().map(|known| known.name).collect::<Vec<_>>();
        return CaptureError::NoInterface { interface, known: known.join(", ") };
    }
    CaptureError::Live { interface, message }
}

/// libpcap's own words.
fn reason(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

/// Moves frames from the kernel to the spool.
struct Pump {
    active: pcap::Capture<Active>,
    spool: Spool,
    kernel_drops: Total,
    interface_drops: Total,
}

/// Within this time a stop is heard and losses are counted.
const PATIENCE: Duration = Duration::from_millis(100);

impl Pump {
    fn run(&mut self, name: &str) -> Result<(), CaptureError> {
        let mut counted = Instant::now();
        while !self.spool.is_stopped() {
            let mut ready = [PollFd::from_borrowed_fd(self.active.as_fd(), PollFlags::IN)];
            let patience = Timespec { tv_sec: 0, tv_nsec: PATIENCE.subsec_nanos().into() };
            // An interrupted wait is as good as one that is over.
            let _ = poll(&mut ready, Some(&patience));
            self.drain(name)?;
            if counted.elapsed() >= PATIENCE {
                self.count_drops();
                counted = Instant::now();
            }
        }
        self.drain(name)?;
        self.count_drops();
        Ok(())
    }

    /// Takes what the kernel has, and lets the readers see it.
    fn drain(&mut self, name: &str) -> Result<(), CaptureError> {
        let mut outcome = Ok(());
        // Bounded, so that a stop is heard also under a flood.
        for _ in 0..64 {
            let spool = &mut self.spool;
            let taken = self.active.dispatch(None, |packet| {
                let stamp = packet.header.ts;
                // The C types of both are 64 bits wide here and 32 elsewhere.
                #[allow(clippy::useless_conversion)]
                let (seconds, fraction) = (i64::from(stamp.tv_sec), i64::from(stamp.tv_usec));
                let time = seconds.saturating_mul(1_000_000_000).saturating_add(fraction * UNIT_NS);
                if outcome.is_ok() {
                    outcome = spool.write(time, packet.header.len, packet.data);
                }
            });
            let taken = taken
                .map_err(|error| CaptureError::Live { interface: name.to_owned(), message: reason(error) })?;
            if taken == 0 || outcome.is_err() {
                break;
            }
            self.spool.flush()?;
        }
        outcome?;
        self.spool.flush()
    }

    fn count_drops(&mut self) {
        // Not every interface counts; then nothing is known to be lost.
        if let Ok(stat) = self.active.stats() {
            self.kernel_drops.see(stat.dropped);
            self.interface_drops.see(stat.if_dropped);
            self.spool.set_drops(self.kernel_drops.total, self.interface_drops.total);
        }
    }
}

/// Adds up a counter of 32 bits that wraps.
#[derive(Debug, Default)]
struct Total {
    last: u32,
    total: u64,
}

impl Total {
    fn see(&mut self, now: u32) {
        self.total += u64::from(now.wrapping_sub(self.last));
        self.last = now;
    }
}
