"""Operations of TensorFlow that tf2onnx does not convert, in operations of ONNX.

Importing this module registers them.
"""

from onnx import TensorProto
from tf2onnx.handler import tf_op

from lib.errors import BadData


@tf_op("Bitcast")
class _SignBit:
    """The bits of a float as an integer, of which Keras's argmin reads the sign alone.

    It places -0.0 before 0.0; here both are equal, and the first of them is the least.
    """

    @classmethod
    def version_13(cls, graph, node, **_):
        """Replace the node by the sign of its input."""
        (given,), (wanted,) = node.input, node.output
        kinds = graph.get_dtype(given), graph.get_dtype(wanted)
        if kinds != (TensorProto.FLOAT, TensorProto.INT32):
            raise BadData("ONNX has no operation for the bits of a number, which the method reads.")
        shape = graph.get_shape(wanted)
        graph.remove_node(node.name)
        sign = graph.make_node("Sign", [given])
        cast = {"attr": {"to": TensorProto.INT32}, "outputs": [wanted]}
        graph.make_node("Cast", sign.output, **cast, shapes=[shape], dtypes=[TensorProto.INT32])
