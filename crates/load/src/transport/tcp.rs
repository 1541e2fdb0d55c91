//! Plain TCP.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

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

/// Whether there is a connection by now.
pub(super) fn is_connected(socket: &TcpStream) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        // A wake-up for nothing: it is still being made.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads what is there; `None` if nothing is, zero bytes at the end.
pub(super) fn read(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match socket.read(buffer) {
            Ok(count) => return Ok(Some(count)),
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
        match socket.write(&pending[written..]) {
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

/// An I/O error without the operating system's number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}
