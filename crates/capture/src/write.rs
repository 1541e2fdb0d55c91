//! Writing frames to a pcapng file.

use std::io::{self, BufWriter, Write};

use crate::pcapng::{
    DECRYPTION_SECRETS, ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER, TLS_KEY_LOG,
};
use crate::{Frame, Interface};

/// Writes a pcapng section: frames of any interfaces and link types, times in nanoseconds, comments kept.
///
/// Output is buffered. A reader that closes its end of a pipe shows as [`io::ErrorKind::BrokenPipe`].
///
/// ```
/// # use mqscope_capture::{Comments, Frame, Writer};
/// let frame = Frame { number: 1, time: 0, interface: 0, link: 1, at: 0, original_len: 3, bytes: &[1, 2, 3],
///     comments: Comments::default() };
/// let mut writer = Writer::new(Vec::new())?;
/// writer.frame(&frame)?;
/// let file = writer.finish()?;
/// assert_eq!(file[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: BufWriter<W>,
    /// The frames' interface and link for each interface of the file.
    interfaces: Vec<(u32, u16)>,
    /// A block under construction.
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(out: W) -> io::Result<Self> {
        let out = BufWriter::with_capacity(64 * 1024, out);
        let mut writer = Self { out, interfaces: Vec::new(), block: Vec::new() };
        let block = &mut writer.block;
        block.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        block.extend_from_slice(&1_u16.to_le_bytes());
        block.extend_from_slice(&0_u16.to_le_bytes());
        // The section's length is not known yet.
        block.extend_from_slice(&u64::MAX.to_le_bytes());
        const APPLICATION: u16 = 4;
        put_option(block, APPLICATION, concat!("mqscope ", env!("CARGO_PKG_VERSION")).as_bytes());
        put_option(block, 0, &[]);
        writer.put_block(SECTION_HEADER)?;
        Ok(writer)
    }

    /// Describes an interface, which is [`Frame::interface`] number `id` of what is to come. Frames of an interface
    /// that was not described are written all the same.
    ///
    /// # Errors
    /// What the output says.
    pub fn interface(&mut self, id: u32, described: &Interface) -> io::Result<()> {
        self.interfaces.push((id, described.link));
        let block = &mut self.block;
        block.extend_from_slice(&described.link.to_le_bytes());
        block.extend_from_slice(&0_u16.to_le_bytes());
        block.extend_from_slice(&described.snaplen.to_le_bytes());
        if let Some(name) = &described.name {
            put_option(block, 2, name.as_bytes());
        }
        if let Some(description) = &described.description {
            put_option(block, 3, description.as_bytes());
        }
        const NANOSECONDS: u8 = 9;
        put_option(block, 9, &[NANOSECONDS]);
        if described.fcs_len > 0 {
            put_option(block, 13, &[described.fcs_len]);
        }
        put_option(block, 0, &[]);
        self.put_block(INTERFACE_DESCRIPTION)
    }

    /// Writes lines of a TLS key log, which have to stand before the frames that they are for. Never done unasked: who has
    /// the file can read the traffic.
    ///
    /// # Errors
    /// What the output says.
    pub fn key_log(&mut self, lines: &[u8]) -> io::Result<()> {
        self.block.extend_from_slice(&TLS_KEY_LOG.to_le_bytes());
        self.block.extend_from_slice(&(lines.len() as u32).to_le_bytes());
        self.block.extend_from_slice(lines);
        pad(&mut self.block);
        self.put_block(DECRYPTION_SECRETS)
    }

    /// Writes a frame. A time before 1970 becomes 1970, which is as early as the format goes.
    ///
    /// # Errors
    /// What the output says.
    pub fn frame(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let key = (frame.interface, frame.link);
        let id = match self.interfaces.iter().position(|known| *known == key) {
            Some(id) => id,
            None => {
                self.interface(frame.interface, &Interface { link: frame.link, ..Interface::default() })?;
                self.interfaces.len() - 1
            }
        };
        let ticks = frame.time.max(0) as u64;
        let block = &mut self.block;
        block.extend_from_slice(&(id as u32).to_le_bytes());
        block.extend_from_slice(&((ticks >> 32) as u32).to_le_bytes());
        block.extend_from_slice(&(ticks as u32).to_le_bytes());
        block.extend_from_slice(&(frame.bytes.len() as u32).to_le_bytes());
        block.extend_from_slice(&frame.original_len.to_le_bytes());
        block.extend_from_slice(frame.bytes);
        pad(block);
        let before = block.len();
        for comment in frame.comments {
            put_option(block, 1, comment.as_bytes());
        }
        if block.len() > before {
            put_option(block, 0, &[]);
        }
        self.put_block(ENHANCED_PACKET)
    }

    /// Gives the output what is buffered.
    ///
    /// # Errors
    /// What the output says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the file and gives the output back.
    ///
    /// # Errors
    /// What the output says.
    pub fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn put_block(&mut self, kind: u32) -> io::Result<()> {
        let len = (self.block.len() as u32 + 12).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len)?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&len)?;
        self.block.clear();
        Ok(())
    }
}

/// Options are at most 65,535 bytes long; what is longer is cut.
fn put_option(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    block.extend_from_slice(&code.to_le_bytes());
    block.extend_from_slice(&(value.len() as u16).to_le_bytes());
    block.extend_from_slice(value);
    pad(block);
}

fn pad(block: &mut Vec<u8>) {
    block.resize(block.len().next_multiple_of(4), 0);
}
