// Recognise a file by its first bytes: lib/films/kinds.py.

import { LARGEST_FILE, notRead, Refusal } from "./refusals.js";

export const HEAD = 512; // bytes from which the kind is recognised
const PREAMBLE = 132; // bytes, the last four of which are DICM

const READ = { PNG: /^\x89PNG\r\n\x1a\n/, JPEG: /^\xff\xd8\xff/, TIFF: /^(II\*\0|MM\0\*)/ };
const NOT_READ = {
  BigTIFF: /^(II\+\0|MM\0\+)/,
  BMP: /^BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0/s,
  GIF: /^GIF8[79]a/,
  WebP: /^RIFF....WEBP/s,
  "JPEG 2000": /^(\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/,
  AVIF: /^....ftypavi[fs]/s,
  PPM: /^P[1-6]\s+[#\d]/,
  HEIC: /^....ftyp(hei|hev|mif1|msf1)/s,
  "JPEG XL": /^(\xff\x0a|\0\0\0\x0cJXL )/,
  NIfTI: /^.{344}(n\+1|ni1)\0/s,
  NumPy: /^\x93NUMPY/,
  NRRD: /^NRRD000/,
  HDF5: /^\x89HDF\r\n/,
};
const NO_FILMS = {
  PDF: /^\s*%PDF/,
  ZIP: /^PK\x03\x04/,
  gzip: /^\x1f\x8b/,
  "7z": /^7z\xbc\xaf/,
  RAR: /^Rar!/,
  video: /^(....ftyp|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01[\xb3\xba])/s,
  program: /^(MZ|\x7fELF)/,
  SVG: /^(\xef\xbb\xbf)?\s*(<\?xml.*)?<svg/is,
  HTML: /^(\xef\xbb\xbf)?\s*<(!doctype )?html/i,
  XML: /^(\xef\xbb\xbf)?\s*<\?xml/,
};

/** kind_of: PNG, JPEG, TIFF or DICOM, by the first bytes of a file and its size in bytes. Refuses others. */
export function kindOf(bytes, size) {
  if (!size) throw new Refusal("empty file");
  if (size > LARGEST_FILE) throw new Refusal("implausible size: more than 512 MB");
  const head = String.fromCharCode(...bytes);
  if (missingPreamble(head) !== null) return "DICOM";
  const kind = first(READ, head);
  if (kind) return kind;
  const other = first(NOT_READ, head);
  if (other) throw notRead(other);
  const name = first(NO_FILMS, head);
  throw new Refusal(name ? `not an image: ${name}` : "not an image");
}

const first = (kinds, head) => Object.keys(kinds).find((name) => kinds[name].test(head));

/** missing_preamble: how many bytes are missing before `head` in a DICOM file; null if it is none. */
export function missingPreamble(head) {
  if (head.slice(128, PREAMBLE) === "DICM") return 0;
  if (head.startsWith("DICM")) return PREAMBLE - 4;
  return isFirstElement(head) ? PREAMBLE : null;
}

/** _is_first_element: whether an element of group 2 or 8 with a plausible VR or length comes first. */
function isFirstElement(head) {
  if (!/^([\x02\x08]\0.\0|\0[\x02\x08]\0.)/s.test(head)) return false;
  if (/^(CS|UI|UL|DA|TM|DT|LO|SH|ST|PN|OB|SQ|AE|LT|UT|US)/.test(head.slice(4, 6))) return true;
  const [a, b, c, d] = [4, 5, 6, 7].map((place) => head.charCodeAt(place));
  return a + 2 ** 8 * b + 2 ** 16 * c + 2 ** 24 * d <= HEAD;
}
