//! Plain TCP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::arrival::{Arrival, Notes};

/// A connection that was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connected {
    /// From the SYN to the answer to it, if the kernel measured that.
    pub took: Option<Duration>,
}

/// Begins a connection without waiting for it.
pub(super) fn dial(broker: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(source) = source else { return TcpStream::connect(broker) };
    let socket = Socket::new(Domain::for_address(broker), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    choose_port_late(&socket);
    socket.bind(&SocketAddr::new(source, 0).into())?;
    match socket.connect(&broker.into()) {
        Ok(()) => {}
        Err(error) if is_underway(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// Has the port chosen when connecting and not when binding: then one port serves a connection to each broker.
#[cfg(target_os = "linux")]
fn choose_port_late(socket: &Socket) {
    // Where the kernel has no such option, ports run out sooner, which is said when they do.
    let _ = nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::IpBindAddressNoPort, &true);
}

#[cfg(not(target_os = "linux"))]
fn choose_port_late(_: &Socket) {}

fn is_underway(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) || error.kind() == io::ErrorKind::WouldBlock
}

/// The connection, if there is one by now.
#[cfg(target_os = "linux")]
pub(super) fn connected(socket: &TcpStream) -> io::Result<Option<Connected>> {
    use handshake::{CLOSE, SYN_RECV, SYN_SENT};
    let told = nix::sys::socket::getsockopt(socket, handshake::Info)?;
    match handshake::state(&told) {
        // A wake-up for nothing: it is still being made.
        SYN_SENT | SYN_RECV => Ok(None),
        CLOSE => Err(socket.take_error()?.unwrap_or_else(|| io::ErrorKind::NotConnected.into())),
        _ => Ok(Some(Connected { took: handshake::took(&told) })),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn connected(socket: &TcpStream) -> io::Result<Option<Connected>> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(Some(Connected { took: None })),
        // A wake-up for nothing: it is still being made.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the kernel tells of a connection: one call says whether it is there and how long it took to be made.
#[cfg(target_os = "linux")]
mod handshake {
    use std::time::Duration;

    use nix::sys::socket::sockopt::GetStruct;
    use nix::{getsockopt_impl, libc};

    /// The first words of `struct tcp_info`, of linux/tcp.h, which kernels only ever append to.
    #[derive(Clone, Copy)]
    pub(super) struct Info;

    getsockopt_impl!(Info, libc::IPPROTO_TCP, libc::TCP_INFO, [u32; 26], GetStruct<[u32; 26]>);

    /// `tcpi_rtt`: microseconds. Of a connection just made there is one sample, the SYN's.
    const RTT: usize = 17;
    /// `tcpi_total_retrans`.
    const RETRANSMITTED: usize = 25;

    pub(super) const SYN_SENT: u8 = 2;
    pub(super) const SYN_RECV: u8 = 3;
    pub(super) const CLOSE: u8 = 7;

    /// `tcpi_state`.
    pub(super) fn state(told: &[u32; 26]) -> u8 {
        told[0].to_ne_bytes()[0]
    }

    /// From the SYN to its answer. Where it had to be repeated the sample does not count from the first one.
    pub(super) fn took(told: &[u32; 26]) -> Option<Duration> {
        (told[RETRANSMITTED] == 0 && told[RTT] > 0).then(|| Duration::from_micros(told[RTT].into()))
    }
}

/// Reads what is there, and tells when the last of it came; `None` if nothing is, zero bytes at the end.
pub(super) fn read(
    socket: &mut TcpStream,
    buffer: &mut [u8],
    notes: &mut Notes,
) -> io::Result<Option<(usize, Arrival)>> {
    loop {
        match notes.read(socket, buffer) {
            Ok(read) => return Ok(Some(read)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes what was left and then `bytes`, as much as the socket takes; the rest is left in `unsent`. Gives how
/// many bytes it took.
pub(super) fn write(socket: &mut TcpStream, unsent: &mut Vec<u8>, bytes: &[u8]) -> io::Result<usize> {
    let waited = !unsent.is_empty();
    if waited {
        unsent.extend_from_slice(bytes);
    }
    let pending: &[u8] = if waited { unsent } else { bytes };
    let mut written = 0;
    while written < pending.len() {
        match send(socket, &pending[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if !waited {
        unsent.extend_from_slice(&bytes[written..]);
    } else if written < unsent.len() {
        unsent.drain(..written);
    } else {
        // Rarely used, so not kept.
        *unsent = Vec::new();
    }
    Ok(written)
}

/// Straight to the kernel, as the [clock](crate::clock) goes.
#[cfg(target_os = "linux")]
fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, rustix::net::SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn send(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    io::Write::write(&mut socket, bytes)
}

/// An I/O error without the operating system's number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}
