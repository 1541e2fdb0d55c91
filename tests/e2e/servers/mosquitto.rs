//! A mosquitto of the test's own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A mosquitto of its own port. It ends with the value.
pub(crate) struct Mosquitto {
    pub(crate) child: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Mosquitto {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With these lines for its listener.
    pub(crate) fn start_with(listener: &str) -> Self {
        // It cannot be told to choose a port. One that is free now may be gone a moment later: then another.
        (0..20).find_map(|_| Self::try_start(free_port(), listener)).expect("mosquitto finds a port")
    }

    fn try_start(port: u16, listener: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\n{listener}\nallow_anonymous true\nlog_dest stderr\nset_tcp_nodelay true\n"
        );
        std::fs::write(&config, text).unwrap();
        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let mut child = Command::new("mosquitto")
            .env("PATH", path)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("mosquitto: {error}; run ./tests/setup --tests"));
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let runs = log.any(|line| line.contains(" running"));
        // Nobody reads on, but it must not be held up.
        std::thread::spawn(move || log.for_each(drop));
        if runs {
            return Some(Self { child, port, _folder: folder });
        }
        child.wait().unwrap();
        None
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
