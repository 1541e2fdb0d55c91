//! The screens without a terminal: a capture, keys, and what stands on a test backend.

mod fields;
mod filter;
mod laws;
mod live;
mod safety;
mod screens;
mod stage;
