//! Reports as text and files.
//!
//! Each writer takes plain data and a sink; [`Folder`] puts them side by side on disk.

pub mod csv;
mod folder;
pub mod hgrm;
pub mod hlog;
pub mod json;
pub mod text;

pub use folder::Folder;
