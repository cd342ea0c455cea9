// Each topic registers its functions; module.cpp calls them all.
#pragma once

#include <pybind11/pybind11.h>

namespace hotloop::bind {

void bind_activations(pybind11::module_& m);
void bind_affine(pybind11::module_& m);
void bind_conv(pybind11::module_& m);
void bind_elementwise(pybind11::module_& m);
void bind_gather(pybind11::module_& m);
void bind_updates(pybind11::module_& m);
void bind_losses(pybind11::module_& m);
void bind_softmax(pybind11::module_& m);
void bind_im2col(pybind11::module_& m);
void bind_pool(pybind11::module_& m);
void bind_dropout(pybind11::module_& m);
void bind_moves(pybind11::module_& m);
void bind_norm(pybind11::module_& m);
void bind_picks(pybind11::module_& m);
void bind_reductions(pybind11::module_& m);
void bind_recurrent(pybind11::module_& m);
void bind_runtime(pybind11::module_& m);
void bind_scope(pybind11::module_& m);
void bind_whole(pybind11::module_& m);

}  // namespace hotloop::bind
