//! Properties as a JSON object: one key for each kind, arrays for what is repeated.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::data::{Data, OwnedData};
use super::print::{REDACTED, Secrets};
use crate::{Properties, PropertiesBuf, Property, PropertyId, Text};

pub(super) struct PropertyMap<'b> {
    pub(super) properties: Properties<'b>,
    pub(super) secrets: Secrets,
}

impl Serialize for PropertyMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut done = 0_u64;
        let mut rest = self.properties.iter();
        while let Some(property) = rest.next() {
            let id = property.id();
            if done >> id as u8 & 1 == 1 {
                continue;
            }
            done |= 1 << id as u8;
            if id == PropertyId::UserProperty {
                map.serialize_entry(id.json_name(), &UserProperties(self.properties))?;
            } else if rest.clone().any(|later| later.id() == id) {
                map.serialize_entry(id.json_name(), &Repeated { of: self, id })?;
            } else {
                map.serialize_entry(id.json_name(), &Value { property, secrets: self.secrets })?;
            }
        }
        map.end()
    }
}

/// The value of a property that is not a User Property.
struct Value<'b> {
    property: Property<'b>,
    secrets: Secrets,
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.property {
            // mqtt-packet shows a flag as a boolean, and Maximum QoS, though it has as few values, as a number.
            Property::PayloadFormatIndicator(value)
            | Property::RequestProblemInformation(value)
            | Property::RequestResponseInformation(value)
            | Property::RetainAvailable(value)
            | Property::WildcardSubscriptionAvailable(value)
            | Property::SubscriptionIdentifierAvailable(value)
            | Property::SharedSubscriptionAvailable(value) => serializer.serialize_bool(value != 0),
            Property::MaximumQos(value) => serializer.serialize_u8(value),
            Property::ServerKeepAlive(value)
            | Property::ReceiveMaximum(value)
            | Property::TopicAliasMaximum(value)
            | Property::TopicAlias(value) => serializer.serialize_u16(value),
            Property::MessageExpiryInterval(value)
            | Property::SubscriptionIdentifier(value)
            | Property::SessionExpiryInterval(value)
            | Property::WillDelayInterval(value)
            | Property::MaximumPacketSize(value) => serializer.serialize_u32(value),
            Property::ContentType(text)
            | Property::ResponseTopic(text)
            | Property::AssignedClientId(text)
            | Property::AuthenticationMethod(text)
            | Property::ResponseInformation(text)
            | Property::ServerReference(text)
            | Property::ReasonString(text) => text.serialize(serializer),
            Property::AuthenticationData(_) if self.secrets == Secrets::Redacted => {
                serializer.serialize_str(REDACTED)
            }
            Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => {
                Data(bytes).serialize(serializer)
            }
            Property::UserProperty(_, value) => value.serialize(serializer),
        }
    }
}

/// All values of one kind, as an array.
struct Repeated<'a, 'b> {
    of: &'a PropertyMap<'b>,
    id: PropertyId,
}

impl Serialize for Repeated<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let secrets = self.of.secrets;
        let mut seq = serializer.serialize_seq(None)?;
        for property in self.of.properties.iter().filter(|property| property.id() == self.id) {
            seq.serialize_element(&Value { property, secrets })?;
        }
        seq.end()
    }
}

/// Name by name in the order of their first appearance; an array of the values of a repeated name.
struct UserProperties<'b>(Properties<'b>);

/// Up to so many User Properties, looking for others of the same name beats keeping a map.
const FEW: usize = 16;

impl Serialize for UserProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let all = || self.0.user_properties();
        if all().nth(FEW).is_none() {
            for (index, (name, value)) in all().enumerate() {
                if all().take(index).any(|(earlier, _)| earlier == name) {
                    continue;
                }
                if all().skip(index + 1).any(|(later, _)| later == name) {
                    let values: Vec<_> =
                        all().filter(|(other, _)| *other == name).map(|(_, value)| value).collect();
                    map.serialize_entry(&name, &values)?;
                } else {
                    map.serialize_entry(&name, &value)?;
                }
            }
            return map.end();
        }
        let mut by_name = BTreeMap::<Text<'_>, Vec<Text<'_>>>::new();
        for (name, value) in all() {
            by_name.entry(name).or_default().push(value);
        }
        for (name, _) in all() {
            match by_name.remove(&name).as_deref() {
                None => {}
                Some([value]) => map.serialize_entry(&name, value)?,
                Some(values) => map.serialize_entry(&name, values)?,
            }
        }
        map.end()
    }
}

/// Properties that were read, in the order of the object's keys.
#[derive(Debug, Default)]
pub(super) struct OwnedProperties(pub(super) PropertiesBuf);

impl<'de> Deserialize<'de> for OwnedProperties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = OwnedProperties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of properties")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OwnedProperties, A::Error> {
                let mut out = PropertiesBuf::new();
                while let Some(key) = map.next_key::<String>()? {
                    let Some(id) = PropertyId::ALL.into_iter().find(|id| id.json_name() == key) else {
                        return Err(de::Error::unknown_field(&key, NAMES));
                    };
                    read(id, &mut map, &mut out)?;
                }
                Ok(OwnedProperties(out))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

const NAMES: &[&str] = &{
    let mut names = [""; PropertyId::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = PropertyId::ALL[index].json_name();
        index += 1;
    }
    names
};

/// Reads the value of a key, which is one value or an array of them.
fn read<'de, A: MapAccess<'de>>(
    id: PropertyId,
    map: &mut A,
    out: &mut PropertiesBuf,
) -> Result<(), A::Error> {
    /// Takes a value, or each value of an array, as a `T` and pushes what `make` makes of it.
    fn each<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
        map: &mut A,
        out: &mut PropertiesBuf,
        make: for<'v> fn(&'v T) -> Property<'v>,
    ) -> Result<(), A::Error> {
        let values: OneOrMany<T> = map.next_value()?;
        for value in &values.0 {
            out.push(make(value)).map_err(de::Error::custom)?;
        }
        Ok(())
    }

    match id {
        PropertyId::UserProperty => map.next_value_seed(UserPropertiesSeed(out)),
        PropertyId::PayloadFormatIndicator => {
            each(map, out, |v: &Flag| Property::PayloadFormatIndicator(v.0))
        }
        PropertyId::RequestProblemInformation => {
            each(map, out, |v: &Flag| Property::RequestProblemInformation(v.0))
        }
        PropertyId::RequestResponseInformation => {
            each(map, out, |v: &Flag| Property::RequestResponseInformation(v.0))
        }
        PropertyId::MaximumQos => each(map, out, |v: &Flag| Property::MaximumQos(v.0)),
        PropertyId::RetainAvailable => each(map, out, |v: &Flag| Property::RetainAvailable(v.0)),
        PropertyId::WildcardSubscriptionAvailable => {
            each(map, out, |v: &Flag| Property::WildcardSubscriptionAvailable(v.0))
        }
        PropertyId::SubscriptionIdentifierAvailable => {
            each(map, out, |v: &Flag| Property::SubscriptionIdentifierAvailable(v.0))
        }
        PropertyId::SharedSubscriptionAvailable => {
            each(map, out, |v: &Flag| Property::SharedSubscriptionAvailable(v.0))
        }
        PropertyId::ServerKeepAlive => each(map, out, |v| Property::ServerKeepAlive(*v)),
        PropertyId::ReceiveMaximum => each(map, out, |v| Property::ReceiveMaximum(*v)),
        PropertyId::TopicAliasMaximum => each(map, out, |v| Property::TopicAliasMaximum(*v)),
        PropertyId::TopicAlias => each(map, out, |v| Property::TopicAlias(*v)),
        PropertyId::MessageExpiryInterval => each(map, out, |v| Property::MessageExpiryInterval(*v)),
        PropertyId::SubscriptionIdentifier => each(map, out, |v| Property::SubscriptionIdentifier(*v)),
        PropertyId::SessionExpiryInterval => each(map, out, |v| Property::SessionExpiryInterval(*v)),
        PropertyId::WillDelayInterval => each(map, out, |v| Property::WillDelayInterval(*v)),
        PropertyId::MaximumPacketSize => each(map, out, |v| Property::MaximumPacketSize(*v)),
        PropertyId::ContentType => each(map, out, |v: &String| Property::ContentType(v.as_str().into())),
        PropertyId::ResponseTopic => each(map, out, |v: &String| Property::ResponseTopic(v.as_str().into())),
        PropertyId::AssignedClientId => {
            each(map, out, |v: &String| Property::AssignedClientId(v.as_str().into()))
        }
        PropertyId::AuthenticationMethod => {
            each(map, out, |v: &String| Property::AuthenticationMethod(v.as_str().into()))
        }
        PropertyId::ResponseInformation => {
            each(map, out, |v: &String| Property::ResponseInformation(v.as_str().into()))
        }
        PropertyId::ServerReference => {
            each(map, out, |v: &String| Property::ServerReference(v.as_str().into()))
        }
        PropertyId::ReasonString => each(map, out, |v: &String| Property::ReasonString(v.as_str().into())),
        PropertyId::CorrelationData => each(map, out, |v: &OwnedData| Property::CorrelationData(&v.0)),
        PropertyId::AuthenticationData => each(map, out, |v: &OwnedData| Property::AuthenticationData(&v.0)),
    }
}

/// A byte written as a boolean or as a number.
struct Flag(u8);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Byte;
        impl Visitor<'_> for Byte {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a number from 0 to 255")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value.into()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Flag, E> {
                let byte = u8::try_from(value);
                byte.map(Flag).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }
        }
        deserializer.deserialize_any(Byte)
    }
}

/// A value by itself, or an array of them.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of the property, or an array of them")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
                one(de::value::BoolDeserializer::new(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                one(de::value::U64Deserializer::new(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                one(de::value::I64Deserializer::new(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                one(de::value::F64Deserializer::new(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                one(de::value::StrDeserializer::new(value))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                one(de::value::MapAccessDeserializer::new(map))
            }
        }

        fn one<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<OneOrMany<T>, D::Error> {
            Ok(OneOrMany(Vec::from([T::deserialize(value)?])))
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

struct UserPropertiesSeed<'a>(&'a mut PropertiesBuf);

impl<'de> DeserializeSeed<'de> for UserPropertiesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for UserPropertiesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and values, where a value is a string or an array of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let values: OneOrMany<String> = map.next_value()?;
            for value in &values.0 {
                let property = Property::UserProperty(name.as_str().into(), value.as_str().into());
                self.0.push(property).map_err(de::Error::custom)?;
            }
        }
        Ok(())
    }
}
