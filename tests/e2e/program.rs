//! The built program: what it is given, what it says.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;

/// What a finished program left behind.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Said {
    /// What stands on standard output.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("standard output is UTF-8")
    }

    /// Standard output as JSON Lines.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.text().lines().map(parse).collect()
    }

    /// Fails with what the program said unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "standard output:\n{}\nstandard error:\n{}",
            String::from_utf8_lossy(&self.out),
            self.err
        );
        self
    }
}

/// The program, with nothing of the surroundings that changes what it says.
pub(crate) fn mqscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqscope"));
    command.env("TZ", "UTC").env_remove("SSLKEYLOGFILE").env_remove("NO_COLOR");
    command
}

/// Runs the program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Said {
    run_with(arguments, b"")
}

/// Runs the program to its end, with this on standard input.
pub(crate) fn run_with<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Said {
    finish(mqscope().args(arguments), input)
}

/// Runs a command to its end, with this on standard input.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // Beside reading what it says, or two full pipes would wait for each other. It may well not read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    Said {
        code: output.status.code(),
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Ctrl-C, for a program that this test started.
pub(crate) fn interrupt(child: &Child) {
    rustix::process::kill_process(Pid::from_child(child), Signal::INT).expect("it runs");
}

/// A file or folder of the repository.
pub(crate) fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a tool the tests compare against.
pub(crate) fn tool(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("{}: {error}; run ./tests/setup --tests", command.get_program().display());
    });
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
