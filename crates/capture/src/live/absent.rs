//! What stands in for libpcap in a build without it.

use std::convert::Infallible;

use super::{LiveInterface, LiveOptions};
use crate::{Capture, CaptureError};

pub(crate) fn open(_: &LiveOptions) -> Result<Capture, CaptureError> {
    Err(CaptureError::NoLibpcap)
}

pub(crate) fn interfaces() -> Result<Vec<LiveInterface>, CaptureError> {
    Err(CaptureError::NoLibpcap)
}

pub(crate) fn check(_: &LiveOptions) -> Result<(), CaptureError> {
    Err(CaptureError::NoLibpcap)
}

/// Cannot be made.
pub(crate) struct Program(Infallible);

impl Program {
    pub(crate) fn new(_: &str, _: u16) -> Result<Self, CaptureError> {
        Err(CaptureError::NoLibpcap)
    }

    pub(crate) fn matches(&self, _: &[u8]) -> bool {
        match self.0 {}
    }
}
