// A Board in memory that another process made (a memfd) and reads while it changes; in private
// memory where none is given.
#pragma once

#include <memory>

#include "metrics/board.h"

namespace zyphos {

// The board outlives the mapping's user: keep this as long as the board is used.
class MappedBoard {
 public:
  // `fd` below 0: private memory. std::system_error when it cannot be mapped, std::runtime_error
  // when it is too small (Board::bytes()). The descriptor is no longer needed afterwards.
  explicit MappedBoard(int fd);
  ~MappedBoard();
  MappedBoard(const MappedBoard&) = delete;
  MappedBoard& operator=(const MappedBoard&) = delete;

  Board& board() { return *board_; }

 private:
  void* memory_ = nullptr;
  std::unique_ptr<Board> board_;
};

}  // namespace zyphos
