// The log's way to write packets: what the tests hold a decoder's word against.

/// A packet as it is now, later changes by its owner notwithstanding. Bytes are as `dump -T json` shows them: a string where
/// they are valid UTF-8, base64 where not.
export const written = (packet) => JSON.parse(JSON.stringify(packet, bytes))

export const line = (port, from, packet) => JSON.stringify({ port, from, packet }) + '\n'

function bytes(_key, value) {
  if (value?.type !== 'Buffer') return value
  const buffer = Buffer.from(value.data)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer)
  } catch {
    return { base64: buffer.toString('base64') }
  }
}
