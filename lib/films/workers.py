"""Prepare a process that reads many films, one after the other."""

import ctypes

import cv2

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt (malloc.h of glibc)
LARGEST = 2**25  # bytes of an array, as much as mallopt allows
KEPT = 2**28  # bytes


def on_one_core() -> None:
    """Let OpenCV use one core, and keep freed memory for the next film.

    glibc gives memory of large films back to the system: to get it again, page by page, took 10 of
    the 32 ms of a raw film of 2,800 x 2,300 pixels. Other C libraries have no such parameters.
    """
    cv2.setNumThreads(1)
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGEST)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)
