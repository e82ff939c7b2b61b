// Bring a colour that a JPEG stores at half the resolution to that of the picture, as Python's decoder
// (pylibjpeg-libjpeg) does: three parts of the nearest level and one of the next, first between rows, then between
// columns; halves are rounded up and down in turn, by the column.

/** Return a plane {data, width, height} enlarged by the factors, each 1 or 2. */
export function upsampled(plane, { across, down }) {
  const padded = withEdges(plane);
  const tall = down === 2 ? doubledDown(padded, across === 2) : padded;
  return across === 2 ? doubledAcross(tall) : withoutEdges(tall);
}

/** Repeat the first and the last column. */
function withEdges({ data, width, height }) {
  const wide = new Int32Array((width + 2) * height);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    wide.set(row, y * (width + 2) + 1);
    [wide[y * (width + 2)], wide[(y + 1) * (width + 2) - 1]] = [row[0], row[width - 1]];
  }
  return { data: wide, width: width + 2, height };
}

function withoutEdges({ data, width, height }) {
  const narrow = new Int32Array((width - 2) * height);
  for (let y = 0; y < height; y++) narrow.set(data.subarray(y * width + 1, (y + 1) * width - 1), y * (width - 2));
  return { data: narrow, width: width - 2, height };
}

/** `shifted`: whether columns are doubled next, before which the decoder counts them from the edge on. */
function doubledDown({ data, width, height }, shifted) {
  const tall = new Int32Array(2 * width * height);
  for (let y = 0; y < 2 * height; y++) {
    const own = (y >> 1) * width;
    const next = Math.min(Math.max((y >> 1) + (y % 2 ? 1 : -1), 0), height - 1) * width;
    for (let x = 0; x < width; x++) {
      const half = (x + y + shifted) % 2 ? 2 : 1;
      tall[y * width + x] = (data[next + x] + 3 * data[own + x] + half) >> 2;
    }
  }
  return { data: tall, width, height: 2 * height };
}

function doubledAcross({ data, width, height }) {
  const columns = 2 * (width - 2);
  const wide = new Int32Array(columns * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width - 2; x++) {
      const at = y * width + x;
      const [before, own, after] = [data[at], data[at + 1], data[at + 2]];
      wide[y * columns + 2 * x] = (before + 3 * own + 2) >> 2;
      // In the second of each eight columns the decoder has overwritten the next level by the third column.
      const next = x % 4 ? after : (own + 3 * after + 2) >> 2;
      wide[y * columns + 2 * x + 1] = (next + 3 * own + 1) >> 2;
    }
  }
  return { data: wide, width: columns, height };
}
