#include "app/web/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <system_error>

#include "base/check.h"

namespace zyphos::web {
namespace {

constexpr std::size_t kBatch_bytes = 64 * 1024;
// Between two writes, so that not every line is a wake and a write of its own.
constexpr timespec kGather{.tv_sec = 0, .tv_nsec = 5'000'000};

}  // namespace

Log::Log(const std::string& file, std::size_t lines)
    : cells_(std::make_unique_for_overwrite<Cell[]>(lines)),
      mask_(lines - 1),
      fd_(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644)) {
  ZY_CHECK(std::has_single_bit(lines));
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "log " + file);
  for (std::size_t i = 0; i < lines; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
  // Signals are for the threads that wait for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  writer_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(writer_.native_handle(), "zy-log");
}

Log::~Log() {
  ends_.store(true);
  wake();
  writer_.join();
  ::close(fd_);
}

bool Log::write(std::span<const std::string_view> parts) {
  std::uint64_t at = taken_.load(std::memory_order_relaxed);
  Cell* cell = nullptr;
  for (;;) {
    cell = &cells_[at & mask_];
    const std::uint64_t turn = cell->turn.load(std::memory_order_acquire);
    if (turn == at) {
      if (taken_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) break;
    } else if (turn < at) {
      lost_.fetch_add(1, std::memory_order_relaxed);
      return false;
    } else {
      at = taken_.load(std::memory_order_relaxed);
    }
  }
  std::size_t size = 0;
  for (const std::string_view part : parts) {
    const std::size_t n = std::min(part.size(), kLine_bytes_max - 1 - size);
    std::memcpy(cell->text.data() + size, part.data(), n);
    size += n;
  }
  cell->text[size++] = '\n';
  cell->size = static_cast<std::uint32_t>(size);
  cell->turn.store(at + 1, std::memory_order_seq_cst);
  wake();
  return true;
}

// The line comes before the look at the sleeper, as the sleeper says so before its last look at the
// lines: in one order for both, so that one of them sees the other.
void Log::wake() {
  if (!sleeps_.load(std::memory_order_seq_cst)) return;
  if (sleeps_.exchange(false)) sleeps_.notify_one();
}

void Log::run() {
  while (!ends_.load()) {
    const std::size_t size = drain();
    if (size >= kBatch_bytes) continue;  // more stands there
    if (size > 0) {
      ::nanosleep(&kGather, nullptr);
      continue;
    }
    sleeps_.store(true);
    if (drain() == 0 && !ends_.load()) sleeps_.wait(true);
    sleeps_.store(false);
  }
  while (drain() > 0) {
  }
}

// Writes what has come, a batch of it; its size.
std::size_t Log::drain() {
  std::string batch;
  std::uint64_t lines = 0;
  while (batch.size() < kBatch_bytes) {
    Cell& cell = cells_[written_ & mask_];
    if (cell.turn.load(std::memory_order_seq_cst) != written_ + 1) break;
    batch.append(cell.text.data(), cell.size);
    cell.turn.store(written_ + mask_ + 1, std::memory_order_release);
    ++written_;
    ++lines;
  }
  put(batch, lines);
  return batch.size();
}

// A disk that is full loses lines, not requests.
void Log::put(std::string_view text, std::uint64_t lines) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd_, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      lost_.fetch_add(std::min<std::uint64_t>(
                          lines, static_cast<std::uint64_t>(std::ranges::count(text, '\n'))),
                      std::memory_order_relaxed);
      return;
    }
  }
}

std::string_view log_time() {
  constexpr std::size_t kTime_bytes = 26;
  thread_local std::array<char, kTime_bytes + 1> text{};
  thread_local std::time_t made_s = -1;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != made_s) {
    made_s = now.tv_sec;
    std::tm parts{};
    ::gmtime_r(&made_s, &parts);
    std::strftime(text.data(), text.size(), "%d/%b/%Y:%H:%M:%S +0000", &parts);
  }
  return {text.data(), kTime_bytes};
}

}  // namespace zyphos::web
