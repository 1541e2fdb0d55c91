// An MQTT.js client that keeps a log of every packet it sends and receives: what the tests hold a decoder's word against.
import { once } from 'node:events'
import mqtt from 'mqtt'
import { line, written } from './log.js'
import { stream } from './streams.js'

const log = []

// The local port says which connection; what a client writes into a broken one is not sent.
function note(socket, from, packet) {
  if (!socket.destroyed) log.push({ socket, from, packet: written(packet) })
}

/// Options are MQTT.js's and those of streams.js, which say what carries the packets.
export function client(options) {
  const made = new mqtt.MqttClient((asked) => stream(asked, options), { reconnectPeriod: 0, keepalive: 60, ...options,
    manualConnect: true })
  made.on('packetsend', (packet) => note(socketOf(made), 'client', packet))
  made.on('packetreceive', (packet) => note(socketOf(made), 'broker', packet))
  made.messages = []
  made.on('message', (topic, payload) => { made.messages.push(topic); made.emit('counted') })
  made.on('error', () => {})
  made.connect()
  return made
}

export async function connected(options) {
  const made = client(options)
  await once(made, 'connect')
  return made
}

/// Waits until a socket is closed, in whatever way.
export async function closed(socket) {
  if (!socket.closed) await new Promise((done) => socket.once('close', done))
}

/// Waits until the client has been given `count` messages.
export async function messages(made, count) {
  while (made.messages.length < count) await once(made, 'counted')
}

/// Waits until a packet of this kind has come.
export function received(made, cmd) {
  return new Promise((done) => {
    const look = (packet) => {
      if (packet.cmd !== cmd) return
      made.off('packetreceive', look)
      done(packet)
    }
    made.on('packetreceive', look)
  })
}

/// Ends the client in good order, and waits for its connection to be closed.
export async function end(made, options = {}) {
  const socket = socketOf(made)
  await made.endAsync(false, options)
  await closed(socket)
}

/// Breaks the connection as a lost device does: no DISCONNECT.
export async function lose(made) {
  const socket = socketOf(made)
  socket.destroy()
  await closed(socket)
}

/// Prints the log, one JSON object a line. A connection without a port never came to carry packets: its upgrade or its
/// handshake was refused, and what the client had written was not sent.
export function print() {
  for (const { socket, from, packet } of log.filter(({ socket }) => socket.port)) {
    process.stdout.write(line(socket.port, from, packet))
  }
}

export const socketOf = (made) => made.stream.under ?? made.stream
