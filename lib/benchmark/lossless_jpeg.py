"""Write lossless JPEG, as many older archives keep films; pydicom and Pillow can only read it.

ITU-T T.81, annex H: a pixel is predicted by its left neighbour, and the difference is coded by the
number of its bits, in a Huffman code, followed by these bits.
"""

import numpy as np

CATEGORIES = 16  # numbers of bits: 0 to 15
CODE_BITS = 5  # of each of them: codes of one length need no statistics, and all ones is no code


def lossless_jpeg(film: np.ndarray, bits: int) -> bytes:
    """Return the codestream of a film, uint16 (height, width) of `bits` bits, 15 at most."""
    height, width = film.shape
    lengths = [0] * 16
    lengths[CODE_BITS - 1] = CATEGORIES
    table = bytes([0, *lengths, *range(CATEGORIES)])
    sizes = height.to_bytes(2) + width.to_bytes(2)
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xC3, bytes([bits]) + sizes + bytes([1, 1, 0x11, 0])),
            _segment(0xC4, table),
            _segment(0xDA, bytes([1, 1, 0, 1, 0, 0])),  # predictor 1, no point transform
            _coded(_differences(film, bits)).replace(b"\xff", b"\xff\0"),
            b"\xff\xd9",
        ]
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content


def _differences(film: np.ndarray, bits: int) -> np.ndarray:
    """Return pixels less their left neighbours, those of the first column less the upper ones."""
    grey = film.astype(np.int32)
    first = np.diff(grey[:, :1], axis=0, prepend=1 << (bits - 1))
    return np.hstack([first, np.diff(grey, axis=1)]).ravel()


def _coded(differences: np.ndarray) -> bytes:
    """Return the bits of all differences, filled up with ones to whole bytes."""
    magnitude = np.abs(differences)
    number = np.frexp(magnitude.astype(np.float64))[1]  # of bits
    value = np.where(differences < 0, differences - 1, differences) & ((1 << number) - 1)
    word, length = number << number | value, CODE_BITS + number
    ends = np.cumsum(length)
    stream = np.ones(-(-int(ends[-1]) // 8) * 8, np.uint8)
    for place in range(int(length.max())):  # from the last bit of each word
        some = length > place
        stream[ends[some] - 1 - place] = word[some] >> place & 1
    return np.packbits(stream).tobytes()
