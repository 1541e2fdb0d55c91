// Over plain TCP: MQTT 3.1, 3.1.1 and 5 as real clients speak it, and what no good client sends.
import net from 'node:net'
import { once } from 'node:events'
import { client, closed, connected, end, messages, received, socketOf } from '../client.js'
import { serve } from '../servers/packets.js'
import { later, older, text } from './talk.js'

export default {
  'mqttjs-v31': () => older({ protocolId: 'MQIsdp', protocolVersion: 3 }, 'v31'),
  'mqttjs-v311': () => older({ protocolVersion: 4 }, 'v311'),

  async 'mqttjs-v5'() {
    const made = await connected({
      protocolVersion: 5, clientId: 'v5-device', username: 'meter', password: Buffer.from('kWh-2026'), keepalive: 1, clean: true,
      properties: {
        sessionExpiryInterval: 60, receiveMaximum: 10, maximumPacketSize: 65536, topicAliasMaximum: 4,
        requestResponseInformation: true, requestProblemInformation: true,
        userProperties: { firmware: '1.2.3', tag: ['first', 'second'] },
      },
      will: { topic: 'v5/status', payload: Buffer.from('gone'), qos: 2, retain: true, properties: {
        willDelayInterval: 0, payloadFormatIndicator: true, messageExpiryInterval: 3600, contentType: 'text/plain',
        responseTopic: 'v5/answers', correlationData: Buffer.from([1, 2, 3, 255]), userProperties: { why: 'lost' } } },
    })
    await made.subscribeAsync({ 'v5/#': { qos: 2, nl: false, rap: true, rh: 1 } },
      { properties: { subscriptionIdentifier: 12345, userProperties: { asked: 'by me' } } })
    await made.publishAsync('v5/request', '{"get":"temperature"}', { qos: 1, retain: true, properties: {
      payloadFormatIndicator: true, messageExpiryInterval: 300, contentType: 'application/json', responseTopic: 'v5/answers/1',
      correlationData: Buffer.from('c-1'), userProperties: { trace: ['t-1', 't-2'], 'clé': 'été' } } })
    await made.publishAsync('v5/two', 'exactly once', { qos: 2, properties: { userProperties: { n: '2' } } })
    await made.publishAsync('v5/alias', 'names alias 3', { properties: { topicAlias: 3 } })
    await made.publishAsync('', 'by alias 3', { properties: { topicAlias: 3 } })
    await made.publishAsync('v5/renamed', 'alias 3 now means this', { properties: { topicAlias: 3 } })
    await made.publishAsync('', 'renamed by alias 3', { qos: 1, properties: { topicAlias: 3 } })
    await messages(made, 6)
    // No Local, Retain Handling, and a filter that is refused nothing but has no one to hear.
    await made.subscribeAsync({ 'v5/own/+': { qos: 1, nl: true, rap: false, rh: 2 } })
    await made.publishAsync('v5/own/echo', 'not to come back on that subscription', { qos: 1 })
    await made.publishAsync('nobody/listens', '?', { qos: 1 })
    await messages(made, 7)
    await received(made, 'pingresp')
    await made.unsubscribeAsync(['v5/own/+', 'v5/never/asked'], { properties: { userProperties: { bye: 'now' } } })
    await made.publishAsync('v5/request', '', { retain: true })
    await messages(made, 8)
    const other = await connected({ protocolVersion: 5, clientId: 'v5-witness' })
    await other.subscribeAsync({ 'v5/status': { qos: 1 } })
    await end(made, { reasonCode: 0x04, properties: { sessionExpiryInterval: 0, reasonString: 'with my will',
      userProperties: { last: 'words' } } })
    await messages(other, 1)
    await other.publishAsync('v5/status', '', { retain: true })
    await messages(other, 2)
    await end(other)
  },

  // Two workers of one shared group, fed by a client that assigns aliases by itself.
  async 'mqttjs-v5-shared'() {
    const workers = []
    for (const n of [1, 2]) {
      const worker = await connected({ protocolVersion: 5, clientId: `worker-${n}`, host: '::1' })
      await worker.subscribeAsync('$share/ingest/fleet/+/data', { qos: 1, properties: { subscriptionIdentifier: n } })
      workers.push(worker)
    }
    const feeder = await connected({ protocolVersion: 5, clientId: 'feeder', host: '::1', autoAssignTopicAlias: true })
    for (let i = 0; i < 12; i++) {
      await feeder.publishAsync(`fleet/dev-${i % 3}/data`, JSON.stringify({ seq: i, temp: 20 + i / 4 }), { qos: i % 2 })
    }
    while (workers[0].messages.length + workers[1].messages.length < 12) await later(5)
    for (const made of [feeder, ...workers]) await end(made)
  },

  // Aliases in both directions at once, an AUTH exchange, and the properties that mosquitto never sends.
  async 'mqttjs-v5-server'() {
    const server = await serve(1883)
    const made = client({ protocolVersion: 5, clientId: '', properties: {
      topicAliasMaximum: 2, authenticationMethod: 'PLAIN-TALK', authenticationData: Buffer.from('hello') } })
    made.handleAuth = (_packet, done) => done(null, { cmd: 'auth', reasonCode: 0x18, properties: {
      authenticationMethod: 'PLAIN-TALK', authenticationData: Buffer.from('a meter'), userProperties: { try: '1' } } })
    await once(made, 'connect')
    await made.publishAsync('up/one', 'names alias 1', { properties: { topicAlias: 1 } })
    await made.subscribeAsync('down/#', { qos: 1 })
    await messages(made, 6)
    await made.publishAsync('', 'up/one by alias', { properties: { topicAlias: 1 } })
    await made.publishAsync('up/one', 'heard by nobody', { qos: 1 })
    const told = received(made, 'disconnect')
    await made.unsubscribeAsync(['down/#', 'up/#'])
    await told
    await closed(socketOf(made))
    made.end(true)
    server.close()
  },

  // A device that is lost with messages on the way, and takes its session up again.
  async 'mqttjs-resume'() {
    for (const protocolVersion of [4, 5]) {
      const id = `resumes-${protocolVersion}`
      const options = { protocolVersion, clientId: id, clean: false,
        properties: protocolVersion === 5 ? { sessionExpiryInterval: 300 } : undefined }
      const device = await connected(options)
      await device.subscribeAsync(`${id}/cmd`, { qos: 2 })
      // It acknowledges nothing, and is lost as the second message comes: the broker must give it both again.
      device.handleMessage = (_packet, done) => done(new Error('busy'))
      device.on('packetreceive', ({ qos }) => { if (qos === 2) socketOf(device).destroy() })
      const lost = closed(socketOf(device))
      const sender = await connected({ protocolVersion, clientId: `${id}-sender` })
      await sender.publishAsync(`${id}/cmd`, 'first', { qos: 1 })
      await sender.publishAsync(`${id}/cmd`, 'second', { qos: 2 })
      await lost
      await sender.publishAsync(`${id}/cmd`, 'while it was away', { qos: 1 })
      const again = await connected(options)
      await messages(again, 3)
      await later(50)
      await again.unsubscribeAsync(`${id}/cmd`)
      await end(sender)
      await end(again)
      await end(await connected({ ...options, clean: true, properties: undefined }))
    }
  },

  // Everything a broker may say no to, and a client put out by another of its name.
  async 'mqttjs-refused'() {
    const refused = async (options) => {
      const made = client(options)
      await received(made, 'connack')
      await closed(socketOf(made))
      made.end(true)
    }
    await refused({ protocolVersion: 4, clientId: 'wrong', username: 'meter', password: 'guess' })
    await refused({ protocolVersion: 5, clientId: 'wrong', username: 'meter', password: 'guess' })
    await refused({ protocolVersion: 5, clientId: 'method', properties: { authenticationMethod: 'SCRAM-SHA-256',
      authenticationData: Buffer.from('n,,n=meter') } })
    await end(await connected({ protocolVersion: 4, clientId: '', clean: true }))
    await end(await connected({ protocolVersion: 5, clientId: '' }))
    const first = await connected({ protocolVersion: 5, clientId: 'twin' })
    const putOut = closed(socketOf(first))
    const second = await connected({ protocolVersion: 5, clientId: 'twin' })
    await putOut
    first.end(true)
    await end(second)
    // A broker with limits tells them in CONNACK, and keeps them.
    const limited = await connected({ port: 1885, protocolVersion: 5, clientId: 'limited', keepalive: 600 })
    const granted = await limited.subscribeAsync('limits/#', { qos: 2 })
    await limited.publishAsync('limits/a', granted.map(({ qos }) => qos).join(), { qos: 1 })
    await messages(limited, 1)
    await end(limited)
  },

  // Writes of three bytes: fixed headers, remaining lengths and fields straddle TCP segments.
  async 'mqttjs-pieces'() {
    const made = await connected({ protocolVersion: 5, clientId: 'pieces', pieces: 3, properties: { sessionExpiryInterval: 1 } })
    await made.subscribeAsync('pieces/#', { qos: 1 })
    await made.publishAsync('pieces/a', text(150), { qos: 1 })
    await made.publishAsync('pieces/b', text(200), { qos: 1, properties: { contentType: 'text/plain' } })
    await messages(made, 2)
    await end(made)
    const single = await connected({ protocolVersion: 4, clientId: 'single', pieces: 1 })
    await single.publishAsync('pieces/c', text(140), { qos: 1 })
    await end(single)
  },

  // A payload of many segments, and many packets in one.
  async 'mqttjs-large'() {
    const made = await connected({ protocolVersion: 4, clientId: 'large' })
    await made.subscribeAsync('large/#', { qos: 1 })
    await made.publishAsync('large/one', text(6000), { qos: 1 })
    const many = []
    for (let i = 0; i < 40; i++) many.push(made.publishAsync(`large/many/${i}`, `message ${i}`, { qos: i % 3 }))
    await Promise.all(many)
    await messages(made, 41)
    await end(made)
  },

  // Aliyun's conventions: group and device in the client id, and point-to-point topics that need no subscription. The
  // receiver has one from a session begun before the capture, so the capture shows none, as with the real service.
  async 'aliyun-p2p-before'() {
    const receiver = await connected({ protocolVersion: 4, clientId: 'GID_A@@@dev-2', clean: false })
    await receiver.subscribeAsync('chat/p2p/GID_A@@@dev-2', { qos: 1 })
    await end(receiver)
  },
  async 'aliyun-p2p'() {
    const options = { protocolVersion: 4, clean: false, username: 'Signature|AK-example|mqtt-cn-example', password: 'c2lnbmF0dXJl' }
    const receiver = await connected({ ...options, clientId: 'GID_A@@@dev-2' })
    const sender = await connected({ ...options, clientId: 'GID_A@@@dev-1', clean: true })
    await sender.subscribeAsync('chat/notice/#', { qos: 1 })
    await sender.publishAsync('chat/p2p/GID_A@@@dev-2', '{"text":"hello"}', { qos: 1 })
    await sender.publishAsync('chat/notice/all', 'to all who asked', { qos: 1 })
    await messages(receiver, 1)
    await messages(sender, 1)
    await end(sender)
    await end(receiver)
  },

  // What no good client sends: each on a connection of its own, after a good CONNECT. mosquitto's answer is recorded too.
  async 'malformed'() {
    const connect = '101000044d5154540402003c00046576696c'
    const connect5 = '101100044d5154540502003c0000046576696c'
    const cases = [
      connect + '300600037465ff78', //                 topic is not UTF-8
      connect + '36080004746573740001', //             QoS 3
      connect + '3007000574652f2378', //               wildcard in a topic name
      connect + '32060004746573740000', //             packet id 0, and a length that is too short for it
      connect + '80070001000374', //                   SUBSCRIBE with wrong flags, cut short by the end of the connection
      connect + 'ff80808080', //                       remaining length of five bytes
      connect5 + '300b0004746573740323000078', //      topic alias 0
      connect5 + '300b0004746573740399010178', //        property 0x99
      '101000044d5154540403003c00046576696c', //       reserved CONNECT flag
      '100c00044d51545409020000 0000'.replaceAll(' ', ''), // protocol level 9
      '30060001616263', //                             PUBLISH before CONNECT
    ]
    for (const hex of cases) {
      const socket = net.connect({ port: 1883, host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.on('data', () => {})
      await once(socket, 'connect')
      socket.write(Buffer.from(hex, 'hex'))
      await Promise.race([closed(socket), later(100)])
      socket.end()
      await closed(socket)
    }
  },
}
