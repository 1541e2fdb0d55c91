use mqscope_capture::{Comments, Frame, FrameFilter};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_capture_filter_works_on_files() {
    // Ethernet, IPv4, UDP from port 7 to port 1883.
    let mut bytes = vec![0; 42];
    bytes[12..14].copy_from_slice(&[8, 0]);
    bytes[14] = 0x45;
    bytes[23] = 17;
    bytes[34..38].copy_from_slice(&[0, 7, 7, 0x5b]);
    let comments = Comments::default();
    let frame =
        Frame { number: 1, time: 0, interface: 0, link: 1, at: 0, original_len: 42, bytes: &bytes, comments };
    let bare = Frame { link: 101, bytes: &bytes[14..], ..frame };
    let mut filter = FrameFilter::new("udp dst port 1883").unwrap();
    assert!(filter.matches(&frame).unwrap() && filter.matches(&bare).unwrap());
    assert!(!FrameFilter::new("udp dst port 7").unwrap().matches(&frame).unwrap());
    let error = FrameFilter::new("udp dst porto 7").unwrap_err();
    assert!(error.to_string().starts_with("capture filter \"udp dst porto 7\": "), "{error}");
}

proptest! {
    #[test]
    fn filters_never_panic(text in "[ -~]{0,30}", bytes in vec(any::<u8>(), 0..80)) {
        if let Ok(mut filter) = FrameFilter::new(&text) {
            let original_len = bytes.len() as u32;
            let comments = Comments::default();
            let frame =
                Frame { number: 1, time: 0, interface: 0, link: 113, at: 0, original_len, bytes: &bytes, comments };
            let _ = filter.matches(&frame);
        }
    }
}
