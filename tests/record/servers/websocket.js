// A WebSocket server on ws that passes MQTT on to mosquitto, and cuts what comes back into messages and frames as it is told.
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { WebSocketServer } from 'ws'
import { UPSTREAM, listening } from './tunnel.js'

/// Listens on `port`; resolves to a server whose `end()` closes it. Of the options,
/// - `tls` (those of https.createServer) puts it behind TLS;
/// - `speak(ws, bytes)` sends what the broker said, `plainly` unless given;
/// - `closing` is the code and reason given when the broker has closed;
/// - `refusals` are answers to an upgrade by path, such as `{ '/mqtt': '403 Forbidden' }`;
/// - the others are those of ws.
export async function serveWebSocket(port, { tls, speak = plainly, closing = [1000], refusals = {}, ...options } = {}) {
  const page = (_request, response) => response.writeHead(426, { 'Content-Type': 'text/plain' }).end('Upgrade Required')
  const server = tls ? https.createServer(tls, page) : http.createServer(page)
  const sockets = new WebSocketServer({ noServer: true, ...options })
  server.on('upgrade', (request, socket, head) => {
    const refusal = refusals[new URL(request.url, 'http://here').pathname]
    if (refusal) return refuse(socket, refusal)
    sockets.handleUpgrade(request, socket, head, (ws) => join(ws, speak, closing))
  })
  await listening(server, port)
  server.sockets = sockets.clients
  server.end = () => new Promise((done) => server.close(done))
  return server
}

function refuse(socket, status) {
  const body = `${status}\n`
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
}

function join(ws, speak, closing) {
  const broker = net.connect({ port: UPSTREAM, host: '127.0.0.1', noDelay: true })
  ws.on('message', (bytes) => broker.write(bytes))
  ws.on('close', () => broker.end())
  ws.on('error', () => broker.destroy())
  broker.on('data', (bytes) => speak(ws, bytes))
  broker.on('end', () => { if (ws.readyState === ws.OPEN) ws.close(...closing) })
  broker.on('error', () => ws.terminate())
}

/// A message for whatever came from the broker at once.
export const plainly = (ws, bytes) => ws.send(bytes)

/// Messages in fragments of `size` bytes, with a control frame after each first one.
export const inFragments = (size) => (ws, bytes) => {
  for (let at = 0; at < bytes.length; at += size) {
    ws.send(bytes.subarray(at, at + size), { fin: at + size >= bytes.length })
    if (at === 0) ws.ping('between')
  }
}

/// Messages of `size` bytes: packets straddle them.
export const inMessages = (size) => (ws, bytes) => {
  for (let at = 0; at < bytes.length; at += size) ws.send(bytes.subarray(at, at + size))
}

/// What came within `ms` milliseconds as one message, however many packets that is, and a Pong nobody asked for after it.
export const gathered = (ms) => {
  const waiting = new Map()
  return (ws, bytes) => {
    if (waiting.has(ws)) return waiting.get(ws).push(bytes)
    waiting.set(ws, [bytes])
    setTimeout(() => {
      ws.send(Buffer.concat(waiting.get(ws)))
      ws.pong('unasked')
      waiting.delete(ws)
    }, ms)
  }
}
