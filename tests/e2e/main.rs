//! mqscope from outside: the built program on real captures, real brokers and a real terminal, and the shape of the house.

mod floors;
