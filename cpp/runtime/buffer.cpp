#include "hotloop/buffer.h"

#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace hotloop {
namespace {

struct Block {
    void* data = nullptr;
    std::size_t size = 0;
    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { std::free(data); }
};

thread_local Block blocks[static_cast<int>(Scratch::count)];

}  // namespace

void* allocate(std::size_t& bytes) {
    constexpr std::size_t kLine = 64;
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    const std::size_t align = bytes < kHugePage ? kLine : kHugePage;
    bytes = (bytes + align - 1) & ~(align - 1);
    void* const data = std::aligned_alloc(align, bytes);
    if (!data) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    if (align == kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
#endif
    return data;
}

void* scratch_bytes(Scratch purpose, std::size_t bytes) {
    Block& block = blocks[static_cast<int>(purpose)];
    if (block.size < bytes) {
        std::free(block.data);
        block.data = nullptr;
        block.size = 0;
        std::size_t size = bytes + bytes / 4;
        block.data = allocate(size);
        block.size = size;
    }
    return block.data;
}

}  // namespace hotloop
