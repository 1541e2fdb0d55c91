// Servers that end a transport and pass the bytes on to mosquitto: TLS, and the header of the PROXY protocol.
import net from 'node:net'
import tls from 'node:tls'

/// The port where mosquitto listens for what these servers pass on. It is not recorded.
export const UPSTREAM = 1886

/// Ends TLS at `port`; options are those of Node's tls.createServer.
export function serveTls(port, options) {
  const server = tls.createServer(options, (socket) => join(socket, UPSTREAM))
  server.on('tlsClientError', () => {})
  return listening(server, port)
}

/// Takes off the PROXY header, version 1 or 2, that each connection to `port` begins with.
export function serveProxied(port, upstream = UPSTREAM) {
  const server = net.createServer((socket) => {
    let seen = Buffer.alloc(0)
    const look = (bytes) => {
      seen = Buffer.concat([seen, bytes])
      const length = headerLength(seen)
      if (length === undefined) return
      socket.off('data', look)
      socket.unshift(seen.subarray(length))
      join(socket, upstream)
    }
    socket.on('data', look)
    socket.on('error', () => {})
  })
  return listening(server, port)
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n')

/// Bytes of the PROXY header, once all are there.
function headerLength(seen) {
  if (seen.length < 16) return undefined
  if (!seen.subarray(0, 12).equals(SIGNATURE)) {
    const end = seen.indexOf('\r\n')
    return end < 0 ? undefined : end + 2
  }
  const length = 16 + seen.readUInt16BE(14)
  return seen.length < length ? undefined : length
}

/// The header that says a client at `from` reached `to`: version 1 is a line of text, version 2 binary.
export function proxyHeader(version, [from, fromPort], [to, toPort]) {
  if (version === 1) return Buffer.from(`PROXY TCP4 ${from} ${to} ${fromPort} ${toPort}\r\n`)
  const header = Buffer.alloc(28)
  SIGNATURE.copy(header)
  header.set([0x21, 0x11, 0, 12, ...from.split('.'), ...to.split('.')], 12)
  header.writeUInt16BE(fromPort, 24)
  header.writeUInt16BE(toPort, 26)
  return header
}

function join(socket, port) {
  const broker = net.connect({ port, host: '127.0.0.1', noDelay: true })
  socket.pipe(broker).pipe(socket)
  socket.on('error', () => broker.destroy())
  broker.on('error', () => socket.destroy())
}

/// Resolves to the server once it listens.
export function listening(server, port) {
  return new Promise((done) => server.listen(port, () => done(server)))
}
