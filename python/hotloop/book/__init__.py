"""Scripts of "Deep Learning from Scratch", unchanged, on compiled kernels.

``python -m hotloop.book SCRIPT.py [args]`` runs a script of the book (K. Saitoh, "Deep Learning from
Scratch", O'Reilly Japan, 2016; the repository oreilly-japan/deep-learning-from-scratch) as ``cd FOLDER;
python SCRIPT.py [args]`` would, with these differences:

- ``import common.layers``, ``from dataset.mnist import load_mnist`` and so on give the modules below, wherever
  the script lies. Modules of a chapter (``two_layer_net``, ``simple_convnet`` ...) come from the script's folder;
  modules that a reader has added to a folder ``common`` or ``dataset`` on the path are found there.
- The script runs in its own folder, from wherever it is started: it finds ``sample_weight.pkl`` and
  ``../dataset/lena_gray.png``, and leaves ``params.pkl``, where the book has them. File names among its arguments
  are therefore seen from that folder, too.
- Where there is no screen, ``plt.show()`` saves each open figure beside the script as ``SCRIPT_1.png``,
  ``SCRIPT_2.png`` and so on, says so, and closes it; an image that Pillow is asked to show is saved likewise.
- MNIST comes from `hotloop.datasets.mnist`: ``HOTLOOP_DATA_DIR``, the cache, or one download.

The modules can also be imported by themselves: ``from hotloop.book.common.layers import Affine``.

=========================================  ==========================================================
``common.functions``                       activations and losses on arrays
``common.gradient``                        central differences
``common.layers``                          ``Affine Convolution Pooling Relu ... SoftmaxWithLoss``
``common.optimizer``                       ``SGD Momentum Nesterov AdaGrad RMSprop Adam``
``common.multi_layer_net``, ``..._extend``  fully connected networks
``common.trainer``, ``common.util``        the training loop; ``im2col``, smoothing, shuffling
``dataset.mnist``                          ``load_mnist``
`load_params`                              reads the book's weight files, and nothing else that is pickled
=========================================  ==========================================================

Whole trainings from the same numpy seed give the numbers of the book's own modules to 1e-8 in float64:
the same draws in the same order, the same equations. float32 stays float32, where the book's convolutions give
float64. ``scripts/compare_book.py`` in hotloop's repository runs the chapters on both and compares.

Rounding sets the limit. The 12,000 losses of ``ch07/train_convnet.py`` agree to 1e-13 for 6,000 steps, then, as its
gradients vanish and Adam divides by their size, part by more than 1e-8 from step 10,509 on. Two runs of hotloop do
the same, from step 10,708 on, when a single weight starts one unit in the last place higher. Every accuracy is equal.

What `Convolution` returns, forward and backward, is worked out at the first look, or never: `Relu` and `Pooling`
compute it together with their own, and the gradient by the images is wanted by no script. It has the methods,
operators and indices of an array, and NumPy's functions take it; ``isinstance(y, np.ndarray)`` alone is False.
Arrays given to ``forward`` must stay as they are until the ``backward`` that follows has returned.

**Faults of the book's code.** All are reproduced here, since they make its figures; the rest of hotloop does
otherwise.

==========================================================  ===================================================
here, as in the book                                        elsewhere in hotloop
==========================================================  ===================================================
``BatchNormalization`` flattens images and normalises       statistics over N, H and W, one pair a channel
each of C * H * W numbers by itself
its running variance starts at 0, so that early             `layers.BatchNormalization` starts at 1
evaluations divide by too little
``Dropout`` scales at inference, by ``1 - ratio``           scales in training (inverted), so that inference is
                                                            the bare network
``cross_entropy_error`` takes ``log(y + 1e-7)``: right      fused with the softmax, exact; `cross_entropy` has
answers cost -1e-7, hopeless ones 16.1 at most              ``eps=0``
its gradient in ``SoftmaxWithLoss`` is that of the loss     gradients are those of the loss that is reported
without the 1e-7
``SoftmaxWithLoss.backward`` ignores ``dout``               losses take weights of samples
it divides by ``len(t)``: by K for a single sample with     a single sample counts as one
a one-hot t
labels of shape (N, 1) pick N * N numbers, not N            taken as ids by models, refused by `functional`
labels count as one-hot when t has as many numbers as y,    shapes decide
whatever its shape
``Relu.backward`` writes into its argument                  no op writes to its inputs
``relu_grad`` is 1 at 0, ``Relu.backward`` is 0 there       0 at 0
``Trainer`` draws batches with replacement, so that an      `fit` shuffles: each sample once an epoch
epoch leaves out a third of the samples
``Trainer`` evaluates when the step is a multiple of        evaluates after each epoch
``N / batch``, which is seldom when that is not whole
its training loss is that after the update, of the same     `fit` reports the loss before the update
batch, a second forward pass
``AdaGrad`` and ``RMSprop`` add 1e-7 to the root            Keras 3's equations, 1e-7 inside the root
``Adam`` adds 1e-7 to a root that is not corrected yet      the same, as in Keras 3
``Momentum`` and others keep slots by key alone: one        one optimizer belongs to one model
optimizer for two networks mixes them
``Pooling`` leaves ``pad`` out of its output size, so that  pads with minus infinity
most uses raise; it pads with zeros
``conv_output_size`` gives a float, also a broken one       rounds down, ValueError below 1
``numerical_gradient`` of integers cuts off x + h and       `utils.numerical_gradient` raises TypeError
x - h, and gives nonsense
``numerical_gradient`` leaves x changed when f raises       x is put back (here too)
==========================================================  ===================================================

`lessons` holds names that lessons written after the book use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotloop._support.names import serve

if TYPE_CHECKING:
    from hotloop.book import common, dataset, lessons, runner, weights
    from hotloop.book.weights import load_params

__all__ = ["common", "dataset", "lessons", "load_params", "runner", "weights"]

serve(
    __name__,
    {
        **{name: f"hotloop.book.{name}" for name in __all__ if name != "load_params"},
        "load_params": "hotloop.book.weights:load_params",
    },
)
