//! TLS on a socket that does not wait.

use std::fmt;
use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;
use rustls::{AlertDescription, CertificateError, ClientConnection, Error, HandshakeKind};

use super::arrival::{Arrival, Notes};
use super::{Trouble, tcp};

/// One TLS connection, the client's side.
#[derive(Debug)]
pub(crate) struct Tls {
    connection: ClientConnection,
    /// When the bytes came that it read last.
    arrived: Arrival,
}

impl Tls {
    pub(super) fn new(mut connection: ClientConnection) -> Self {
        // Nothing new is sent while something waits, so what waits is one batch at most.
        connection.set_buffer_limit(None);
        Self { connection, arrived: Arrival::default() }
    }

    /// Goes on with the handshake; whether it is done.
    pub(super) fn shake_hands(&mut self, socket: &mut TcpStream, notes: &mut Notes) -> Result<bool, Trouble> {
        loop {
            self.send(socket)?;
            if !self.connection.is_handshaking() {
                return Ok(true);
            }
            match self.receive(socket, notes)? {
                None => return Ok(false),
                Some(0) => return Err(Trouble::Closed),
                Some(_) => {}
            }
        }
    }

    /// Whether the handshake took up a session of before.
    pub(super) fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// When the bytes came that were read last.
    pub(super) fn arrived(&self) -> Arrival {
        self.arrived
    }

    /// Reads what is there: how many bytes, and how many of the TCP stream that took. `None` if nothing is, zero
    /// bytes at the end.
    pub(super) fn read(
        &mut self,
        socket: &mut TcpStream,
        buffer: &mut [u8],
        notes: &mut Notes,
    ) -> Result<Option<(usize, usize)>, Trouble> {
        let mut wire = 0;
        loop {
            match self.connection.reader().read(buffer) {
                Ok(count) => return Ok(Some((count, wire))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It ended without saying so, as many do.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some((0, wire))),
                Err(error) => return Err(error.into()),
            }
            match self.receive(socket, notes)? {
                None => return Ok(None),
                Some(count) => wire += count,
            }
            // An answer to a key update, say.
            self.send(socket)?;
        }
    }

    /// Sends bytes, and what was left before them; gives how many bytes of the TCP stream the socket took.
    pub(super) fn write(&mut self, bytes: &[u8], socket: &mut TcpStream) -> Result<usize, Trouble> {
        self.connection.writer().write_all(bytes)?;
        self.send(socket)
    }

    /// Says that nothing more will be sent.
    pub(super) fn close(&mut self, socket: &mut TcpStream) -> Result<usize, Trouble> {
        self.connection.send_close_notify();
        self.send(socket)
    }

    pub(super) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    fn send(&mut self, socket: &mut TcpStream) -> Result<usize, Trouble> {
        let mut written = 0;
        while self.connection.wants_write() {
            match self.connection.write_tls(socket) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }

    /// Takes a bite of the TCP stream: how many bytes, `None` if nothing is there.
    fn receive(&mut self, socket: &mut TcpStream, notes: &mut Notes) -> Result<Option<usize>, Trouble> {
        let mut noting = Noting { socket, notes, arrived: &mut self.arrived };
        let count = match self.connection.read_tls(&mut noting) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if let Err(error) = self.connection.process_new_packets() {
            // The broker learns why, if it still can.
            let _ = self.send(socket);
            return Err(error.into());
        }
        Ok(Some(count))
    }
}

/// A socket whose reads note when the bytes came.
struct Noting<'s> {
    socket: &'s mut TcpStream,
    notes: &'s mut Notes,
    arrived: &'s mut Arrival,
}

impl io::Read for Noting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = tcp::read(self.socket, buffer, self.notes)?;
        let (count, arrived) = read.ok_or(io::ErrorKind::WouldBlock)?;
        *self.arrived = arrived;
        Ok(count)
    }
}

/// What went wrong, and which key of the scenario may mend it.
pub(super) fn explain(error: &Error) -> String {
    use AlertDescription as Alert;
    use CertificateError as Certificate;
    match error {
        Error::InvalidCertificate(why) => match why {
            // The latter where another authority has the same name.
            Certificate::UnknownIssuer | Certificate::BadSignature => {
                "TLS: the broker's certificate is not trusted: name its authority in target.tls.ca".to_owned()
            }
            Certificate::NotValidForNameContext { expected, presented } => format!(
                "TLS: the broker's certificate is not for {}{}: say in target.tls.server_name whom you expect",
                expected.to_str(),
                if presented.is_empty() {
                    String::new()
                } else {
                    format!(", but for {}", presented.join(", "))
                }
            ),
            Certificate::NotValidForName => "TLS: the broker's certificate is for another name: say in \
                 target.tls.server_name whom you expect"
                .to_owned(),
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "TLS: the broker's certificate has expired".to_owned()
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "TLS: the broker's certificate is not valid yet".to_owned()
            }
            why => format!("TLS: the broker's certificate is refused: {}", plain(why)),
        },
        Error::AlertReceived(
            alert @ (Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::HandshakeFailure),
        ) => format!(
            "TLS: the broker answered with the alert `{}`: see target.tls.client",
            words(&format!("{alert:?}"))
        ),
        Error::AlertReceived(alert) => {
            format!("TLS: the broker answered with the alert `{}`", words(&format!("{alert:?}")))
        }
        Error::InvalidMessage(_) => "TLS: the broker does not speak TLS on this port".to_owned(),
        error => format!("TLS: {}", plain(error)),
    }
}

/// What rustls says, without the names that things have in its code.
pub(super) fn plain(error: impl fmt::Display) -> String {
    let said = format!("{error}");
    if said.contains("UnsupportedCertVersion") {
        return "it is of X.509 version 1, and TLS takes version 3 (`openssl x509 -req` makes one if it is given \
                -extfile)"
            .to_owned();
    }
    let said = match said.split_once("Other(OtherError(") {
        Some((before, within)) => format!("{before}{}", within.replacen("))", "", 1)),
        None => said,
    };
    said.split(' ').map(words).collect::<Vec<_>>().join(" ")
}

/// `HandshakeFailure` as `handshake failure`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && text.ends_with(char::is_lowercase) {
            text.push(' ');
        }
        text.push(c);
    }
    if text == name { text } else { text.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_mended_names_the_key_that_mends_it() {
        for (error, key) in [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), "target.tls.ca"),
            (Error::InvalidCertificate(CertificateError::NotValidForName), "target.tls.server_name"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "target.tls.client"),
        ] {
            assert!(explain(&error).contains(key), "{}", explain(&error));
        }
    }

    /// As rustls wraps what its verifier says.
    #[derive(Debug, thiserror::Error)]
    #[error("no matter what")]
    struct UnsupportedCrlVersion;

    #[test]
    fn nothing_is_said_in_the_names_of_code() {
        let alert = Error::AlertReceived(AlertDescription::BadRecordMac);
        assert_eq!(explain(&alert), "TLS: the broker answered with the alert `bad record mac`");
        let incompatible = Error::PeerIncompatible(rustls::PeerIncompatible::NoCipherSuitesInCommon);
        assert_eq!(explain(&incompatible), "TLS: peer is incompatible: no cipher suites in common");
        let other = rustls::OtherError(std::sync::Arc::new(UnsupportedCrlVersion));
        let other = Error::InvalidCertificate(CertificateError::Other(other));
        assert_eq!(explain(&other), "TLS: the broker's certificate is refused: unsupported crl version");
    }
}
