//! When bytes came, whenever they are read.
//!
//! Linux notes on each segment when it took it from the network, and hands the note out beside the bytes
//! (`SO_TIMESTAMPNS`). So an answer's latency ends when the answer was there, not when a busy loop got round to
//! it, and a loop may leave a socket unread for a moment without telling a latency that is not true. A read that
//! covers several segments has the last one's note.
//!
//! Elsewhere, and where a kernel says nothing, a read is its own arrival.

/// Nanoseconds of the Unix clock, if the kernel told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrival(pub Option<i64>);

#[cfg(target_os = "linux")]
pub(super) use linux::{Notes, ask};
#[cfg(not(target_os = "linux"))]
pub(super) use portable::{Notes, ask};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, IoSliceMut};
    use std::os::fd::AsRawFd as _;

    use mio::net::TcpStream;
    use nix::sys::socket::sockopt::ReceiveTimestampns;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};

    use super::Arrival;

    /// Room for what the kernel says beside the bytes: a header and a `timespec`, aligned as headers are.
    #[derive(Debug)]
    #[repr(align(8))]
    pub(crate) struct Notes([u8; 64]);

    impl Default for Notes {
        fn default() -> Self {
            Self([0; 64])
        }
    }

    /// Has arrivals noted on a socket.
    pub(crate) fn ask(socket: &TcpStream) {
        // A kernel that knows no such notes gives none, and reads are timed instead.
        let _ = setsockopt(socket, ReceiveTimestampns, &true);
    }

    impl Notes {
        /// Reads what is there, with the arrival of the last of it.
        pub(crate) fn read(
            &mut self,
            socket: &mut TcpStream,
            buffer: &mut [u8],
        ) -> io::Result<(usize, Arrival)> {
            let mut into = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::empty();
            let read = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut self.0), flags)?;
            let noted = read.cmsgs().ok().and_then(|mut notes| {
                notes.find_map(|note| match note {
                    ControlMessageOwned::ScmTimestampns(at) => {
                        Some(at.tv_sec() * 1_000_000_000 + at.tv_nsec())
                    }
                    _ => None,
                })
            });
            Ok((read.bytes, Arrival(noted)))
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::io::{self, Read as _};

    use mio::net::TcpStream;

    use super::Arrival;

    /// Nothing is noted.
    #[derive(Debug, Default)]
    pub(crate) struct Notes;

    pub(crate) fn ask(_: &TcpStream) {}

    impl Notes {
        /// Reads what is there.
        pub(crate) fn read(
            &mut self,
            socket: &mut TcpStream,
            buffer: &mut [u8],
        ) -> io::Result<(usize, Arrival)> {
            Ok((socket.read(buffer)?, Arrival::default()))
        }
    }
}
