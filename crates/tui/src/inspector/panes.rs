//! What stands on the screen, each drawn from plain data.

pub(crate) mod bars;
pub(crate) mod help;
pub(crate) mod hex;
pub(crate) mod list;
pub(crate) mod prompt;
pub(crate) mod reader;
pub(crate) mod tree;
