// How a client reaches its server: plain TCP, TLS, WebSocket over either, or a program of another's making.
import net from 'node:net'
import tls from 'node:tls'
import { Duplex } from 'node:stream'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { streamBuilder as overWebSocket } from 'mqtt/lib/connect/ws'
import tlsBuilder from 'mqtt/lib/connect/tls'
import WebSocket from 'ws'

/// The stream for a client `made`. Of the options,
/// - `tls` (those of Node's tls.connect) and `ws` (those of ws, and `path`) say that it goes over TLS, over WebSocket;
/// - `before` is what is written ahead of everything else, as a proxy does;
/// - `pieces` is the number of bytes a write is cut into, so that packets straddle TCP segments;
/// - `openssl` has `openssl s_client` do the TLS, with these arguments.
export function stream(made, { host = process.env.BROKER ?? '127.0.0.1', port = 1883, before, pieces, ...options }) {
  const reach = () => connect({ host, port, before, noDelay: pieces !== undefined })
  if (options.openssl) return throughOpenssl(host, port, options.openssl)
  if (options.ws) return webSocket(made, host, port, options, reach)
  if (options.tls) {
    return named(tlsBuilder.default(made, { host, port, ...options.tls, ...(before && { socket: reach() }) }), 'secureConnect')
  }
  const socket = named(reach(), 'connect')
  return pieces ? inPieces(socket, pieces) : socket
}

/// A connection's local port says which it is, also after its end.
function named(socket, event) {
  socket.once(event, () => { socket.port = socket.localPort })
  return socket
}

function connect({ before, ...options }) {
  const socket = net.connect(options)
  if (before) socket.write(before)
  return socket
}

function webSocket(made, hostname, port, { ws: { path = '/mqtt', ...wsOptions }, tls: secured, ...options }, reach) {
  let under
  const createConnection = () => {
    under = secured ? tls.connect({ ...secured, socket: reach() }) : reach()
    return under
  }
  const createWebsocket = (url, protocols) => {
    made.websocket = new WebSocket(url, protocols, { perMessageDeflate: false, ...wsOptions, createConnection })
    made.websocket.once('open', () => { under.port = under.localPort })
    return made.websocket
  }
  const built = overWebSocket(made, { ...options, protocol: secured ? 'wss' : 'ws', hostname, port, path, createWebsocket })
  built.under = under
  return built
}

function inPieces(socket, size) {
  const stream = new Duplex({
    read() {},
    async write(bytes, _encoding, done) {
      if (socket.connecting) await once(socket, 'connect')
      for (let at = 0; at < bytes.length; at += size) {
        await new Promise((sent) => socket.write(bytes.subarray(at, at + size), sent))
        await new Promise((later) => setTimeout(later, 1))
      }
      done()
    },
    final(done) { socket.end(done) },
    destroy(error, done) { socket.destroy(); done(error) },
  })
  stream.under = socket
  socket.on('data', (bytes) => stream.push(bytes))
  socket.on('end', () => stream.push(null))
  socket.on('close', () => stream.destroy())
  return stream
}

/// `openssl s_client` takes some letters for commands where they begin what it reads, such as K: update the keys. No packet
/// begins with one of them, so whole packets are written.
function throughOpenssl(host, port, { localPort, arguments: more }) {
  const child = spawn('openssl', ['s_client', '-quiet', '-no_ign_eof', '-connect', `${host}:${port}`, '-bind', `${host}:${localPort}`,
    ...more], { stdio: ['pipe', 'pipe', 'ignore'] })
  const packets = []
  const stream = new Duplex({
    read() {},
    write(bytes, _encoding, done) {
      if (packets.push(bytes) === 1) setImmediate(() => child.stdin.write(Buffer.concat(packets.splice(0))))
      done()
    },
    final(done) { setImmediate(() => child.stdin.end(done)) },
  })
  child.stdout.on('data', (bytes) => stream.push(bytes))
  child.stdout.on('end', () => stream.push(null))
  stream.port = localPort
  stream.command = (letter) => child.stdin.write(`${letter}\n`)
  return stream
}
