// The conversations that captures/ holds, by name: `node conversations.js NAME` has one and prints the clients' own log.
import { print } from './client.js'
import networks from './conversations/networks.js'
import tcp from './conversations/tcp.js'
import tls from './conversations/tls.js'
import websocket from './conversations/websocket.js'

const conversations = { ...tcp, ...websocket, ...tls, ...networks }

const name = process.argv[2]
if (!conversations[name]) {
  console.error(`usage: node conversations.js ${Object.keys(conversations).join(' | ')}`)
  process.exit(2)
}
setTimeout(() => { print(); console.error(`${name} did not come to its end`); process.exit(1) }, 20_000).unref()
await conversations[name]()
print()
process.exit(0)
