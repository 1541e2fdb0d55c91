// A server of a few lines on mqtt-packet, for what mosquitto never sends: topic aliases towards the client, AUTH, and
// the rarer properties.
import net from 'node:net'
import mqttPacket from 'mqtt-packet'

const everyConnackProperty = {
  sessionExpiryInterval: 120, assignedClientIdentifier: 'given-by-the-server', serverKeepAlive: 30,
  authenticationMethod: 'PLAIN-TALK', authenticationData: Buffer.from([0xff, 0x00, 0x7f]),
  responseInformation: 'answers/here', serverReference: 'other.example:1883', reasonString: 'welcome',
  receiveMaximum: 16, topicAliasMaximum: 8, maximumQoS: 1, retainAvailable: true, userProperties: { site: ['a', 'b'] },
  maximumPacketSize: 100000, wildcardSubscriptionAvailable: true, subscriptionIdentifiersAvailable: true,
  sharedSubscriptionAvailable: false,
}

/// Listens on `port` and answers as a broker would; resolves to something with `close()`.
export function serve(port) {
  const server = net.createServer((socket) => {
    const version = { protocolVersion: 5 }
    const parser = mqttPacket.parser(version)
    const send = (packet) => socket.write(mqttPacket.generate(packet, version))
    const answers = {
      connect: () => send({ cmd: 'auth', reasonCode: 0x18, properties: {
        authenticationMethod: 'PLAIN-TALK', authenticationData: Buffer.from('who are you?'), reasonString: 'go on' } }),
      auth: () => send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties: everyConnackProperty }),
      subscribe: ({ messageId, subscriptions }) => {
        send({ cmd: 'suback', messageId, granted: subscriptions.map(({ qos }) => qos),
          properties: { reasonString: 'all of them', userProperties: { cost: '0' } } })
        // Alias 1 of this direction is another topic than alias 1 of the client's, at the same time.
        const aliased = (topic, topicAlias, payload) => send({ cmd: 'publish', topic, qos: 0, dup: false, retain: false, payload,
          properties: { topicAlias } })
        aliased('down/one', 1, 'names alias 1')
        aliased('down/two', 2, 'names alias 2')
        aliased('', 1, 'down/one by alias')
        aliased('', 2, 'down/two by alias')
        aliased('down/three', 1, 'alias 1 now means this')
        send({ cmd: 'publish', topic: '', qos: 1, dup: false, retain: false, messageId: 77, payload: 'down/three by alias',
          properties: { topicAlias: 1, subscriptionIdentifier: [7, 268435455], payloadFormatIndicator: true } })
      },
      publish: ({ qos, messageId }) => {
        if (qos === 1) send({ cmd: 'puback', messageId, reasonCode: 0x10, properties: { reasonString: 'nobody listens' } })
      },
      unsubscribe: ({ messageId, unsubscriptions }) => {
        send({ cmd: 'unsuback', messageId, granted: unsubscriptions.map((_, i) => (i ? 0x11 : 0)),
          properties: { reasonString: 'one was not there' } })
        send({ cmd: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'other.example:1883',
          reasonString: 'moving', userProperties: { until: 'later' } } })
        socket.end()
      },
    }
    parser.on('packet', (packet) => answers[packet.cmd]?.(packet))
    parser.on('error', () => socket.destroy())
    socket.on('data', (bytes) => parser.parse(bytes))
    socket.on('error', () => {})
  })
  return new Promise((listening) => server.listen(port, '127.0.0.1', () => listening(server)))
}
