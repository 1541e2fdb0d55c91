//! Masking (RFC 6455 §5.3).

/// Masks `bytes`, or unmasks them: it is the same operation. `offset` is the place of `bytes[0]` in the frame's
/// payload, so that a payload can come in pieces.
#[inline]
pub fn apply_mask(bytes: &mut [u8], key: [u8; 4], offset: u64) {
    let mut turned = key;
    turned.rotate_left((offset % 4) as usize);
    let [a, b, c, d] = turned;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hello_of_the_rfc_is_unmasked() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58]; // RFC 6455 §5.7
        apply_mask(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn every_length_and_offset_is_masked_like_byte_by_byte() {
        let key = [1, 20, 99, 250];
        for offset in 0..9u64 {
            for len in 0..70 {
                let plain: Vec<u8> = (0..len).collect();
                let mut masked = plain.clone();
                apply_mask(&mut masked, key, offset);
                let one_by_one: Vec<u8> =
                    plain.iter().enumerate().map(|(i, byte)| byte ^ key[(i + offset as usize) % 4]).collect();
                assert_eq!(masked, one_by_one, "{len} bytes from {offset}");
            }
        }
    }
}
