// Over TLS: MQTT at once, and WebSocket within. Servers of Node's before mosquitto, and mosquitto's own listeners.
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { client, connected, end } from '../client.js'
import { serveTls } from '../servers/tunnel.js'
import { serveWebSocket } from '../servers/websocket.js'
import { brief, exchange, later, older, readings, text } from './talk.js'

const MQTTS = 8883
const WSS = 8084

const file = (name) => readFileSync(`${process.env.CERTIFICATES}/${name}`)
const named = (name) => ({ key: file(`${name}.key`), cert: file(`${name}.pem`) })
const server = { get rsa() { return named('rsa') }, get ec() { return named('ec') } }

/// What a client needs to trust any server here, with more options of tls.connect.
const trusting = (more) => ({ ca: [server.rsa.cert, server.ec.cert], servername: 'broker.example', ...more })

/// Has one conversation for each cipher, a client named for it, with a server that takes any.
async function ciphers(version, names, more = {}) {
  const limits = { minVersion: version, maxVersion: version }
  const options = { key: [server.rsa.key, server.ec.key], cert: [server.rsa.cert, server.ec.cert], dhparam: 'auto',
    ciphers: 'ALL:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:@SECLEVEL=0' }
  const listening = await serveTls(MQTTS, { ...options, ...limits })
  for (const name of names) {
    // The names of 1.3 are a list apart, which leaves that of 1.2 to be filled.
    const wanted = version === 'TLSv1.3' ? `${name}:ALL:@SECLEVEL=0` : `${name}:@SECLEVEL=0`
    await brief({ port: MQTTS, tls: trusting({ ...limits, ciphers: wanted, ...more }) }, name.toLowerCase().replaceAll('_', '-'))
  }
  listening.close()
}

const NO_ENCRYPT_THEN_MAC = 1 << 19 // SSL_OP_NO_ENCRYPT_THEN_MAC

/// Two connections by each version, the second of which takes up the session of the first.
async function resumed(version) {
  const tls = trusting({ minVersion: version, maxVersion: version })
  const clientId = `resumes-${version.toLowerCase()}`
  const first = client({ port: MQTTS, tls, clientId, protocolVersion: 4 })
  const [session] = await once(first.stream, 'session')
  await exchange(first, `${clientId}/first`, 'by a full handshake')
  await end(first)
  const second = await connected({ port: MQTTS, tls: { ...tls, session }, clientId, protocolVersion: 4 })
  if (!second.stream.isSessionReused()) throw new Error(`${version}: the session was not taken up`)
  await exchange(second, `${clientId}/second`, 'by a ticket')
  await end(second)
}

/// MQTT over WebSocket over TLS, without and with permessage-deflate.
async function wss(version, root) {
  const limits = { minVersion: version, maxVersion: version }
  const listening = await serveWebSocket(WSS, { tls: { ...server.ec, ...limits }, perMessageDeflate: { threshold: 0 } })
  const tls = trusting(limits)
  await brief({ port: WSS, tls, ws: {} }, `${root}-plain`)
  await readings({ port: WSS, tls, ws: { perMessageDeflate: { threshold: 0 } }, protocolVersion: 4 }, `${root}-deflated`)
  await listening.end()
}

export default {
  'mqttjs-mqtts-13': () => ciphers('TLSv1.3', ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_CCM_SHA256', 'TLS_AES_128_CCM_8_SHA256']),

  // Keys by ECDHE with RSA and ECDSA, by DHE, and by RSA alone.
  'mqttjs-mqtts-12': () => ciphers('TLSv1.2', ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'DHE-RSA-AES128-GCM-SHA256', 'AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-CCM', 'ECDHE-ECDSA-AES128-CCM8', 'ECDHE-ECDSA-AES256-CCM8']),

  // With encrypt-then-MAC, and as it was before that.
  async 'mqttjs-mqtts-cbc'() {
    const names = ['ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA-AES256-SHA384', 'AES256-SHA']
    await ciphers('TLSv1.2', names)
    await ciphers('TLSv1.2', names.slice(0, 3), { secureOptions: NO_ENCRYPT_THEN_MAC })
  },

  async 'mqttjs-mqtts-resumed'() {
    const listening = await serveTls(MQTTS, server.ec)
    await resumed('TLSv1.3')
    await resumed('TLSv1.2')
    listening.close()
  },

  // What handshakes may hold besides: ALPN, a second hello because the server wants another curve, no server name.
  async 'mqttjs-mqtts-handshakes'() {
    const alpn = await serveTls(MQTTS, { ...server.ec, ALPNProtocols: ['x-amzn-mqtt-ca', 'mqtt'] })
    await brief({ port: MQTTS, tls: trusting({ ALPNProtocols: ['mqtt'] }) }, 'alpn-mqtt')
    await brief({ port: MQTTS, tls: trusting({ ALPNProtocols: ['x-amzn-mqtt-ca'], maxVersion: 'TLSv1.2' }) }, 'alpn-amazon')
    alpn.close()
    const picky = await serveTls(MQTTS, { ...server.ec, ecdhCurve: 'P-521' })
    await brief({ port: MQTTS, tls: trusting() }, 'hello-again')
    await brief({ port: MQTTS, tls: { rejectUnauthorized: false, servername: '' } }, 'nameless')
    picky.close()
  },

  // A packet over several records, and records over several segments.
  async 'mqttjs-mqtts-large'() {
    const listening = await serveTls(MQTTS, server.ec)
    const made = await connected({ port: MQTTS, tls: trusting(), protocolVersion: 4, clientId: 'large' })
    await made.publishAsync('large/none-listens', text(17_000), { qos: 1 })
    await end(made)
    listening.close()
  },

  // Both directions take new keys twice, and the client's alone once, amid the conversation.
  async 'mqttjs-mqtts-key-update'() {
    const listening = await serveTls(MQTTS, server.ec)
    for (const [localPort, cipher] of [[50001, 'TLS_AES_128_GCM_SHA256'], [50002, 'TLS_CHACHA20_POLY1305_SHA256']]) {
      const openssl = { localPort, arguments: ['-tls1_3', '-ciphersuites', cipher] }
      const made = await connected({ port: MQTTS, openssl, protocolVersion: 4, clientId: `updates-${localPort}` })
      for (const letter of ['K', 'k', 'K']) {
        await exchange(made, `updates/${letter}`, 'with the keys before')
        await later(50)
        made.stream.command(letter)
        await later(50)
        await exchange(made, `updates/${letter}/after`, 'with the keys after')
        await later(50)
      }
      await made.endAsync()
      await later(50)
    }
    listening.close()
  },

  // mosquitto's own TLS: a certificate for the server alone, and one that says who the client is.
  async 'mqttjs-mqtts-mosquitto'() {
    await brief({ port: 8884, tls: trusting() }, 'server-only-13')
    const certified = { key: file('client.key'), cert: file('client.pem') }
    await brief({ port: 8885, tls: trusting(certified) }, 'certified-13')
    await brief({ port: 8885, tls: trusting({ ...certified, maxVersion: 'TLSv1.2' }) }, 'certified-12')
  },

  'mqttjs-wss-13': () => wss('TLSv1.3', 'wss-13'),
  'mqttjs-wss-12': () => wss('TLSv1.2', 'wss-12'),

  // Nobody kept the keys of this one.
  async 'mqttjs-keyless'() {
    const listening = await serveTls(MQTTS, { ...server.ec, ALPNProtocols: ['mqtt'] })
    await brief({ port: MQTTS, tls: trusting({ ALPNProtocols: ['mqtt'] }) }, 'keyless-13')
    await brief({ port: MQTTS, tls: trusting({ ALPNProtocols: ['mqtt'], maxVersion: 'TLSv1.2' }) }, 'keyless-12')
    listening.close()
    const secure = await serveWebSocket(WSS, { tls: server.ec })
    await brief({ port: WSS, tls: trusting(), ws: {} }, 'keyless-wss')
    await secure.end()
  },

  'mqttjs-wss-mosquitto': () => older({ port: 9002, tls: trusting(), ws: {}, protocolVersion: 4 }, 'lwss'),
}
