//! What stands on the screen, each drawn from plain data.

pub(crate) mod hex;
pub(crate) mod list;
pub(crate) mod tree;
