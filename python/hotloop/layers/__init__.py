"""Layers: parameters, shapes and the order of core calls; the mathematics is in the core.

Signatures are Keras 3's; ``padding`` takes every form of `hotloop.functional.conv2d` beyond them.
"""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.layers.activations import (
    ELU,
    GELU,
    Activation,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from hotloop.layers.adaptive import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
)
from hotloop.layers.added import AddedLoss
from hotloop.layers.attention import AdditiveAttention, Attention
from hotloop.layers.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from hotloop.layers.base import Layer
from hotloop.layers.cache import Cache
from hotloop.layers.conv import Conv1D, Conv2D
from hotloop.layers.dense import Dense
from hotloop.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D
from hotloop.layers.einsum_dense import EinsumDense
from hotloop.layers.embedding import Embedding, Masking, StepMask
from hotloop.layers.framing import (
    Cropping1D,
    Cropping2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from hotloop.layers.functions import Lambda
from hotloop.layers.global_pool import (
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
)
from hotloop.layers.images import CenterCrop, Resizing
from hotloop.layers.merge import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from hotloop.layers.multi_head import GroupQueryAttention, MultiHeadAttention
from hotloop.layers.noise import (
    ActivityRegularization,
    AlphaDropout,
    GaussianDropout,
    GaussianNoise,
)
from hotloop.layers.norm import BatchNormalization, LayerNormalization
from hotloop.layers.norm_rules import GroupNormalization, RMSNormalization, UnitNormalization
from hotloop.layers.operation import Operation
from hotloop.layers.order import Identity, Permute, RepeatVector
from hotloop.layers.pool import AvgPool1D, AvgPool2D, MaxPool1D, MaxPool2D
from hotloop.layers.prelu import PReLU
from hotloop.layers.recurrent import GRU, LSTM, SimpleRNN
from hotloop.layers.reshape import Flatten, Input, InputLayer, Rescaling, Reshape
from hotloop.layers.rnn import RNN, GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from hotloop.layers.separable import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from hotloop.layers.sources import OwnWeights, RandomDraw
from hotloop.layers.spectral import SpectralNormalization, Wrapper
from hotloop.layers.tabular import CategoryEncoding, Discretization, Normalization
from hotloop.layers.transposed import Conv1DTranspose, Conv2DTranspose
from hotloop.layers.words import IntegerLookup, StringLookup, TextVectorization
from hotloop.layers.wrappers import Bidirectional, TimeDistributed
from hotloop.registry import enter

# Keras's other names.
AveragePooling1D = AvgPool1D
AveragePooling2D = AvgPool2D
Convolution1D = Conv1D
Convolution1DTranspose = Conv1DTranspose
Convolution2D = Conv2D
Convolution2DTranspose = Conv2DTranspose
GlobalAveragePooling1D = GlobalAvgPool1D
GlobalAveragePooling2D = GlobalAvgPool2D
GlobalMaxPooling1D = GlobalMaxPool1D
GlobalMaxPooling2D = GlobalMaxPool2D
MaxPooling1D = MaxPool1D
MaxPooling2D = MaxPool2D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D

# Layers that prepare data: pictures, numbers, words.
PREPROCESSING: tuple[type[Layer], ...] = (
    CategoryEncoding,
    CenterCrop,
    Discretization,
    IntegerLookup,
    Normalization,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Resizing,
    StringLookup,
    TextVectorization,
)

# What a description in a file may name.
CLASSES: dict[str, type[Layer]] = enter(
    "layer",
    (
        ELU,
        GELU,
        GRU,
        LSTM,
        RNN,
        Activation,
        ActivityRegularization,
        AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D,
        AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D,
        Add,
        AddedLoss,
        AdditiveAttention,
        AlphaDropout,
        Attention,
        Average,
        AvgPool1D,
        AvgPool2D,
        BatchNormalization,
        Bidirectional,
        Concatenate,
        Conv1D,
        Conv1DTranspose,
        Conv2D,
        Conv2DTranspose,
        Cropping1D,
        Cropping2D,
        Dense,
        DepthwiseConv1D,
        DepthwiseConv2D,
        Dot,
        Dropout,
        ELU,
        EinsumDense,
        Embedding,
        Flatten,
        GELU,
        GaussianDropout,
        GaussianNoise,
        GlobalAvgPool1D,
        GRUCell,
        GlobalAvgPool2D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GroupNormalization,
        GroupQueryAttention,
        Identity,
        InputLayer,
        LSTMCell,
        LayerNormalization,
        LeakyReLU,
        MaxPool1D,
        Masking,
        MaxPool2D,
        Maximum,
        Minimum,
        MultiHeadAttention,
        Multiply,
        Operation,
        OwnWeights,
        PReLU,
        Permute,
        RMSNormalization,
        *PREPROCESSING,
        RandomDraw,
        ReLU,
        RepeatVector,
        Rescaling,
        Reshape,
        SeparableConv1D,
        SeparableConv2D,
        Sigmoid,
        SimpleRNN,
        SimpleRNNCell,
        Softmax,
        SpatialDropout1D,
        SpatialDropout2D,
        SpectralNormalization,
        Subtract,
        StepMask,
        Tanh,
        UnitNormalization,
        UpSampling1D,
        UpSampling2D,
        Wrapper,
        ZeroPadding1D,
        ZeroPadding2D,
        StackedRNNCells,
        StepMask,
        Tanh,
        TimeDistributed,
    ),
)

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Bidirectional",
    "Cache",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "GroupQueryAttention",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "Operation",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "Sigmoid",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "Tanh",
    "TextVectorization",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]

serve(__name__)
