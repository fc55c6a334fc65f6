// What the engines' tests share: an engine that runs, a plain blocking client, and small
// Connections. Included by tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <dirent.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "engine/engine.h"
#include "engine/engine_modes.h"
#include "net/clock.h"
#include "net/fd.h"
#include "net/socket.h"

namespace zyphos::testing {

inline std::size_t open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

// Bytes that tell their position.
inline char pattern_at(std::size_t i) { return static_cast<char>((i * 31 + i / 253) & 0xff); }

inline std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = pattern_at(i);
  return out;
}

class Client {
 public:
  explicit Client(const Address& address, const SocketOptions& options = {})
      : fd_(connect_to(address, options, 5 * kSecond_ns)) {
    // Nothing in a test may hang: what should come within moments gets 20 s.
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }

  int fd() const { return fd_.get(); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      ASSERT_GT(n, 0) << errno;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // Exactly n bytes, fewer when the stream ends before.
  std::string read(std::size_t n) {
    std::string out(n, '\0');
    std::size_t have = 0;
    while (have < n) {
      const ssize_t got = ::recv(fd(), out.data() + have, n - have, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    out.resize(have);
    return out;
  }

  // What comes until FIN; error() tells another end.
  std::string read_all() {
    std::string out;
    for (;;) {
      char buffer[16 * 1024];
      const ssize_t got = ::recv(fd(), buffer, sizeof buffer, 0);
      if (got < 0 && errno == EINTR) continue;
      error_ = got < 0 ? errno : 0;
      if (got <= 0) return out;
      out.append(buffer, static_cast<std::size_t>(got));
    }
  }

  int error() const { return error_; }
  void finish() { ::shutdown(fd(), SHUT_WR); }
  void reset() {
    reset_on_close(fd());
    fd_.reset();
  }
  void close() { fd_.reset(); }

 private:
  Fd fd_;
  int error_ = 0;
};

// Answers each whole message of `size` bytes with itself; ends with the peer, or when idle while
// draining.
class MessageEcho final : public Connection {
 public:
  explicit MessageEcho(std::size_t size, std::int64_t idle_ns = 0)
      : size_(size), idle_ns_(idle_ns) {}

  void start(Context& context) override { context_ = &context; }

  Step advance(Bytes in, Peer peer, Outbox& out, Time now) override {
    if (peer == Peer::lost) return {.next = Next::abort};
    Step step{.consumed = answer(in, out)};
    if (in.size() - step.consumed >= size_) {
      step.need = Need::room;
      return step;
    }
    if (step.consumed > 0 || last_ == Time::never()) last_ = now;
    const bool partial = step.consumed < in.size();
    if (peer == Peer::finished) {
      step.next = Next::close;
      if (partial) step.error = Errc::truncated;
    } else if (!partial && context_->draining()) {
      step.next = Next::close;
    } else if (idle_ns_ > 0) {
      wait_idle(step, now);
    }
    return step;
  }

 private:
  // Whole messages, as far as there is room.
  std::size_t answer(Bytes in, Outbox& out) {
    std::size_t done = 0;
    for (; in.size() - done >= size_ && out.room() >= size_; done += size_) {
      out.write(in.subspan(done, size_));
      context_->counters().add(Counter::requests);
    }
    return done;
  }

  void wait_idle(Step& step, Time now) const {
    step.deadline = last_ + idle_ns_;
    if (now < step.deadline) return;
    step.next = Next::close;
    step.error = Errc::idle_timeout;
  }

  std::size_t size_;
  std::int64_t idle_ns_;
  Time last_ = Time::never();
  Context* context_ = nullptr;
};

// Any Connection from a function; for what a test needs once.
class Scripted final : public Connection {
 public:
  using Advance = std::function<Step(Bytes, Peer, Outbox&, Time, Context&)>;
  explicit Scripted(Advance advance) : advance_(std::move(advance)) {}

  void start(Context& context) override { context_ = &context; }
  Step advance(Bytes in, Peer peer, Outbox& out, Time now) override {
    return advance_(in, peer, out, now, *context_);
  }

 private:
  Advance advance_;
  Context* context_ = nullptr;
};

class EngineTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    mode().apply(options_);
    try {
      make_engine(mode().engine, options_, [] { return nullptr; }, board_);
    } catch (const std::runtime_error& missing) {
      GTEST_SKIP() << missing.what();
    }
    descriptors_ = open_descriptors();
  }

  void TearDown() override {
    if (engine_ != nullptr) stop();
    if (!IsSkipped()) {
      EXPECT_EQ(open_descriptors(), descriptors_);
    }
  }

  // Whether connections are served in other processes, whose memory is not this one's.
  bool serves_elsewhere() const { return mode().engine == "prefork"; }

  const EngineMode& mode() const { return engine_mode(GetParam()); }

  void start(ConnectionFactory factory) {
    engine_ = make_engine(mode().engine, options_, std::move(factory), board_);
    engine_->start();
  }

  void start_echo(std::size_t size, std::int64_t idle_ns = 0) {
    start([=] { return std::make_unique<MessageEcho>(size, idle_ns); });
  }

  // Drains and checks that the board's totals agree with each other.
  void stop() {
    engine_->drain();
    engine_->join();
    engine_.reset();
    EXPECT_EQ(count(Counter::closed), count(Counter::accepted) + count(Counter::connected));
  }

  std::uint64_t count(Counter counter) const {
    return board_.snapshot().values[static_cast<std::size_t>(counter)];
  }
  std::uint64_t errors(Errc code) const {
    return board_.snapshot().values[kCounterCount + static_cast<std::size_t>(code)];
  }

  // Waits for what other threads bring about; fails after 20 s.
  template <class Condition>
  void eventually(Condition condition, const char* what) {
    const Time end = clock_now() + 20 * kSecond_ns;
    while (!condition()) {
      if (clock_now() > end) FAIL() << "never: " << what;
      ::sched_yield();
    }
  }

  Address address() const { return engine_->address(); }

  // How many connections it serves at once, by its nature: those beyond wait for one to end.
  std::size_t connections_at_once() const {
    if (GetParam() == "sequential") return 1;
    return GetParam() == "pool" ? options_.threads : 100'000;
  }
  // For cases that hold several open at a time; says so in the skip.
  bool serves_at_once(std::size_t connections) const {
    return connections <= connections_at_once();
  }
  EngineOptions options_;
  Board board_;
  std::unique_ptr<Engine> engine_;
  std::size_t descriptors_ = 0;  // open before the test
};

// A case that an engine can't do by its nature is skipped by name, never left out.
#define ZY_NEEDS_AT_ONCE(connections)                                                     \
  if (!serves_at_once(connections)) {                                                     \
    GTEST_SKIP() << GetParam() << " serves " << connections_at_once() << " at once, not " \
                 << (connections);                                                        \
  }                                                                                       \
  static_assert(true)

// The same for what is seen of this process alone.
#define ZY_NEEDS_THIS_PROCESS(what)                                                                \
  if (serves_elsewhere()) {                                                                        \
    GTEST_SKIP() << GetParam() << " serves in processes of its own: " << (what) << " in this one"; \
  }                                                                                                \
  static_assert(true)

inline auto every_engine() { return ::testing::ValuesIn(engine_mode_names()); }
inline std::string engine_name(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}

}  // namespace zyphos::testing
