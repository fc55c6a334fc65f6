// An engine in a process of its own, which may run out of what it needs, and is told what to do by
// single bytes. Included by tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>

#include "base/counters.h"
#include "metrics/board.h"
#include "net/fd.h"

namespace zyphos::testing {

class Child {
 public:
  explicit Child(const std::function<void(int from_parent, int to_parent)>& run) {
    int down[2];
    int up[2];
    EXPECT_EQ(::pipe(down), 0);
    EXPECT_EQ(::pipe(up), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(down[1]);
      ::close(up[0]);
      run(down[0], up[1]);
      ::_exit(0);
    }
    ::close(down[0]);
    ::close(up[1]);
    to_ = Fd(down[1]);
    from_ = Fd(up[0]);
  }
  ~Child() {
    to_.reset();
    int status = -1;
    ::waitpid(pid_, &status, 0);
    EXPECT_EQ(status, 0);
  }

  std::uint64_t ask(char what) {
    std::uint64_t answer = 0;
    EXPECT_EQ(::write(to_.get(), &what, 1), 1);
    EXPECT_EQ(::read(from_.get(), &answer, sizeof answer), static_cast<ssize_t>(sizeof answer));
    return answer;
  }

 private:
  pid_t pid_ = -1;
  Fd to_;
  Fd from_;
};

inline std::uint64_t total(const Board& board, Counter counter) {
  return board.snapshot().values[static_cast<std::size_t>(counter)];
}

inline std::uint64_t total(const Board& board, Errc code) {
  return board.snapshot().values[kCounterCount + static_cast<std::size_t>(code)];
}

}  // namespace zyphos::testing
