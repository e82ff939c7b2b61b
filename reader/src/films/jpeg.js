export function readJpeg() { throw new Error("later"); }
