//! mqscope from outside: the built program on real captures, real brokers and a real terminal, and the shape of the house.

mod captures;
mod codec;
mod dump;
mod filters;
mod floors;
mod generated;
mod live;
mod networks;
mod program;
mod readme;
mod runs;
mod screens;
mod servers;
mod shards;
mod stats;
mod transports;
mod tshark;
