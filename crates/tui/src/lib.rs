//! The inspector's screens.
//!
//! `Event -> keymap(context, key) -> Action -> update(&mut App, Action) -> Effect -> view(&App, &mut Frame)`.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mqscope_dissect::{Inspection, Settings};
//! use mqscope_tui::{InspectorSettings, inspect};
//!
//! let capture = mqscope_capture::Capture::open("plant.pcapng".as_ref())?;
//! let settings = InspectorSettings { title: "plant.pcapng".to_owned(), ..InspectorSettings::default() };
//! inspect(Inspection::start(capture, Settings::default())?, &settings)?;
//! # Ok(()) }
//! ```
//!
//! **Architecture invariants.** Only the loop performs effects; `update` alone changes the state and `view` only draws
//! it; nothing here reads a capture on its own: it asks `mqscope-dissect`. Drawing costs what is on the screen,
//! however long the capture, the packet or its tree. What comes from the wire reaches the screen escaped. The terminal
//! is given back whatever happens.

mod fit;
mod inspector;
mod keymap;
mod terminal;
mod theme;

pub use inspector::{Ended, InspectorSettings, inspect};
