// Memory that the kernel maps into this process.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace zyphos::datagram {

// Memory of mmap, unmapped once.
class Mapping {
 public:
  Mapping() = default;
  Mapping(void* memory, std::size_t bytes)
      : memory_(static_cast<std::byte*>(memory)), bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping() {
    if (memory_ != nullptr) ::munmap(memory_, bytes_);
  }

  std::byte* at(std::size_t offset) const { return memory_ + offset; }
  std::size_t size() const { return bytes_; }

 private:
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace zyphos::datagram
