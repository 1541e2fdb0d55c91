use crate::live::libpcap::Program;
use crate::{CaptureError, Frame};

/// A capture filter for frames that were captured already, in libpcap's language.
///
/// A program is made for each link type that occurs.
pub struct FrameFilter {
    text: String,
    programs: Vec<(u16, Program)>,
}

impl FrameFilter {
    /// Takes a filter, checked for Ethernet; other links are tried when their frames come.
    ///
    /// # Errors
    /// [`CaptureError::Filter`] with libpcap's reason.
    pub fn new(text: &str) -> Result<Self, CaptureError> {
        const ETHERNET: u16 = 1;
        let programs = vec![(ETHERNET, Program::new(text, ETHERNET)?)];
        Ok(Self { text: text.to_owned(), programs })
    }

    /// Whether the filter lets a frame pass.
    ///
    /// # Errors
    /// [`CaptureError::Filter`] if it cannot be applied to the frame's link type.
    pub fn matches(&mut self, frame: &Frame<'_>) -> Result<bool, CaptureError> {
        let index = match self.programs.iter().position(|(link, _)| *link == frame.link) {
            Some(index) => index,
            None => {
                self.programs.push((frame.link, Program::new(&self.text, frame.link)?));
                self.programs.len() - 1
            }
        };
        Ok(self.programs[index].1.matches(frame.bytes))
    }
}

impl std::fmt::Debug for FrameFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FrameFilter").field(&self.text).finish()
    }
}
