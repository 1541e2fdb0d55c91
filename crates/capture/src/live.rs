//! Live capture: a thread moves frames from libpcap into a [`Spool`](crate::Spool), which the [`Capture`] follows, so
//! a slow reader loses nothing that the kernel gave.

use std::net::IpAddr;

use crate::{Capture, CaptureError};

#[cfg_attr(not(feature = "libpcap"), path = "live/absent.rs")]
pub(crate) mod libpcap;

/// What to capture, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOptions {
    /// The interface's name; `any` stands for all of them.
    pub interface: String,
    /// A capture filter in libpcap's language.
    pub filter: Option<String>,
    /// The most bytes kept of a frame. Segments on a loopback interface are longer than any network's.
    pub snaplen: u32,
    /// The kernel's buffer, in MiB.
    pub buffer_mib: u32,
    /// About how many bytes of frames are kept on disk, newest first, and as many at most of what is derived from
    /// them; without it, all.
    pub ring_bytes: Option<u64>,
}

impl LiveOptions {
    /// The defaults for an interface: every frame, whole.
    pub fn new(interface: impl Into<String>) -> Self {
        Self { interface: interface.into(), filter: None, snaplen: 262_144, buffer_mib: 16, ring_bytes: None }
    }
}

/// Where one can capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveInterface {
    /// Its name, as [`LiveOptions::interface`] takes it.
    pub name: String,
    /// A description for people, if libpcap has one.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is up and running.
    pub up: bool,
    /// Whether it leads only to this machine.
    pub loopback: bool,
}

/// Begins to capture.
///
/// # Errors
/// [`CaptureError::NoRight`] says how to get the right to capture; [`CaptureError::NoInterface`] names those there
/// are; [`CaptureError::Filter`] and [`CaptureError::Live`] bring libpcap's reason.
pub fn open(options: &LiveOptions) -> Result<Capture, CaptureError> {
    libpcap::open(options)
}

/// The interfaces that may carry network traffic.
///
/// # Errors
/// If libpcap cannot list them.
pub fn interfaces() -> Result<Vec<LiveInterface>, CaptureError> {
    libpcap::interfaces()
}

/// Whether this process may capture on an interface, found out by trying.
///
/// # Errors
/// As [`open`].
pub fn check(interface: &str) -> Result<(), CaptureError> {
    libpcap::check(&LiveOptions { snaplen: 64, buffer_mib: 1, ..LiveOptions::new(interface) })
}
