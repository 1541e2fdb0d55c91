//! Frames to ordered application bytes: link types, IP, TCP reassembly.
