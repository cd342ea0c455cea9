# The compiled module: every argument may be given by position or by name. The documented face is
# hotloop.functional; what training alone uses stands at the end.

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Literal, overload

from typing_extensions import Self

from hotloop._support.typing import (
    Activation,
    Algorithm,
    AnyArray,
    ArrayLike,
    BoolArray,
    BuildFacts,
    CellArray,
    DataFormat,
    DTypeLike,
    FloatArray,
    Gradients,
    IntArray,
    LiveFloat,
    LiveInt,
    MaskArray,
    Normalised,
    Padding,
    Pair,
    Shape4D,
)

# affine
def matmul(
    a: ArrayLike,
    b: ArrayLike,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: FloatArray | None = None,
) -> FloatArray: ...
def affine(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    activation: Activation | None = None,
    out: FloatArray | None = None,
) -> FloatArray: ...
def affine_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    need_dx: bool = True,
    need_db: bool = True,
    out: Gradients | None = None,
) -> Gradients: ...

# activations
def relu(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def relu_backward(dy: ArrayLike, y: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def sigmoid(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def sigmoid_backward(dy: ArrayLike, y: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def tanh(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def tanh_backward(dy: ArrayLike, y: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def step(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def identity(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def gelu(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def gelu_backward(dy: ArrayLike, x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def leaky_relu(x: ArrayLike, alpha: float = 0.01, out: FloatArray | None = None) -> FloatArray: ...
def leaky_relu_backward(
    dy: ArrayLike, y: ArrayLike, alpha: float = 0.01, out: FloatArray | None = None
) -> FloatArray: ...
def elu(x: ArrayLike, alpha: float = 1.0, out: FloatArray | None = None) -> FloatArray: ...
def elu_backward(
    dy: ArrayLike, y: ArrayLike, alpha: float = 1.0, out: FloatArray | None = None
) -> FloatArray: ...

# elementwise
def add(a: ArrayLike, b: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def divide(a: ArrayLike, b: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def maximum(a: ArrayLike, b: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def minimum(a: ArrayLike, b: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def multiply(a: ArrayLike, b: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def power(a: ArrayLike, b: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def subtract(a: ArrayLike, b: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def absolute(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def ceil(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def floor(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def negative(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def reciprocal(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def rint(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def rsqrt(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def sign(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def sqrt(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def square(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def cos(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def erf(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def exp(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def expm1(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def log(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def log1p(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def silu(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def sin(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def softplus(x: ArrayLike, out: FloatArray | None = None) -> FloatArray: ...
def equal(a: ArrayLike, b: ArrayLike) -> BoolArray: ...
def greater(a: ArrayLike, b: ArrayLike) -> BoolArray: ...
def greater_equal(a: ArrayLike, b: ArrayLike) -> BoolArray: ...
def less(a: ArrayLike, b: ArrayLike) -> BoolArray: ...
def less_equal(a: ArrayLike, b: ArrayLike) -> BoolArray: ...
def not_equal(a: ArrayLike, b: ArrayLike) -> BoolArray: ...
def where(
    condition: ArrayLike, a: ArrayLike, b: ArrayLike, out: FloatArray | None = None
) -> FloatArray: ...

# moves
def copy(x: ArrayLike) -> AnyArray: ...
def filled(like: AnyArray, shape: Sequence[int], value: float = 0.0) -> AnyArray: ...
def copy_into(target: AnyArray, x: ArrayLike) -> None: ...
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> AnyArray: ...
def flip(x: ArrayLike, axis: int | Sequence[int] | None = None) -> AnyArray: ...
def pad(x: ArrayLike, width: Sequence[Sequence[int]], value: float = 0.0) -> AnyArray: ...
def concatenate(arrays: Sequence[ArrayLike] | AnyArray, axis: int = 0) -> AnyArray: ...

# picks
def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> AnyArray: ...
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> AnyArray: ...
def scatter_add(
    x: ArrayLike, indices: ArrayLike, size: int, axis: int = 0, out: FloatArray | None = None
) -> FloatArray: ...
def scatter_add_along_axis(
    x: ArrayLike, indices: ArrayLike, size: int, axis: int = 0, out: FloatArray | None = None
) -> FloatArray: ...
def cumsum(
    x: ArrayLike, axis: int | None = -1, reverse: bool = False, out: FloatArray | None = None
) -> FloatArray: ...
def top_k(x: ArrayLike, k: int, largest_first: bool = True) -> tuple[FloatArray, IntArray]: ...

# recurrent layers
def recurrent(
    cell: Literal["lstm", "gru", "simple_rnn"],
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    activation: Activation | None = "tanh",
    recurrent_activation: Activation | None = "sigmoid",
    reset_after: bool = True,
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    out: tuple[FloatArray | None, ...] | None = None,
) -> tuple[Any, ...]: ...
def recurrent_backward(
    cell: Literal["lstm", "gru", "simple_rnn"],
    dy: ArrayLike,
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent_kernel: ArrayLike,
    tape: ArrayLike,
    dh: ArrayLike | None = None,
    dc: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    recurrent_dropout: ArrayLike | None = None,
    activation: Activation | None = "tanh",
    recurrent_activation: Activation | None = "sigmoid",
    reset_after: bool = True,
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    need_dx: bool = True,
    need_db: bool = True,
    need_d0: bool = True,
    out: tuple[FloatArray | None, ...] | None = None,
) -> tuple[Any, ...]: ...

# reductions
def max(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray: ...
def mean(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray: ...
def min(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray: ...
def prod(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray: ...
def sum(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray: ...
def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> IntArray: ...
def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> IntArray: ...

# softmax
def softmax(x: ArrayLike, axis: int = -1, out: FloatArray | None = None) -> FloatArray: ...
def softmax_backward(
    dy: ArrayLike, y: ArrayLike, axis: int = -1, out: FloatArray | None = None
) -> FloatArray: ...
def log_softmax(x: ArrayLike, axis: int = -1, out: FloatArray | None = None) -> FloatArray: ...
def log_softmax_backward(
    dy: ArrayLike, y: ArrayLike, axis: int = -1, out: FloatArray | None = None
) -> FloatArray: ...

# losses
def softmax_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    sample_weight: ArrayLike | None = None,
    out: FloatArray | None = None,
) -> tuple[float, FloatArray]: ...
def softmax_cross_entropy_backward(
    probs: ArrayLike,
    labels: ArrayLike,
    sample_weight: ArrayLike | None = None,
    out: FloatArray | None = None,
) -> FloatArray: ...
def binary_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> float: ...
def binary_cross_entropy_backward(
    logits: ArrayLike, targets: ArrayLike, out: FloatArray | None = None
) -> FloatArray: ...
def mean_squared_error(y: ArrayLike, t: ArrayLike) -> float: ...
def mean_squared_error_backward(
    y: ArrayLike, t: ArrayLike, out: FloatArray | None = None
) -> FloatArray: ...
def cross_entropy(probs: ArrayLike, labels: ArrayLike, eps: float = 0.0) -> float: ...
def cross_entropy_backward(
    probs: ArrayLike, labels: ArrayLike, eps: float = 0.0, out: FloatArray | None = None
) -> FloatArray: ...
def nll(log_probs: ArrayLike, labels: ArrayLike) -> float: ...
def nll_backward(
    log_probs: ArrayLike, labels: ArrayLike, out: FloatArray | None = None
) -> FloatArray: ...

# convolution
def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    activation: Activation | None = None,
    data_format: DataFormat = "channels_first",
    algorithm: Algorithm | None = None,
    out: FloatArray | None = None,
) -> FloatArray: ...
def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    need_dx: bool = True,
    need_db: bool = True,
    data_format: DataFormat = "channels_first",
    algorithm: Algorithm | None = None,
    out: Gradients | None = None,
) -> Gradients: ...
def conv2d_routes(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    data_format: DataFormat = "channels_first",
    algorithm: Algorithm | None = None,
    dtype: str = "float32",
) -> dict[str, str]: ...
def im2col(
    x: ArrayLike,
    kernel_size: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    out: FloatArray | None = None,
) -> FloatArray: ...
def col2im(
    cols: ArrayLike,
    input_shape: Shape4D,
    kernel_size: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    out: FloatArray | None = None,
) -> FloatArray: ...

# pooling
def max_pool2d(
    x: ArrayLike,
    pool_size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    data_format: DataFormat = "channels_first",
    out: tuple[FloatArray, IntArray] | None = None,
) -> tuple[FloatArray, IntArray]: ...
def max_pool2d_backward(
    dy: ArrayLike,
    argmax: IntArray,
    input_shape: Shape4D,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray: ...
def avg_pool2d(
    x: ArrayLike,
    pool_size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray: ...
def avg_pool2d_backward(
    dy: ArrayLike,
    input_shape: Shape4D,
    pool_size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray: ...
def global_avg_pool2d(
    x: ArrayLike, data_format: DataFormat = "channels_first", out: FloatArray | None = None
) -> FloatArray: ...
def global_avg_pool2d_backward(
    dy: ArrayLike,
    input_shape: Shape4D,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray: ...

# normalisation
@overload
def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: FloatArray,
    running_var: FloatArray,
    training: Literal[True],
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
    out: Normalised | None = None,
) -> Normalised: ...
@overload
def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: FloatArray,
    running_var: FloatArray,
    training: Literal[False],
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray: ...
@overload
def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: FloatArray,
    running_var: FloatArray,
    training: bool,
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> Normalised | FloatArray: ...
def batch_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    inv_std: ArrayLike,
    data_format: DataFormat = "channels_first",
    out: Normalised | None = None,
) -> Normalised: ...
def layer_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    eps: float = 1e-5,
    out: Normalised | None = None,
) -> Normalised: ...
def layer_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    inv_std: ArrayLike,
    out: Normalised | None = None,
) -> Normalised: ...

# dropout, encoding
def dropout(
    x: ArrayLike,
    rate: float,
    seed: LiveInt,
    offset: LiveInt = 0,
    out: tuple[FloatArray, MaskArray] | None = None,
) -> tuple[FloatArray, MaskArray]: ...
def dropout_backward(
    dy: ArrayLike, mask: MaskArray, rate: float, out: FloatArray | None = None
) -> FloatArray: ...
def one_hot(labels: ArrayLike, num_classes: int, dtype: DTypeLike = "float32") -> FloatArray: ...

# updates, in place
def sgd_update(
    param: FloatArray, grad: ArrayLike, lr: LiveFloat, weight_decay: float = 0.0
) -> None: ...
def momentum_update(
    param: FloatArray,
    grad: ArrayLike,
    velocity: FloatArray,
    lr: LiveFloat,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None: ...
def adagrad_update(
    param: FloatArray,
    grad: ArrayLike,
    accumulator: FloatArray,
    lr: LiveFloat,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None: ...
def rmsprop_update(
    param: FloatArray,
    grad: ArrayLike,
    square: FloatArray,
    lr: LiveFloat,
    rho: float = 0.9,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None: ...
def adam_update(
    param: FloatArray,
    grad: ArrayLike,
    m: FloatArray,
    v: FloatArray,
    lr: LiveFloat,
    step: LiveFloat,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None: ...

# training: recorded steps alone use these
def softmax_cross_entropy_train(
    logits: FloatArray,
    labels: IntArray | FloatArray,
    sample_weight: FloatArray | None,
    loss: FloatArray,
    correct: IntArray,
    probs: FloatArray | None = None,
    dlogits: FloatArray | None = None,
    factor: float = 1.0,
) -> None: ...
def element_loss_train(
    kind: Literal["squared_error", "absolute_error", "huber", "binary_cross_entropy"],
    y: FloatArray,
    t: FloatArray,
    sample_weight: FloatArray | None,
    loss: FloatArray,
    dy: FloatArray | None = None,
    parameter: float = 0.0,
    factor: float = 1.0,
) -> None: ...
def max_pool2d_train(
    x: ArrayLike,
    pool_size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    data_format: DataFormat = "channels_first",
    y: FloatArray | None = None,
    index: CellArray | None = None,
) -> tuple[FloatArray, CellArray]: ...
def max_pool2d_train_backward(
    dy: ArrayLike,
    index: CellArray,
    input_shape: Shape4D,
    pool_size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    data_format: DataFormat = "channels_first",
    gate: FloatArray | None = None,
    gate_activation: Activation = "relu",
    out: FloatArray | None = None,
) -> FloatArray: ...
@overload
def gather_rows(
    src: ArrayLike,
    indices: ArrayLike | None = None,
    out: FloatArray | None = None,
    scale: LiveFloat = 1.0,
    offset: LiveFloat = 0.0,
) -> FloatArray: ...
@overload
def gather_rows(
    src: ArrayLike,
    indices: ArrayLike | None,
    out: IntArray,
    scale: LiveFloat = 1.0,
    offset: LiveFloat = 0.0,
) -> IntArray: ...

# the process
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def set_threading(name: str) -> None: ...
def region_count() -> tuple[int, int]: ...  # regions on several threads so far, and their parts
def config() -> BuildFacts: ...
def fma_peak(dtype: Literal["float32", "float64"], threads: int, seconds: float) -> float: ...
def triad(n_bytes: int, threads: int) -> float: ...

class _pybind11_type(type): ...

# A recorded step: calls on fixed buffers, run again without Python.
def run_whole(
    parts: tuple[Plan | Callable[[], object] | tuple[FloatArray, Callable[[], object]], ...],
    saved: tuple[FloatArray, ...],
    counted: object = None,
) -> None: ...
def rebind(
    owner: object, name: str, plans: Iterable[Plan], array: FloatArray | IntArray
) -> None: ...
def assign(targets: Sequence[FloatArray], values: Sequence[ArrayLike]) -> None: ...

class Scope(metaclass=_pybind11_type):
    @overload
    def __init__(self, variable: ContextVar[Any], value: object, /) -> None: ...
    @overload
    def __init__(self, owner: object, /, **attributes: object) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...

class Member(metaclass=_pybind11_type):
    def __init__(self, owner: object, name: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...

class Plan(metaclass=_pybind11_type):
    def __init__(self, exact: bool = False) -> None: ...
    def recording(self, anyone: bool = False) -> _Recording: ...
    def run(self) -> None: ...
    def forget(self, array: FloatArray) -> bool: ...
    def held(self) -> list[tuple[Any, bool]]: ...
    def holds(self, array: FloatArray) -> bool: ...
    def rebind(self, old: FloatArray | IntArray, new: FloatArray | IntArray) -> None: ...
    def __len__(self) -> int: ...

# What `Plan.recording` returns; Python cannot make one.
class _Recording(metaclass=_pybind11_type):
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...
