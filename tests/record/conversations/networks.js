// Of networks rather than of clients: what they do to the bytes between, and what else comes to a broker's port.
import { readFileSync } from 'node:fs'
import { connected, end, messages } from '../client.js'
import { proxyHeader, serveProxied } from '../servers/tunnel.js'
import { serveWebSocket } from '../servers/websocket.js'
import { brief, text } from './talk.js'

const trusting = () => ({ ca: readFileSync(`${process.env.CERTIFICATES}/ec.pem`), servername: 'broker.example' })

/// Messages of one segment and of several, both ways.
async function sizes(options, clientId) {
  const made = await connected({ protocolVersion: 5, ...options, clientId })
  await made.subscribeAsync(`${clientId}/#`, { qos: 2 })
  const sent = [30, 1500, 200, 30, 1800, 30, 400, 30, 90].map((length, n) =>
    made.publishAsync(`${clientId}/${n}`, text(length), { qos: n % 3 }))
  await Promise.all(sent)
  await messages(made, sent.length)
  await end(made)
}

export default {
  // To be had with `deflating-server` on the other side.
  lossy: () => Promise.all([
    sizes({}, 'lossy-tcp'),
    sizes({ port: 8884, tls: trusting() }, 'lossy-tls'),
    sizes({ port: 8083, ws: { perMessageDeflate: { threshold: 0 } } }, 'lossy-ws'),
  ]),

  async 'deflating-server'() {
    await serveWebSocket(8083, { perMessageDeflate: { threshold: 0 } })
    await new Promise(() => {}) // until it is killed
  },

  async everywhere() {
    await brief({}, 'over-tcp', text(3000))
    await brief({ port: 9001, ws: {}, protocolVersion: 4 }, 'over-ws')
    await brief({ port: 8884, tls: trusting() }, 'over-tls')
  },

  // A proxy tells the server before all else who its client is.
  async proxied() {
    const servers = [await serveProxied(1888), await serveProxied(8888, 8884), await serveProxied(8088, 9001)]
    const from = ['203.0.113.7', 40_000]
    const to = ['198.51.100.1', 1883]
    for (const version of [1, 2]) {
      const before = proxyHeader(version, from, to)
      await brief({ port: 1888, before }, `tcp-behind-v${version}`)
      await brief({ port: 8888, before, tls: trusting() }, `tls-behind-v${version}`)
      await brief({ port: 8088, before, ws: {} }, `ws-behind-v${version}`)
    }
    for (const server of servers) server.close()
  },
}
