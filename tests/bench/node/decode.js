// mqtt-packet on a stream from standard input: `decode.js LEVEL PASSES` prints packets, topic and payload bytes of a
// pass, and nanoseconds a packet of the best round.
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt-packet'

const [level, passes] = process.argv.slice(2).map(Number)
const stream = readFileSync(0)

function pass() {
  let packets = 0
  let bytes = 0
  const parser = mqtt.parser({ protocolVersion: level })
  parser.on('packet', packet => {
    packets += 1
    if (packet.cmd === 'publish') bytes += Buffer.byteLength(packet.topic) + packet.payload.length
  })
  parser.on('error', error => { throw error })
  parser.parse(stream)
  return [packets, bytes]
}

const [packets, bytes] = pass()
let best = Infinity
for (let round = 0; round < 30; round += 1) {
  const start = process.hrtime.bigint()
  for (let turn = 0; turn < passes; turn += 1) pass()
  best = Math.min(best, Number(process.hrtime.bigint() - start) / (passes * packets))
}
console.log(packets, bytes, best)
