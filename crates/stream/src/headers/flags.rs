use std::fmt;

/// The flags of a TCP header: the twelve bits after the data offset, reserved ones included.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u16);

macro_rules! flags {
    ($($name:ident $bit:literal $doc:literal)*) => {
        impl TcpFlags {
            $(#[doc = $doc] #[must_use] #[inline] pub const fn $name(self) -> bool { self.0 & (1 << $bit) != 0 })*
        }

        impl fmt::Debug for TcpFlags {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut set = f.debug_set();
                $(if self.$name() { set.entry(&format_args!(stringify!($name))); })*
                set.finish()
            }
        }
    };
}

impl TcpFlags {
    /// Whether the segment neither begins nor ends anything: no SYN, FIN or RST.
    #[must_use]
    #[inline]
    pub const fn is_plain(self) -> bool {
        self.0 & 0b111 == 0
    }
}

flags! {
    fin 0 "The sender has no more data."
    syn 1 "The sequence number is the initial one."
    rst 2 "The connection is reset."
    psh 3 "Push."
    ack 4 "The acknowledgement number counts."
    urg 5 "The urgent pointer counts."
    ece 6 "Echo of congestion."
    cwr 7 "Congestion window reduced."
    ae 8 "Accurate ECN (once NS)."
}
