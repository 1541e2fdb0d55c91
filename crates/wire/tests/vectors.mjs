// Writes vectors.jsonl: packets as the npm package mqtt-packet generates and parses them.
//
//   npm install --prefix DIR mqtt-packet@9.0.2 && NODE_PATH=DIR/node_modules node vectors.mjs > vectors.jsonl
//
// One JSON object a line: `version`; `hex`, the bytes; `object`, what its parser makes of them, where a
// Buffer is a string if it is UTF-8 and {"base64":"…"} if not. Random packets come from a fixed seed.
import { createRequire } from 'node:module'
const mqtt = createRequire(process.env.NODE_PATH + '/')('mqtt-packet')

let state = 20260102
function random (below) {
  // Numerical Recipes' linear congruential generator: any will do, as long as it repeats.
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor(state / 2 ** 32 * below)
}
const pick = (...from) => from[random(from.length)]
const maybe = (value) => (random(2) ? value() : undefined)
const text = () => pick('a', 'sensors/kitchen/temp', 'dev-7', 'Größe', '温度/室内', '🌡', 'a b c', 'GID_A@@@dev-1')
const name = () => pick('k', 'origin', 'trace-id', 'schlüssel')
const binary = () => pick(Buffer.from('plain'), Buffer.from([0, 255, 128, 7]), Buffer.from('温'), Buffer.alloc(0))
const u16 = () => pick(1, 255, 256, 65535, 1 + random(65535))
const u32 = () => pick(1, 65536, 4294967295, 1 + random(2 ** 32 - 1))
const flag = () => pick(true, false)

const users = () => {
  const properties = {}
  for (let i = 0; i <= random(3); i++) properties[name()] = pick(text(), [text(), text()], [text(), text(), text()])
  return properties
}
const clean = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
function properties (version, kinds) {
  if (version !== 5 || !random(3)) return undefined
  const some = clean(Object.fromEntries(Object.entries(kinds).map(([key, make]) => [key, maybe(make)])))
  return Object.keys(some).length ? some : undefined
}
const message = {
  payloadFormatIndicator: flag, messageExpiryInterval: u32, contentType: text, responseTopic: text,
  correlationData: binary, userProperties: users
}
const answer = { reasonString: text, userProperties: users }

const kinds = {
  connect (version) {
    const named = flag()
    return {
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: version,
      bridgeMode: version === 5 ? undefined : maybe(() => true),
      clean: true,
      clientId: version === 3 ? 'dev' : pick('', text()),
      keepalive: u16(),
      username: named ? text() : undefined,
      password: named ? maybe(binary) : undefined,
      will: maybe(() => clean({
        topic: text(),
        payload: binary(),
        qos: random(3),
        retain: flag(),
        properties: properties(version, { ...message, willDelayInterval: u32 })
      })),
      properties: properties(version, {
        sessionExpiryInterval: u32, receiveMaximum: u16, maximumPacketSize: u32, topicAliasMaximum: u16,
        requestResponseInformation: flag, requestProblemInformation: flag, userProperties: users,
        authenticationMethod: text
      })
    }
  },
  connack: (version) => ({
    sessionPresent: false,
    returnCode: version === 5 ? undefined : random(6),
    reasonCode: version === 5 ? pick(0, 0x80, 0x87, 0x9f) : undefined,
    properties: properties(version, {
      sessionExpiryInterval: u32, receiveMaximum: u16, maximumQoS: () => random(2), retainAvailable: flag,
      maximumPacketSize: u32, assignedClientIdentifier: text, topicAliasMaximum: u16, ...answer,
      wildcardSubscriptionAvailable: flag, subscriptionIdentifiersAvailable: flag,
      sharedSubscriptionAvailable: flag, serverKeepAlive: u16, responseInformation: text,
      serverReference: text, authenticationMethod: text
    })
  }),
  publish (version) {
    const qos = random(3)
    return {
      topic: text(),
      payload: pick(text(), binary(), Buffer.alloc(random(16) ? 200 : 17000, 120)),
      qos,
      retain: flag(),
      dup: qos > 0 && flag(),
      messageId: qos > 0 ? u16() : undefined,
      properties: properties(version, {
        ...message, topicAlias: u16, subscriptionIdentifier: () => pick(1, 128, 16384, 268435455, [1, 2], [5, 6, 7])
      })
    }
  },
  puback: (version) => ({ messageId: u16(), reasonCode: version === 5 ? pick(0, 0x10, 0x87, 0x97) : undefined, properties: properties(version, answer) }),
  pubrec: (version) => ({ messageId: u16(), reasonCode: version === 5 ? pick(0, 0x10, 0x91, 0x99) : undefined, properties: properties(version, answer) }),
  pubrel: (version) => ({ messageId: u16(), reasonCode: version === 5 ? pick(0, 0x92) : undefined, properties: properties(version, answer) }),
  pubcomp: (version) => ({ messageId: u16(), reasonCode: version === 5 ? pick(0, 0x92) : undefined, properties: properties(version, answer) }),
  subscribe: (version) => ({
    messageId: u16(),
    subscriptions: Array.from({ length: 1 + random(3) }, () => clean({
      topic: pick(text(), '#', '+/a/#', '$share/group/a/+'),
      qos: random(3),
      nl: version === 5 ? false : undefined,
      rap: version === 5 ? flag() : undefined,
      rh: version === 5 ? random(3) : undefined
    })),
    properties: properties(version, { subscriptionIdentifier: () => pick(1, 268435455), userProperties: users })
  }),
  suback: (version) => ({
    messageId: u16(),
    granted: Array.from({ length: 1 + random(3) }, () => version === 5 ? pick(0, 1, 2, 0x87, 0xa2) : pick(0, 1, 2, 0x80)),
    properties: properties(version, answer)
  }),
  unsubscribe: (version) => ({
    messageId: u16(),
    unsubscriptions: Array.from({ length: 1 + random(3) }, () => pick(text(), '#', 'a/+')),
    properties: properties(version, { userProperties: users })
  }),
  unsuback: (version) => ({
    messageId: u16(),
    granted: version === 5 ? Array.from({ length: 1 + random(3) }, () => pick(0, 0x11, 0x87)) : undefined,
    properties: properties(version, answer)
  }),
  pingreq: () => ({}),
  pingresp: () => ({}),
  disconnect: (version) => ({
    reasonCode: version === 5 ? pick(0, 4, 0x8e, 0x9d) : undefined,
    properties: properties(version, { sessionExpiryInterval: u32, serverReference: text, ...answer })
  }),
  auth: () => ({
    reasonCode: pick(0, 0x18, 0x19),
    properties: clean({ authenticationMethod: text(), authenticationData: binary(), ...properties(5, answer) })
  })
}

function plain (value) {
  if (Buffer.isBuffer(value)) {
    const string = value.toString('utf8')
    return Buffer.from(string).equals(value) ? string : { base64: value.toString('base64') }
  }
  if (Array.isArray(value)) return value.map(plain)
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  }
  return value
}

for (const cmd of Object.keys(kinds)) {
  for (const version of cmd === 'auth' ? [5] : [3, 4, 5]) {
    const lines = new Set()
    for (let i = 0; i < (version === 5 ? 24 : 6); i++) {
      const object = clean({ cmd, ...kinds[cmd](version) })
      const bytes = mqtt.generate(object, { protocolVersion: version })
      const parser = mqtt.parser({ protocolVersion: version })
      parser.on('error', (error) => { throw error })
      parser.on('packet', (packet) => {
        lines.add(JSON.stringify({ version, hex: bytes.toString('hex'), object: plain({ ...packet }) }))
      })
      parser.parse(bytes)
    }
    for (const line of lines) console.log(line)
  }
}
