use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mqscope_capture::{Capture, CaptureError, live};

/// Whether these tests can be about anything here.
fn may_capture() -> bool {
    match live::check("lo") {
        Ok(()) => true,
        Err(CaptureError::NoRight { .. }) => {
            println!("not tested: this process may not capture");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// Sends datagrams to itself until a frame with their bytes is there.
fn catch(capture: &mut Capture, socket: &UdpSocket, bytes: &[u8]) -> (i64, u16, u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        socket.send(bytes).unwrap();
        capture.wait(Duration::from_millis(100));
        while let Some(frame) = capture.next_frame().unwrap() {
            if frame.bytes.ends_with(bytes) {
                return (frame.time, frame.link, frame.original_len);
            }
        }
    }
    panic!("no frame came: {:?}", capture.stats());
}

fn socket() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    socket.connect(("127.0.0.1", port)).unwrap();
    (socket, port)
}

#[test]
fn frames_on_the_loopback_interface_are_captured() {
    if !may_capture() {
        return;
    }
    let (socket, port) = socket();
    let mut options = live::LiveOptions::new("lo");
    options.filter = Some(format!("udp port {port}"));
    let mut capture = live::open(&options).unwrap();
    assert!(capture.is_live());
    let before =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    let (time, link, original_len) = catch(&mut capture, &socket, b"hello from the wire");
    // Coarse clocks may lag.
    assert!((time - before).abs() < 60_000_000_000, "{time} against {before}");
    assert_eq!((link, original_len), (1, 14 + 20 + 8 + 19));
    capture.stopper().unwrap().stop();
    let deadline = Instant::now() + Duration::from_secs(20);
    while capture.is_live() {
        assert!(Instant::now() < deadline);
        capture.wait(Duration::from_secs(1));
        while capture.next_frame().unwrap().is_some() {}
    }
    assert_eq!((capture.stats().kernel_drops, capture.stats().ring_drops), (0, 0));
}

#[test]
fn the_interface_any_gives_cooked_frames_of_the_second_kind() {
    if !may_capture() {
        return;
    }
    let (socket, port) = socket();
    let mut options = live::LiveOptions::new("any");
    options.filter = Some(format!("udp port {port}"));
    let mut capture = live::open(&options).unwrap();
    assert_eq!(catch(&mut capture, &socket, b"anywhere").1, 276);
}

#[test]
fn a_snap_length_cuts_frames() {
    if !may_capture() {
        return;
    }
    let (socket, port) = socket();
    let mut options = live::LiveOptions::new("lo");
    options.filter = Some(format!("udp port {port}"));
    options.snaplen = 42 + 4;
    let mut capture = live::open(&options).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let (len, original_len) = loop {
        assert!(Instant::now() < deadline);
        socket.send(b"abcdefgh").unwrap();
        capture.wait(Duration::from_millis(100));
        if let Some(frame) = capture.next_frame().unwrap() {
            break (frame.bytes.len(), frame.original_len);
        }
    };
    assert_eq!((len, original_len), (46, 50));
}

#[test]
fn a_wrong_filter_is_told_in_the_words_of_libpcap() {
    if !may_capture() {
        return;
    }
    let mut options = live::LiveOptions::new("lo");
    options.filter = Some("tcp prot 1883".to_owned());
    let error = live::open(&options).unwrap_err();
    assert!(error.to_string().starts_with("capture filter \"tcp prot 1883\": "), "{error}");
}

#[test]
fn a_missing_interface_is_told_with_those_there_are() {
    if !may_capture() {
        return;
    }
    let error = live::open(&live::LiveOptions::new("nowhere0")).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no interface named nowhere0; there are ") && text.contains("lo"), "{text}");
}

#[test]
fn the_loopback_interface_is_listed_and_pseudo_devices_are_not() {
    let interfaces = live::interfaces().unwrap();
    let lo = interfaces.iter().find(|interface| interface.name == "lo").expect("lo");
    assert!(lo.loopback && lo.up && lo.addresses.contains(&"127.0.0.1".parse().unwrap()), "{lo:?}");
    assert!(!interfaces.iter().any(|interface| interface.name.starts_with("nflog")));
}

#[test]
fn the_remedy_for_a_missing_right_names_this_program() {
    let error =
        CaptureError::NoRight { interface: "eth0".to_owned(), program: "/usr/bin/mqscope".to_owned() };
    let text = error.to_string();
    assert!(text.contains("sudo setcap cap_net_raw,cap_net_admin=eip /usr/bin/mqscope"), "{text}");
}
