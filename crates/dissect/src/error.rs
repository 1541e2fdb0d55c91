use mqscope_capture::CaptureError;

/// What can go wrong while packets are indexed or read again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DissectError {
    /// The capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The index counts rows and flows with 32 bits.
    #[error("more than {max} packets: split the capture, or read a part of it")]
    TooManyPackets {
        /// The most it can hold.
        max: u32,
    },
    /// The key log is there and cannot be read.
    #[error("key log {path}: {source}")]
    KeyLog {
        /// Its name.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A decode-as rule cannot be understood.
    #[error("decode-as rule `{rule}` is not of the form tcp.port==1883,mqtt (or ws, or tls)")]
    DecodeAs {
        /// The rule as it was given.
        rule: String,
    },
}
