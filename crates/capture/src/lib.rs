//! Where frames come from: capture files, live interfaces, the spool.
