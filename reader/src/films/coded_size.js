// The size that a coded stream states, before it is decoded: coded_size of lib/films/coding.py.

const NO_SIZES = [0xc4, 0xc8, 0xcc]; // JPEG markers from C0 to CF that do not state a size

/** Read [width, height, channels, marker] from the header of a JPEG, JPEG-LS or JPEG 2000 stream, or null. */
export function codedSize(stream) {
  const view = viewOf(stream);
  if (view.getUint16(0) !== 0xffd8) {
    const siz = viewOf(codestream(stream));
    const [right, bottom, left, top] = [8, 12, 16, 20].map((place) => siz.getUint32(place));
    return [right - left, bottom - top, siz.getUint16(40), 0];
  }
  for (const { marker, at } of segments(stream)) {
    if ((marker >= 0xc0 && marker <= 0xcf && !NO_SIZES.includes(marker)) || marker === 0xf7) {
      return [view.getUint16(at + 7), view.getUint16(at + 5), view.getUint8(at + 9), marker];
    }
  }
  return null;
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Yield the segments of a JPEG's header: {marker, at, end}, in bytes from its start. */
export function* segments(stream) {
  let at = 2;
  while (stream[at] === 0xff) {
    const marker = stream[at + 1];
    const end = marker === 0xff ? at + 1 : at + 2 + 256 * stream[at + 2] + stream[at + 3];
    yield { marker, at, end };
    at = end;
  }
}

/** The codestream of JPEG 2000, without the boxes before it. */
export function codestream(stream) {
  const at = stream.findIndex((byte, n) => byte === 0xff && stream[n + 1] === 0x4f && stream[n + 2] === 0xff && stream[n + 3] === 0x51);
  if (at < 0) throw new Error("not JPEG 2000");
  return stream.subarray(at);
}
