// What clients have to say to each other, whatever carries it.
import { createHash } from 'node:crypto'
import { connected, end, lose, messages, received } from '../client.js'

export const text = (length) => 'The quick brown fox. '.repeat(Math.ceil(length / 21)).slice(0, length)
/// Bytes that nothing compresses, and the same each time.
export function noise(length) {
  let bytes = Buffer.from('seed')
  while (bytes.length < length) bytes = Buffer.concat([bytes, createHash('sha256').update(bytes).digest()])
  return bytes.subarray(bytes.length - length)
}

export const later = (ms) => new Promise((done) => setTimeout(done, ms))

export async function everyQoS(made, root) {
  const granted = received(made, 'suback')
  await made.subscribeAsync({ [`${root}/zero`]: { qos: 0 }, [`${root}/one`]: { qos: 1 }, [`${root}/two/#`]: { qos: 2 } })
  await granted
  await made.publishAsync(`${root}/zero`, 'at most once')
  await made.publishAsync(`${root}/one`, 'at least once', { qos: 1 })
  await made.publishAsync(`${root}/two/température`, 'exactly once', { qos: 2 })
  await made.publishAsync(`${root}/two/empty`, '', { qos: 1 })
  await made.publishAsync(`${root}/two/bytes`, Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x0a]), { qos: 1 })
  await made.publishAsync(`${root}/two/kept`, '{"state":"on","level":3}', { qos: 1, retain: true })
}

// MQTT 3.1 (MQIsdp) and 3.1.1 have the same things to say.
export async function older(options, root) {
  const made = await connected({ ...options, clientId: `${root}-1`, username: 'meter', password: 'kWh-2026', keepalive: 1,
    will: { topic: `${root}/status`, payload: 'gone', qos: 1, retain: true } })
  await everyQoS(made, root)
  await messages(made, 6)
  await received(made, 'pingresp')
  await made.unsubscribeAsync([`${root}/zero`, `${root}/one`])
  const second = await connected({ ...options, clientId: `${root}-2` })
  await second.subscribeAsync(`${root}/two/kept`, { qos: 1 })
  await messages(second, 1)
  await second.publishAsync(`${root}/two/kept`, '', { qos: 1, retain: true })
  await second.subscribeAsync(`${root}/status`, { qos: 2 })
  await lose(made)
  await messages(second, 3)
  await second.publishAsync(`${root}/status`, '', { retain: true })
  await end(second)
}

/// The least that has all of it: CONNECT, SUBSCRIBE, a PUBLISH each way with its PUBACK, DISCONNECT: nine packets.
export async function brief(options, clientId, payload = 'at least once') {
  const made = await connected({ protocolVersion: 5, ...options, clientId })
  await exchange(made, `${clientId}/one`, payload)
  await end(made)
}

/// A subscription of its own, and a message that comes back on it.
export async function exchange(made, topic, payload) {
  const before = made.messages.length
  await made.subscribeAsync(topic, { qos: 1 })
  await made.publishAsync(topic, payload, { qos: 1 })
  await messages(made, before + 1)
}

/// Readings that are much alike, at every QoS, then what compresses well and what does not.
export async function readings(options, clientId) {
  const made = await connected({ protocolVersion: 5, ...options, clientId })
  await made.subscribeAsync(`${clientId}/#`, { qos: 2 })
  for (let seq = 0; seq < 6; seq++) {
    await made.publishAsync(`${clientId}/readings`, JSON.stringify({ device: clientId, seq, temperature: 20 + seq / 4 }), { qos: seq % 3 })
  }
  await made.publishAsync(`${clientId}/text`, text(2100), { qos: 1 })
  await made.publishAsync(`${clientId}/noise`, noise(300), { qos: 1 })
  await messages(made, 8)
  await end(made)
}
