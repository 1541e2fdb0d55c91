// Over WebSocket, with and without permessage-deflate: to a server on ws before mosquitto, and to mosquitto's own listener.
import { once } from 'node:events'
import WebSocket from 'ws'
import { client, closed, connected, end, messages, received, socketOf } from '../client.js'
import { gathered, inFragments, inMessages, plainly, serveWebSocket } from '../servers/websocket.js'
import { brief, everyQoS, exchange, later, noise, older, readings, text } from './talk.js'

const PORT = 8083

/// Has `conversation` with a server of these options on PORT.
async function served(options, conversation) {
  const server = await serveWebSocket(PORT, options)
  await conversation(server)
  await server.end()
}

/// Has one conversation for each set of parameters, which the client offers and the server takes up.
async function negotiated(offers, protocolVersion) {
  for (const [clientId, perMessageDeflate] of Object.entries(offers)) {
    const ws = { perMessageDeflate: { threshold: 0, ...perMessageDeflate } }
    await served({ perMessageDeflate: { threshold: 0 } }, () => readings({ port: PORT, ws, protocolVersion }, clientId))
  }
}

export default {
  'mqttjs-ws': () => served({}, async () => {
    const ws = {}
    await older({ port: PORT, ws, protocolVersion: 4 }, 'ws311')
    const made = await connected({ port: PORT, ws, protocolVersion: 5, clientId: 'ws5', keepalive: 1 })
    await everyQoS(made, 'ws5')
    await messages(made, 6)
    await exchange(made, 'ws5/text', text(1200))
    await exchange(made, 'ws5/noise', noise(700))
    await received(made, 'pingresp')
    await made.publishAsync('ws5/two/kept', '', { retain: true, qos: 2 })
    await end(made, { reasonCode: 0, properties: { reasonString: 'done' } })
  }),

  // The subprotocol is mqttv3.1 then.
  'mqttjs-ws-v31': () => served({}, () => older({ port: PORT, ws: {}, protocolId: 'MQIsdp', protocolVersion: 3 }, 'ws31')),

  'mqttjs-ws-deflate': () => served({ perMessageDeflate: { threshold: 0 } }, async () => {
    const ws = { perMessageDeflate: { threshold: 0 } }
    await older({ port: PORT, ws, protocolVersion: 4 }, 'deflate311')
    await readings({ port: PORT, ws }, 'deflate5')
  }),

  'mqttjs-ws-no-takeover': () => negotiated({
    'neither-keeps': { serverNoContextTakeover: true, clientNoContextTakeover: true },
    'server-forgets': { serverNoContextTakeover: true },
    'client-forgets': { clientNoContextTakeover: true },
  }, 4),

  // zlib takes 9 bits for a server's 8.
  'mqttjs-ws-windows': () => negotiated({
    'windows-9': { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    'windows-10-12': { serverMaxWindowBits: 10, clientMaxWindowBits: 12 },
    'windows-8': { serverMaxWindowBits: 8, clientMaxWindowBits: 8 },
    'windows-15': { serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
  }, 5),

  // Only what is long is compressed: ws does so by itself where no context is kept, and if told to where one is.
  async 'mqttjs-ws-mixed'() {
    const forgetful = { threshold: 64, serverNoContextTakeover: true, clientNoContextTakeover: true }
    await served({ perMessageDeflate: { threshold: 64 } },
      () => readings({ port: PORT, ws: { perMessageDeflate: forgetful }, protocolVersion: 4 }, 'mixed-forgetful'))
    const speak = (ws, bytes) => ws.send(bytes, { compress: bytes.length >= 64 })
    await served({ speak, perMessageDeflate: true },
      () => readings({ port: PORT, ws: { perMessageDeflate: true }, protocolVersion: 4 }, 'mixed-kept'))
  },

  // Pings of the server amid data, answered; then Close with a code of the server's, and one of the client's.
  async 'mqttjs-ws-control'() {
    let count = 0
    const speak = (ws, bytes) => {
      plainly(ws, bytes)
      ws.ping(`${count++}`)
    }
    for (const perMessageDeflate of [false, { threshold: 0 }]) {
      await served({ speak, perMessageDeflate }, async (server) => {
        const options = { port: PORT, ws: { perMessageDeflate }, protocolVersion: 4 }
        const kind = perMessageDeflate ? 'deflated' : 'plain'
        await brief(options, `pinged-${kind}`)
        const sentAway = await connected({ ...options, clientId: `sent-away-${kind}` })
        await exchange(sentAway, 'control/one', 'before the end')
        await later(50) // so that its PUBACK is out
        const gone = closed(socketOf(sentAway))
        for (const ws of server.sockets) ws.close(1001, 'restarting')
        await gone
        const leaves = await connected({ ...options, clientId: `leaves-${kind}` })
        leaves.websocket.ping('are you there?')
        await once(leaves.websocket, 'pong')
        const left = closed(socketOf(leaves))
        leaves.websocket.close(4000, 'out of battery')
        await left
      })
    }
  },

  // Frames, messages and packets that have no border in common.
  async 'mqttjs-ws-fragments'() {
    for (const [how, speak] of [['fragments', inFragments(5)], ['messages', inMessages(3)], ['gathered', gathered(60)]]) {
      for (const perMessageDeflate of [false, { threshold: 0 }]) {
        await served({ speak, perMessageDeflate }, async () => {
          const clientId = `${how}-${perMessageDeflate ? 'deflated' : 'plain'}`
          const made = await connected({ port: PORT, ws: { perMessageDeflate }, protocolVersion: 4, clientId })
          await made.subscribeAsync(`${clientId}/#`, { qos: 1 })
          await Promise.all([1, 2, 3].map((n) => made.publishAsync(`${clientId}/${n}`, text(20 * n), { qos: 1 })))
          await messages(made, 3)
          await end(made)
        })
      }
    }
  },

  // Upgrades that come to nothing: by status, by subprotocol, and a client that leaves as soon as it is let in.
  async 'ws-refused'() {
    const refusals = { '/401': '401 Unauthorized', '/403': '403 Forbidden', '/404': '404 Not Found' }
    const refused = async (path) => {
      const made = client({ port: PORT, ws: { path }, protocolVersion: 4, clientId: 'refused' })
      await closed(made.stream)
      made.end(true)
    }
    await served({ refusals }, async () => {
      for (const path of Object.keys(refusals)) await refused(path)
      const hasty = new WebSocket(`ws://127.0.0.1:${PORT}/mqtt`, ['mqtt'], { perMessageDeflate: false })
      await once(hasty, 'open')
      hasty.terminate()
      await later(50)
    })
    await served({ handleProtocols: () => false }, () => refused('/no-subprotocol'))
    await served({ handleProtocols: () => 'amqp' }, () => refused('/wrong-subprotocol'))
  },

  // What MQTT forbids over WebSocket, and brokers may bear: no subprotocol, text frames.
  'ws-careless': () => served({}, async () => {
    // CONNECT, PUBLISH and DISCONNECT; the last is not UTF-8, so it cannot be text.
    const packets = ['101200044d5154540402003c0006666f72676f74', '300600036f6e6578', 'e000']
    for (const [subprotocols, binary] of [[[], true], [['mqtt'], false]]) {
      const ws = new WebSocket(`ws://127.0.0.1:${PORT}/mqtt`, subprotocols, { perMessageDeflate: false })
      await once(ws, 'open')
      const gone = once(ws, 'close')
      ws.send(Buffer.from(packets[0], 'hex'), { binary })
      await once(ws, 'message')
      for (const packet of packets.slice(1, binary ? 3 : 2)) ws.send(Buffer.from(packet, 'hex'), { binary })
      await later(50)
      ws.close()
      await gone
    }
  }),

  async 'mqttjs-ws-mosquitto'() {
    await older({ port: 9001, ws: {}, protocolVersion: 4 }, 'lws311')
    // It knows no permessage-deflate, and says so by leaving it out.
    await readings({ port: 9001, ws: { perMessageDeflate: true } }, 'lws5')
  },
}
