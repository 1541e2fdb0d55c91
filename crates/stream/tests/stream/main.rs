//! Facts about the reassembler, on frames built by hand, and about TLS, on connections of real libraries.

mod build;
mod encapsulations;
mod flows;
mod fragments;
mod headers;
mod networks;
mod properties;
mod tap;
mod tcp;
mod tls;
