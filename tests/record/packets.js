// Reads the log of a client that knows its packets as bytes, `{"port", "from", "hex"}` a line, and prints it as MQTT.js's own,
// by mqtt-packet's word for them.
import { createInterface } from 'node:readline'
import mqttPacket from 'mqtt-packet'
import { line, written } from './log.js'

// One for both directions of a connection: what CONNECT says of the version holds for the answers.
const parsers = new Map()

for await (const told of createInterface({ input: process.stdin })) {
  const { port, from, hex } = JSON.parse(told)
  if (!parsers.has(port)) parsers.set(port, mqttPacket.parser())
  const parser = parsers.get(port)
  parser.once('packet', (packet) => {
    // That of SUBSCRIBE and UNSUBSCRIBE themselves is a reserved bit.
    if (packet.cmd.endsWith('subscribe')) delete packet.qos
    process.stdout.write(line(port, from, written(packet)))
  })
  if (parser.parse(Buffer.from(hex, 'hex')) !== 0) throw new Error(`not one whole packet: ${hex}`)
}
