//! What the index makes of captures: each fact with the smallest tape that shows it.

mod carriage;
mod ends;
mod exchanges;
mod keys;
mod layers;
mod packets;
mod print;
mod properties;
mod resync;
mod statements;
mod statistics;
mod tape;
mod upgrades;
mod violations;
