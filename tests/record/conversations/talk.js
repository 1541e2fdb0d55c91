// What clients have to say to each other, whatever carries it.
import { connected, end, lose, messages, received } from '../client.js'

export const text = (length) => 'The quick brown fox. '.repeat(Math.ceil(length / 21)).slice(0, length)
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
