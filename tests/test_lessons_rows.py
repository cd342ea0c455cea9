"""Each row of the lessons has an example that shows it and tests that hold it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from hotloop import examples

FOLDER = Path(__file__).parent
NAMES = {name for chapter in examples.CHAPTERS.values() for name in chapter}

# What the lessons are about: the example, and the tests, as the end of their file's name and their own.
ROWS: dict[str, tuple[str, str]] = {
    # Functions.
    "sigmoid of -1, 1, 2, also by logaddexp; no warning at 1000": (
        "functions",
        "lessons_r1::test_sigmoid",
    ),
    "softmax of three scores": ("functions", "lessons_r1::test_softmax"),
    "softmax of large integers; ReLU and step of lists": (
        "functions",
        "lessons_r1::test_softmax lessons_r1::test_relu_and_step_of_lists",
    ),
    "half the summed squares": (
        "losses",
        "lessons_r1::test_half_the_summed_squares lessons_names::test_losses_of_one_sample",
    ),
    "cross entropy with 1e-7": (
        "losses",
        "lessons_r1::test_cross_entropy_with_the_lessons_epsilon lessons_names::test_losses_of_one_sample",
    ),
    "three layers with given weights": ("three_layers", "lessons_r1::test_three_layers"),
    "pictures of step, ReLU, sigmoid, identity": (
        "functions",
        "lessons_r1::test_curves_from_minus_five_to_five examples::test_example_holds_and_draws",
    ),
    "one-hot; one row and a batch; ids; summed; half the binary cross entropy": (
        "losses",
        "lessons_r1::test_softmax_and_cross_entropy_on_rows_and_batches"
        " lessons_r1::test_half_the_summed_binary_cross_entropy lessons_names::test_losses_of_a_batch"
        " lessons_names::test_one_hot",
    ),
    "nodes x = a + b, y = b + c, f = x y": ("graph", "lessons_names::test_nodes"),
    "affine of one sample": (
        "affine",
        "lessons_r1::test_affine_of_one_sample lessons_names::test_affine_of_one_sample",
    ),
    "affine backward after seed 111": (
        "affine",
        "lessons_r1::test_affine_backward_after_seed_111"
        " lessons_names::test_affine_backward_from_a_seed",
    ),
    "output sizes of convolutions": ("conv_sizes", "lessons_r1::test_conv_output_size"),
    "Sobel pair over 440 x 440": (
        "sobel",
        "lessons_r1::test_convolution_does_not_flip_the_kernel lessons_r1::test_strength_of_edges",
    ),
    "filters on RGB, the lesson's way and the true one": (
        "rgb_filters",
        "lessons_r1::test_filters_on_colour"
        " lessons_names::test_conv_op_meets_each_channel_with_the_summed_kernel",
    ),
    "naive loops and a broadcast maximum, with times": (
        "loops",
        "lessons_r1::test_naive_loops lessons_r1::test_maximum_of_planes",
    ),
    # Descent.
    "numerical gradient of x0^2 + x1^2": ("descent", "lessons_r2::test_numerical_gradient_of_a_bowl"),
    "descent on it at three rates, with paths": ("descent", "lessons_r2::test_descent_on_a_bowl"),
    "given derivative: moves of f3": ("descent_moves", "lessons_r2::test_moves_on_a_wave"),
    "given derivative: moves of f2": ("descent_moves", "lessons_r2::test_moves_on_a_quartic"),
    "x^2 at five rates": ("descent_rates", "lessons_r2::test_rates_on_a_parabola"),
    "AND gate": ("gates", "lessons_r2::test_logic_gates"),
    "OR, NAND; XOR with one unit": (
        "gates",
        "lessons_r2::test_logic_gates lessons_r2::test_one_unit_cannot_learn_xor",
    ),
    "XOR of three units": ("gates", "lessons_r2::test_logic_gates"),
    "XOR in two layers": ("xor", "lessons_r2::test_two_layers_learn_xor"),
    "MNIST by numerical gradient, beside backpropagation": (
        "numerical_mnist",
        "lessons_r2::test_two_losses_for_each_weight lessons_r2::test_mnist_by_numerical_gradient",
    ),
    # Networks on MNIST.
    "Keras 784-50-10": (
        "keras_mlp",
        "keras_scripts::test_script_reaches_its_figure lessons_r3::test_784_50_sigmoid_with_adam",
    ),
    "Keras 784-512-10, one-hot": ("keras_onehot", "keras_scripts::test_script_reaches_its_figure"),
    "the same with binary cross entropy": (
        "keras_binary",
        "keras_scripts::test_script_reaches_its_figure"
        " keras_scripts::test_binary_accuracy_is_not_accuracy",
    ),
    "Keras functional 784-50-100-10": (
        "keras_functional",
        "keras_scripts::test_script_reaches_its_figure",
    ),
    "the book's sample_weight.pkl": ("sample_weight", "examples::test_sample_weight_of_the_book"),
    "by hand, sigmoid": ("by_hand", "lessons_r3::test_784_50_10_by_hand"),
    "by hand, 50 ReLU units": ("by_hand_relu", "lessons_r3::test_784_50_10_relu_by_hand"),
    "three exact models": (
        "three_models",
        "lessons_exact::test_first_lines lessons_exact::test_every_printed_line"
        " lessons_exact::test_steps_equal_plain_numpy examples::test_example_holds_and_draws",
    ),
    "backpropagation, 1000 steps": (
        "backpropagation",
        "lessons_r3::test_784_100_64_32_10_by_backpropagation"
        " lessons_names::test_backpropagation_is_the_gradient",
    ),
    "PyTorch as the lesson wrote it": (
        "pytorch_lesson",
        "lessons_r3::test_pytorch_as_the_lesson_wrote_it",
    ),
    "the same repaired": ("pytorch_repaired", "lessons_r3::test_pytorch_repaired"),
    "SimpleConvNet": ("simple_convnet", "lessons_r3::test_simple_convnet"),
    "an LSTM over the rows of images": (
        "lstm_mnist",
        "recurrent::test_forward_and_twenty_steps_are_keras",
    ),
    "DeepConvNet": ("deep_convnet", "lessons_r3::test_deep_convnet"),
    # Learning made visible.
    "histograms of the activations": (
        "histograms",
        "lessons_r4::test_six_layers_of_fifty_units"
        " lessons_r4::test_sigmoid_of_wide_weights_saturates_at_both_ends"
        " lessons_r4::test_sigmoid_of_narrow_weights_crowds_in_the_middle"
        " lessons_r4::test_xavier_spreads_sigmoid_and_tanh"
        " lessons_r4::test_he_keeps_the_size_behind_relu_and_the_others_lose_it",
    ),
    "five optimizers on MNIST": ("optimizers", "lessons_r4::test_optimizers_reduce_the_loss_on_mnist"),
    "five optimizers on x^2 / 20 + y^2": (
        "optimizer_paths",
        "lessons_r4::test_walks_in_the_valley_end_low lessons_r4::test_walks_follow_the_equations",
    ),
    "initialisers compared": ("initializers", "lessons_r4::test_initialisers_on_mnist"),
    "batch norm on and off": (
        "batch_norm",
        "lessons_r4::test_batch_norm_learns_from_scales_that_stop_other_networks",
    ),
    "300 images against weight decay": (
        "weight_decay",
        "lessons_r4::test_decay_and_dropout_close_the_gap_of_300_images"
        " lessons_r4::test_weight_decay_makes_weights_small",
    ),
    "300 images against dropout": (
        "dropout",
        "lessons_r4::test_decay_and_dropout_close_the_gap_of_300_images",
    ),
    "random search with validation": (
        "random_search",
        "lessons_r4::test_random_search_prefers_large_rates_on_validation_images",
    ),
    "filters before and after": (
        "filters",
        "lessons_r4::test_filters_become_smooth_and_errors_are_unsure",
    ),
    "misclassified digits": (
        "misclassified",
        "lessons_r4::test_filters_become_smooth_and_errors_are_unsure",
    ),
    "train and test curves": (
        "by_hand",
        "lessons_r4::test_curves_of_train_and_test_rise_together_and_then_part",
    ),
}  # fmt: skip


def functions(file: str) -> set[str]:
    tree = ast.parse((FOLDER / f"test_{file}.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_has_an_example_and_every_example_a_row() -> None:
    assert {example for example, _ in ROWS.values()} == NAMES


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_tests(row: str) -> None:
    tests = ROWS[row][1].split()
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert name in functions(file)


def test_every_training_of_the_lessons_is_in_a_row() -> None:
    """A long run that no row names is not a lesson's, and does not belong there."""
    held = {test for _, tests in ROWS.values() for test in tests.split()}
    assert {
        f"lessons_r3::{name}" for name in functions("lessons_r3") if name[:5] == "test_"
    } - held == {
        "lessons_r3::test_784_512_relu_with_adam"  # Adam in place of the lesson's RMSprop
    }
