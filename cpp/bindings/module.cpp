#include "bind.h"
#include "hotloop/caches.h"
#include "hotloop/dispatch.h"
#include "hotloop/parallel.h"
#include "hotloop/shape.h"
#include "hotloop/threading.h"
#include "plan.h"

// PyInit__core below is what Python calls.
PYBIND11_MODULE(_core_unchecked, m) {
    using namespace hotloop;
    m.doc() = "The compiled core of hotloop; hotloop.functional is its documented face.";
    select_isa();
    select_num_threads();
    select_threading();
    select_cache_sizes();
    // What is thrown elsewhere than in `fail` quotes arguments too.
    // NOLINTNEXTLINE(performance-unnecessary-value-param): pybind11's signature
    pybind11::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const pybind11::type_error& error) {
            PyErr_SetString(PyExc_TypeError, shortened(error.what()).c_str());
        } catch (const std::invalid_argument& error) {
            PyErr_SetString(PyExc_ValueError, shortened(error.what()).c_str());
        }
    });
    bind::bind_plan(m);
    bind::bind_runtime(m);
    bind::bind_scope(m);
    bind::bind_whole(m);
    bind::bind_affine(m);
    bind::bind_gather(m);
    bind::bind_updates(m);
    bind::bind_activations(m);
    bind::bind_elementwise(m);
    bind::bind_reductions(m);
    bind::bind_softmax(m);
    bind::bind_losses(m);
    bind::bind_conv(m);
    bind::bind_im2col(m);
    bind::bind_pool(m);
    bind::bind_moves(m);
    bind::bind_picks(m);
    bind::bind_norm(m);
    bind::bind_dropout(m);
    bind::bind_recurrent(m);
}

// pybind11 waits for ever for the GIL of the main interpreter when it starts in another one.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that Python looks for
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) return PyInit__core_unchecked();
    PyErr_SetString(PyExc_ImportError, "hotloop cannot be imported in a subinterpreter");
    return nullptr;
}
