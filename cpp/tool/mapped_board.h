// A board in memory that another process made (a memfd) and reads while it changes; in private
// memory where none is given.
#pragma once

#include <cstddef>
#include <memory>

#include "metrics/board.h"

namespace zyphos {

// Shared memory of a descriptor, which is no longer needed afterwards; none for a descriptor below
// 0. std::system_error when it cannot be mapped, std::runtime_error when it is too small.
class SharedMemory {
 public:
  SharedMemory(int fd, std::size_t bytes);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void* get() const { return memory_; }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_;
};

// The board outlives the mapping's user: keep this as long as the board is used. `B` is a Board or
// another with bytes().
template <class B>
class Mapped {
 public:
  // Throws as SharedMemory.
  explicit Mapped(int fd)
      : memory_(fd, B::bytes()),
        board_(memory_.get() == nullptr ? std::make_unique<B>()
                                        : std::make_unique<B>(memory_.get())) {}

  B& board() { return *board_; }

 private:
  SharedMemory memory_;
  std::unique_ptr<B> board_;
};

using MappedBoard = Mapped<Board>;

}  // namespace zyphos
