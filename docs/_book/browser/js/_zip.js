// The files of a stored archive: [name, bytes]. Its directory is at the end; nothing in it is compressed.
/** @type {(bytes: Uint8Array) => Generator<[string, Uint8Array]>} */
export const entries = function* (bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const end = bytes.length - 22
  const text = new TextDecoder()
  let at = view.getUint32(end + 16, true)
  for (let left = view.getUint16(end + 10, true); left; left--) {
    const size = view.getUint32(at + 24, true)
    const length = view.getUint16(at + 28, true)
    const local = view.getUint32(at + 42, true)
    const name = text.decode(bytes.subarray(at + 46, at + 46 + length))
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    yield [name, bytes.subarray(start, start + size)]
    at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
}
