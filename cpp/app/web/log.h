// Log: lines from any number of threads into one file, without any of them waiting for it: a ring
// of lines that each writes its own of, and a thread that writes what has come to the file. When
// the ring is full a line is lost, and counted.
//
// Thread safety: write() and lost() from any thread. Invariants: (1) a cell's turn is its position
// in the sequence of lines while it is free for that line, and one more once the line stands in it;
// (2) only who has moved `taken_` on from a position writes its cell, only the writer reads it.
// (D. Vyukov's bounded queue, with one consumer.)
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace zyphos::web {

class Log {
 public:
  static constexpr std::size_t kLine_bytes_max = 1000;
  static constexpr std::size_t kLines = 4096;

  // Appends to `file`; std::system_error. `lines`: of the ring, a power of two.
  explicit Log(const std::string& file, std::size_t lines = kLines);
  // What stands in the ring is written before.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // One line in parts, without its end; what is beyond kLine_bytes_max is cut off. False: the ring
  // is full and the line lost. Cost: a copy; a system call where the writer sleeps.
  bool write(std::span<const std::string_view> parts);
  // Lines that found no room, or that the file did not take.
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> turn;
    std::uint32_t size;
    std::array<char, kLine_bytes_max> text;
  };

  void run();
  std::size_t drain();
  void put(std::string_view text, std::uint64_t lines);
  void wake();

  std::unique_ptr<Cell[]> cells_;
  std::size_t mask_;
  int fd_;
  alignas(64) std::atomic<std::uint64_t> taken_ = 0;
  std::atomic<std::uint64_t> lost_ = 0;
  alignas(64) std::uint64_t written_ = 0;  // the writer's own
  std::atomic<bool> sleeps_ = false;
  std::atomic<bool> ends_ = false;
  std::thread writer_;
};

// "30/Nov/2026:22:34:11 +0000" of now, to the second; valid until this thread's next call.
std::string_view log_time();

}  // namespace zyphos::web
