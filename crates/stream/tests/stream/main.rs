//! Facts about the reassembler, on frames built by hand.

mod build;
mod encapsulations;
mod flows;
mod fragments;
mod headers;
mod networks;
mod properties;
mod tap;
mod tcp;
