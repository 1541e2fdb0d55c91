//! The inspector's screens.
//!
//! `Event -> keymap(context, key) -> Action -> update(&mut App, Action) -> Effect -> view(&App, &mut Frame)`.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mqscope_dissect::{Inspection, Settings};
//! use mqscope_tui::{InspectorSettings, inspect};
//!
//! # let capture = todo!("mqscope_capture::Capture::open");
//! let settings = InspectorSettings { title: "plant.pcapng".to_owned(), ..InspectorSettings::default() };
//! inspect(Inspection::start(capture, Settings::default()), &settings)?;
//! # Ok(()) }
//! ```
//!
//! **Architecture invariant:** only the loop performs effects; `update` alone changes the state and `view` only draws
//! it; nothing here reads a capture on its own: it asks `mqscope-dissect`.

mod inspector;
mod keymap;
mod terminal;
mod theme;

pub use inspector::{InspectorSettings, inspect};
