// Turn a picture upright by its EXIF orientation.

const ORIENTATION = 0x0112;

/** The orientation (1 to 8) in the bytes of an EXIF block; 1 if there is none or it is damaged. */
export function orientationIn(bytes) {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    for (let n = 0; n < view.getUint16(directory, little); n++) {
      const entry = directory + 2 + 12 * n;
      if (view.getUint16(entry, little) === ORIENTATION) return view.getUint16(entry + 8, little);
    }
  } catch {
    // A film with a damaged block is kept.
  }
  return 1;
}

/** Where a pixel (x, y) of the upright picture is in one of width w and height h, by orientation. */
const PLACES = {
  2: (x, y, w) => [w - 1 - x, y],
  3: (x, y, w, h) => [w - 1 - x, h - 1 - y],
  4: (x, y, w, h) => [x, h - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, w, h) => [y, h - 1 - x],
  7: (x, y, w, h) => [w - 1 - y, h - 1 - x],
  8: (x, y, w) => [w - 1 - y, x],
};

/** Return the picture as a viewer shows it. */
export function upright(image, orientation) {
  const place = PLACES[orientation];
  if (!place) return image;
  const { data, width, height } = image;
  const [across, down] = orientation < 5 ? [width, height] : [height, width];
  const turned = new data.constructor(data.length);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const [column, row] = place(x, y, width, height);
      turned[y * across + x] = data[row * width + column];
    }
  }
  return { ...image, data: turned, width: across, height: down };
}
