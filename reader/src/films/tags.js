// Read single values of a DICOM file, whose tags may be empty, repeated or malformed: lib/films/tags.py.

// The tags that are read, with the types that they have where the file does not state them.
const TAGS = {
  MediaStorageSOPClassUID: ["x00020002", "UI"],
  TransferSyntaxUID: ["x00020010", "UI"],
  SOPClassUID: ["x00080016", "UI"],
  Modality: ["x00080060", "CS"],
  SamplesPerPixel: ["x00280002", "US"],
  PhotometricInterpretation: ["x00280004", "CS"],
  PlanarConfiguration: ["x00280006", "US"],
  NumberOfFrames: ["x00280008", "IS"],
  Rows: ["x00280010", "US"],
  Columns: ["x00280011", "US"],
  BitsAllocated: ["x00280100", "US"],
  BitsStored: ["x00280101", "US"],
  HighBit: ["x00280102", "US"],
  PixelRepresentation: ["x00280103", "US"],
  PixelPaddingValue: ["x00280120", "SS"],
  PixelPaddingRangeLimit: ["x00280121", "SS"],
  WindowCenter: ["x00281050", "DS"],
  WindowWidth: ["x00281051", "DS"],
  RescaleIntercept: ["x00281052", "DS"],
  RescaleSlope: ["x00281053", "DS"],
  VOILUTFunction: ["x00281056", "CS"],
  RedPaletteColorLookupTableDescriptor: ["x00281101", "US"],
  GreenPaletteColorLookupTableDescriptor: ["x00281102", "US"],
  BluePaletteColorLookupTableDescriptor: ["x00281103", "US"],
  RedPaletteColorLookupTableData: ["x00281201", "OW"],
  GreenPaletteColorLookupTableData: ["x00281202", "OW"],
  BluePaletteColorLookupTableData: ["x00281203", "OW"],
  ModalityLUTSequence: ["x00283000", "SQ"],
  LUTDescriptor: ["x00283002", "US"],
  LUTData: ["x00283006", "OW"],
  VOILUTSequence: ["x00283010", "SQ"],
  PresentationLUTShape: ["x20500020", "CS"],
  PixelData: ["x7fe00010", "OW"],
};
const BINARY = { US: ["uint16", 2], SS: ["int16", 2], UL: ["uint32", 4], SL: ["int32", 4], FL: ["float", 4], FD: ["double", 8] };
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export const element = (film, name) => film.elements[TAGS[name][0]];

/** The bytes of a tag, or null. */
export function bytesOf(film, name) {
  const found = element(film, name);
  return found?.length ? film.byteArray.subarray(found.dataOffset, found.dataOffset + found.length) : null;
}

/** numbers: all numbers of a tag, none where any of them is not finite. */
export function numbers(film, name) {
  const [tag, usual] = TAGS[name];
  const found = film.elements[tag];
  if (!found?.length) return [];
  const [method, bytes] = BINARY[found.vr && found.vr !== "UN" ? found.vr : usual] ?? [];
  if (method) return Array.from({ length: Math.floor(found.length / bytes) }, (_, n) => film[method](tag, n));
  const words = (film.string(tag) ?? "").split("\\").map((word) => word.trim());
  return words.every((word) => NUMBER.test(word)) ? words.map(Number) : [];
}

/** number: the first number of a tag, or null. */
export const number = (film, name) => numbers(film, name)[0] ?? null;

/** text: the text of a tag, "" where it is absent. */
export const text = (film, name) => (film.string(TAGS[name][0]) ?? "").replaceAll("\0", "").trim();

/** The first item of a sequence, or null. */
export const item = (film, name) => element(film, name)?.items?.[0]?.dataSet ?? null;
