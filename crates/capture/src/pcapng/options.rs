use crate::bytes::Endian;

/// Walks over a block's options: code 2 | length 2 | value, padded to 4. Ends where they end or make no sense.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    rest: &'a [u8],
    endian: Endian,
}

impl<'a> Options<'a> {
    pub(crate) fn new(rest: &'a [u8], endian: Endian) -> Self {
        Self { rest, endian }
    }

    /// What was not walked over yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.rest.get(..4)?;
        let code = self.endian.u16(head, 0);
        let len = usize::from(self.endian.u16(head, 2));
        if code == 0 {
            return None;
        }
        let value = self.rest.get(4..4 + len)?;
        self.rest = self.rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
