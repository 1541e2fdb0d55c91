//! Are these bytes one CBOR item?

/// Deeper items are not taken for CBOR.
const MAX_DEPTH: usize = 64;

/// Whether `head` is exactly one well-formed map, array or tagged item (RFC 8949 §3), or the start of one if it is
/// not the whole payload. A number or a string alone is too little to tell from chance.
pub(super) fn is_container(head: &[u8], is_whole: bool) -> bool {
    if !matches!(head.first().map(|first| first >> 5), Some(4..=6)) {
        return false;
    }
    let mut walk = Walk { rest: head, open: Vec::new() };
    match walk.run() {
        Ok(()) => walk.rest.is_empty(),
        Err(Ended::Short) => !is_whole,
        Err(Ended::Malformed) => false,
    }
}

enum Ended {
    /// The bytes end within the item.
    Short,
    Malformed,
}

struct Walk<'a> {
    rest: &'a [u8],
    /// How many items each open container still wants; `None`: until a break.
    open: Vec<Option<u64>>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Ended> {
        loop {
            let first = self.take(1)?[0];
            let (major, info) = (first >> 5, first & 0x1f);
            if first == 0xff {
                // A break ends the innermost container of unknown length, and nothing else.
                match self.open.pop() {
                    Some(None) => {}
                    _ => return Err(Ended::Malformed),
                }
            } else {
                let argument = self.argument(info)?;
                match (major, argument) {
                    (0 | 1, Some(_)) => {}
                    (2 | 3, Some(len)) => {
                        let len = usize::try_from(len).map_err(|_| Ended::Malformed)?;
                        let text = self.take(len)?;
                        if major == 3 && std::str::from_utf8(text).is_err() {
                            return Err(Ended::Malformed);
                        }
                    }
                    (2..=5, None) => self.enter(None)?,
                    (4, Some(items)) => self.enter(Some(items))?,
                    (5, Some(pairs)) => self.enter(Some(pairs.checked_mul(2).ok_or(Ended::Malformed)?))?,
                    (6, Some(_)) => self.enter(Some(1))?,
                    (7, Some(_)) => {}
                    _ => return Err(Ended::Malformed),
                }
                // What was just opened is not yet an item of what is around it.
                if matches!((major, argument), (4..=6, _) | (2 | 3, None))
                    && self.open.last() != Some(&Some(0))
                {
                    continue;
                }
                if matches!(major, 4..=6) {
                    self.open.pop();
                }
            }
            if self.close() {
                return Ok(());
            }
        }
    }

    /// Counts an item that is complete; whether it was the outermost.
    fn close(&mut self) -> bool {
        loop {
            match self.open.last_mut() {
                None => return true,
                Some(None) => return false,
                Some(Some(wanted)) => {
                    *wanted -= 1;
                    if *wanted > 0 {
                        return false;
                    }
                    self.open.pop();
                }
            }
        }
    }

    fn enter(&mut self, items: Option<u64>) -> Result<(), Ended> {
        self.open.push(items);
        if self.open.len() > MAX_DEPTH { Err(Ended::Malformed) } else { Ok(()) }
    }

    /// The number in or after the first byte; `None` for "until a break".
    fn argument(&mut self, info: u8) -> Result<Option<u64>, Ended> {
        let bytes = match info {
            0..=23 => return Ok(Some(info.into())),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            31 => return Ok(None),
            _ => return Err(Ended::Malformed),
        };
        Ok(Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
    }

    fn take(&mut self, len: usize) -> Result<&[u8], Ended> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Ended::Short)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::is_container;

    #[test]
    fn well_formed_containers_are_told() {
        for item in [
            &[0x80][..],
            &[0xa0],
            &[0x83, 1, 2, 3],
            &[0xa2, 0x61, b'a', 1, 0x61, b'b', 0x82, 2, 3],
            &[0x9f, 1, 0x82, 2, 3, 0xff],
            &[0xbf, 0x61, b'a', 0x9f, 0xff, 0xff],
            &[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0],
            &[0x82, 0x5f, 0x42, 1, 2, 0x41, 3, 0xff, 0xf5],
            &[0x81, 0xc0, 0x80],
        ] {
            assert!(is_container(item, true), "{item:x?}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for item in [
            &[][..],
            &[1],
            &[0x61, b'a'],
            &[0x83, 1, 2],
            &[0x80, 0],
            &[0x9f, 1],
            &[0x82, 0xff, 1],
            &[0xa1, 0x61, 0xff, 1],
            &[0x9c],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x81; 100],
        ] {
            assert!(!is_container(item, true), "{item:x?}");
        }
    }

    #[test]
    fn the_start_of_one_is_enough_where_the_rest_is_not_looked_at() {
        assert!(is_container(&[0x83, 1, 2], false));
        assert!(!is_container(&[0x83, 0x1c], false));
    }
}
