//! Facts about the reassembler, on frames built by hand.

mod build;
mod flows;
mod fragments;
mod headers;
mod properties;
mod tap;
mod tcp;
