"""Load Keras without what TensorFlow writes of the machine, past Python, to the standard error."""

import os


def load_keras() -> None:
    """Import Keras and its backend; an error in doing so is raised as ever."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 2)
        import keras  # noqa: F401
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
