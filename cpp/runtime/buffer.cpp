#include "hotloop/buffer.h"

#include <cstdlib>
#include <new>

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

void* scratch_bytes(Scratch purpose, std::size_t bytes) {
    Block& block = blocks[static_cast<int>(purpose)];
    if (block.size < bytes) {
        constexpr std::size_t kAlign = 64;
        const std::size_t size = (bytes + bytes / 4 + kAlign - 1) / kAlign * kAlign;
        std::free(block.data);
        block.data = nullptr;
        block.size = 0;
        block.data = std::aligned_alloc(kAlign, size);
        if (!block.data) throw std::bad_alloc();
        block.size = size;
    }
    return block.data;
}

}  // namespace hotloop
