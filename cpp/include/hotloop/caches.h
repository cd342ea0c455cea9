// The data caches of this machine, from which blocks are cut. No result depends on their sizes.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

struct CacheSizes {
    index_t l1;  // bytes of the first level
    index_t l2;  // of the second
    index_t l3;  // of the last, which cores share; that of the second where there is none
};

const CacheSizes& cache_sizes();

// Takes HOTLOOP_CACHE_SIZES=l1,l2,l3 (bytes), else what the processor or the system says. Throws
// std::runtime_error for anything else in that variable.
void select_cache_sizes();

}  // namespace hotloop
