//! CONNECT (§3.1): the client's first packet.

use super::{check_payload_format, properties_len, write_properties};
use crate::property::decode::{self as properties, Met};
use crate::property::{ALLOWED_IN_WILL, allowed_in};
use crate::reader::{Read, Reader};
use crate::writer::{Writer, prefixed_len};
use crate::{
    EncodeError, EncodeErrorKind, Field, Observer, PacketType, Properties, QoS, Span, Text, Version,
    Violation,
};

const BRIDGE: u8 = 0x80;
const USER_NAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;
const WILL_RETAIN: u8 = 0x20;
const WILL_QOS: u8 = 0x18;
const WILL_FLAG: u8 = 0x04;
const CLEAN_START: u8 = 0x02;
const RESERVED: u8 = 0x01;

/// The client asks for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect<'b> {
    /// What the connection will speak.
    pub version: Version,
    /// The client is a broker that bridges: the high bit of the protocol version is set (0x83, 0x84).
    pub bridge: bool,
    /// The session begins anew; Clean Session before 5.0.
    pub clean_start: bool,
    /// Seconds; 0 turns it off.
    pub keep_alive: u16,
    /// May be empty where the server is to choose one.
    pub client_id: Text<'b>,
    /// What the server publishes if the client goes without a word.
    pub will: Option<Will<'b>>,
    /// Who the client says it is.
    pub username: Option<Text<'b>>,
    /// How it proves it.
    pub password: Option<&'b [u8]>,
    /// 5.0 only.
    pub properties: Properties<'b>,
}

/// The message the server publishes if the client goes without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'b> {
    /// Where to.
    pub topic: Text<'b>,
    /// The message.
    pub payload: &'b [u8],
    /// How surely.
    pub qos: QoS,
    /// To be kept.
    pub retain: bool,
    /// 5.0 only.
    pub properties: Properties<'b>,
}

impl<'b> Connect<'b> {
    /// `padded`: the span of a Remaining Length with more bytes than it needs.
    #[inline(always)]
    pub(super) fn decode<O: Observer>(
        mut r: Reader<'b, '_, O>,
        fallback: Version,
        padded: Option<Span>,
    ) -> Read<Self> {
        let (version, bridge) = protocol(&mut r, fallback)?;
        if let (Some(span), Version::V5) = (padded, version) {
            r.violation(Violation::LengthNotMinimal, Field::RemainingLength, span)?;
        }
        let flags = flags(&mut r, version)?;
        let keep_alive = r.u16(Field::KeepAlive)?;
        let properties =
            properties_at(&mut r, version, Field::Properties, allowed_in(PacketType::Connect))?.0;
        let client_id = r.text(Field::ClientId)?;
        check_client_id(&mut r, client_id, flags, version)?;
        let will = if flags & WILL_FLAG == 0 { None } else { Some(Will::decode(&mut r, version, flags)?) };
        // 3.1 lets a packet end where its flags promise a user name or a password.
        let spared = version == Version::V31;
        let username = match flags & USER_NAME != 0 && !(spared && r.is_at_end()) {
            true => Some(r.text(Field::UserName)?),
            false => None,
        };
        let password = match flags & PASSWORD != 0 && !(spared && r.is_at_end()) {
            true => Some(r.bytes(Field::Password)?),
            false => None,
        };
        let clean_start = flags & CLEAN_START != 0;
        r.finish()?;
        Ok(Self { version, bridge, clean_start, keep_alive, client_id, will, username, password, properties })
    }

    pub(super) fn body_len(&self) -> Result<usize, EncodeError> {
        let mut len = prefixed_len(Field::ProtocolName, self.version.protocol_name().as_bytes())?
            + 4
            + properties_len(self.properties, self.version, Field::Properties)?
            + prefixed_len(Field::ClientId, self.client_id.0)?;
        if let Some(will) = &self.will {
            len += will.len(self.version)?;
        }
        if let Some(username) = self.username {
            len += prefixed_len(Field::UserName, username.0)?;
        }
        if let Some(password) = self.password {
            len += prefixed_len(Field::Password, password)?;
        }
        Ok(len)
    }

    #[inline(always)]
    pub(super) fn write(&self, out: &mut impl Writer) {
        out.prefixed(self.version.protocol_name().as_bytes());
        out.u8(self.version.level() | if self.bridge { BRIDGE } else { 0 });
        let mut flags = if self.clean_start { CLEAN_START } else { 0 };
        if let Some(will) = &self.will {
            flags |= WILL_FLAG | (will.qos as u8) << 3 | if will.retain { WILL_RETAIN } else { 0 };
        }
        if self.username.is_some() {
            flags |= USER_NAME;
        }
        if self.password.is_some() {
            flags |= PASSWORD;
        }
        out.u8(flags);
        out.u16(self.keep_alive);
        write_properties(self.properties, self.version, out);
        out.prefixed(self.client_id.0);
        if let Some(will) = &self.will {
            write_properties(will.properties, self.version, out);
            out.prefixed(will.topic.0);
            out.prefixed(will.payload);
        }
        if let Some(username) = self.username {
            out.prefixed(username.0);
        }
        if let Some(password) = self.password {
            out.prefixed(password);
        }
    }
}

impl<'b> Will<'b> {
    #[inline(always)]
    fn decode<O: Observer>(r: &mut Reader<'b, '_, O>, version: Version, flags: u8) -> Read<Self> {
        let (properties, met) = properties_at(r, version, Field::WillProperties, ALLOWED_IN_WILL)?;
        let topic = r.topic(Field::WillTopic, Violation::WillTopicWildcard)?;
        if topic.is_empty() {
            r.violation(Violation::WillTopicEmpty, Field::WillTopic, r.span_of(topic))?;
        }
        let payload = r.bytes(Field::WillPayload)?;
        check_payload_format(r, met, properties, payload, Field::WillPayload)?;
        let (qos, retain) = (QoS::from_bits(flags >> 3), flags & WILL_RETAIN != 0);
        Ok(Self { topic, payload, qos, retain, properties })
    }

    fn len(&self, version: Version) -> Result<usize, EncodeError> {
        if self.qos == QoS::Reserved {
            return Err(EncodeError::new(EncodeErrorKind::Reserved, Field::WillQos));
        }
        Ok(properties_len(self.properties, version, Field::WillProperties)?
            + prefixed_len(Field::WillTopic, self.topic.0)?
            + prefixed_len(Field::WillPayload, self.payload)?)
    }
}

/// Protocol name and version: the version, and whether a bridge speaks.
#[inline(always)]
fn protocol<O: Observer>(r: &mut Reader<'_, '_, O>, fallback: Version) -> Read<(Version, bool)> {
    let name = r.text(Field::ProtocolName)?;
    let name_span = r.span_of(name);
    let level = r.u8(Field::ProtocolVersion)?;
    let Some(version) = Version::from_level(level & !BRIDGE) else {
        let span = Span::bytes(r.at() - 1, 1);
        r.violation(Violation::ProtocolVersionUnknown, Field::ProtocolVersion, span)?;
        return Ok((fallback, level & BRIDGE != 0));
    };
    let right = match version {
        Version::V31 => name.0 == b"MQIsdp",
        Version::V311 | Version::V5 => name.0 == b"MQTT",
    };
    if !right {
        r.violation(Violation::ProtocolNameWrong, Field::ProtocolName, name_span)?;
    }
    Ok((version, level & BRIDGE != 0))
}

#[inline(always)]
fn flags<O: Observer>(r: &mut Reader<'_, '_, O>, version: Version) -> Read<u8> {
    let at = r.at();
    let flags = r.flags(
        Field::ConnectFlags,
        [
            (Field::UserNameFlag, USER_NAME),
            (Field::PasswordFlag, PASSWORD),
            (Field::WillRetain, WILL_RETAIN),
            (Field::WillQos, WILL_QOS),
            (Field::WillFlag, WILL_FLAG),
            (Field::CleanStart, CLEAN_START),
            (Field::ConnectFlagsReserved, RESERVED),
        ],
    )?;
    if flags & RESERVED != 0 {
        let span = Span::bits(at, RESERVED);
        r.violation(Violation::ConnectFlagReserved, Field::ConnectFlagsReserved, span)?;
    }
    if flags & WILL_QOS == WILL_QOS {
        r.violation(Violation::WillQosReserved, Field::WillQos, Span::bits(at, WILL_QOS))?;
    }
    if flags & WILL_FLAG == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        if flags & WILL_QOS != 0 {
            r.violation(Violation::WillQosWithoutWill, Field::WillQos, Span::bits(at, WILL_QOS))?;
        }
        if flags & WILL_RETAIN != 0 {
            r.violation(Violation::WillRetainWithoutWill, Field::WillRetain, Span::bits(at, WILL_RETAIN))?;
        }
    }
    if flags & (USER_NAME | PASSWORD) == PASSWORD && version != Version::V5 {
        r.violation(Violation::PasswordWithoutUserName, Field::PasswordFlag, Span::bits(at, PASSWORD))?;
    }
    Ok(flags)
}

#[inline(always)]
fn check_client_id<O: Observer>(
    r: &mut Reader<'_, '_, O>,
    client_id: Text<'_>,
    flags: u8,
    version: Version,
) -> Read<()> {
    let empty = client_id.is_empty() && flags & CLEAN_START == 0 && version != Version::V5;
    if empty {
        r.violation(Violation::ClientIdEmpty, Field::ClientId, r.span_of(client_id))?;
    }
    if version == Version::V31 && client_id.len() > 23 {
        r.violation(Violation::ClientIdTooLong, Field::ClientId, r.span_of(client_id))?;
    }
    Ok(())
}

#[inline(always)]
fn properties_at<'b, O: Observer>(
    r: &mut Reader<'b, '_, O>,
    version: Version,
    group: Field,
    allowed: u64,
) -> Read<(Properties<'b>, Met)> {
    match version {
        Version::V5 => properties::decode(r, group, allowed),
        _ => Ok((Properties::EMPTY, Met::default())),
    }
}
