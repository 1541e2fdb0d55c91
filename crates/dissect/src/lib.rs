//! A growing index of the MQTT packets in a capture, filters, exchanges and printing.
