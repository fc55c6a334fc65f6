// The generator's threads against a server of this file: real sockets, no engine.
#include "load/generator.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "net/socket.h"
#include "testing/count_allocations.h"

namespace zyphos {
namespace {

// Sends back whatever comes; one thread, and nothing is allocated after construction.
class EchoBack {
 public:
  EchoBack() : listener_(listen_on(Address::loopback(0), {})) {
    polled_.reserve(kConnections_max + 1);
    polled_.push_back({listener_.get(), POLLIN, 0});
    thread_ = std::thread([this] { run(); });
  }
  ~EchoBack() {
    end();
    for (std::size_t i = 1; i < polled_.size(); ++i) ::close(polled_[i].fd);
  }
  // It serves nobody any more; the connections stay.
  void end() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() const { return local_address(listener_.get()).port; }
  // Of everybody who has connected.
  std::multiset<std::string> peers() const {
    std::multiset<std::string> found;
    for (std::size_t i = 1; i < polled_.size(); ++i) {
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      EXPECT_EQ(::getpeername(polled_[i].fd, reinterpret_cast<sockaddr*>(&peer), &size), 0);
      found.insert(::inet_ntoa(peer.sin_addr));
    }
    return found;
  }
  // From now on it reads and does not answer.
  void fall_silent() { silent_ = true; }

 private:
  static constexpr std::size_t kConnections_max = 64;

  void run() {
    while (!ended_) {
      if (::poll(polled_.data(), polled_.size(), 10) <= 0) continue;
      const std::size_t count = polled_.size();
      for (std::size_t i = 1; i < count; ++i) echo(polled_[i]);
      if (polled_[0].revents == 0) continue;
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK);
      if (fd >= 0) polled_.push_back({fd, POLLIN, 0});
    }
  }

  void echo(pollfd& polled) {
    if (polled.revents == 0) return;
    const ssize_t size = ::recv(polled.fd, buffer_.data(), buffer_.size(), 0);
    if (size == 0) polled.events = 0;
    if (size <= 0 || silent_) return;
    static_cast<void>(
        ::send(polled.fd, buffer_.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL));
  }

  Fd listener_;
  std::vector<pollfd> polled_;
  std::array<char, 65536> buffer_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> silent_ = false;
  std::thread thread_;
};

LoadOptions echo_load(const EchoBack& server) {
  LoadOptions options;
  options.protocol = "echo";
  options.port = server.port();
  options.connections = 6;
  options.threads = 2;
  options.warmup_ns = 0;
  options.window_ns = 3600 * kSecond_ns;  // the tests end it
  return options;
}

std::uint64_t count(const Board& board, Counter counter) {
  return board.snapshot().values[static_cast<std::size_t>(counter)];
}
std::uint64_t errors(const Board& board, Errc code) {
  return board.snapshot().values[kCounterCount + static_cast<std::size_t>(code)];
}

void wait_for_requests(const Board& board, std::uint64_t n) {
  while (count(board, Counter::requests) < n) {
    std::this_thread::yield();
  }
}

TEST(Generator, ConnectionsComeFromSeveralAddresses) {
  EchoBack server;
  LoadOptions options = echo_load(server);
  options.threads = 1;
  options.addresses = 3;
  Board board;
  Generator generator(options, board);
  EXPECT_EQ(generator.connect(), 6U);
  generator.start();
  wait_for_requests(board, 100);
  generator.stop();
  generator.finish();
  server.end();
  const std::multiset<std::string> found = server.peers();
  EXPECT_EQ(found.size(), 6U);
  for (const char* address : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {
    EXPECT_EQ(found.count(address), 2U) << address;
  }
}

LoadOptions pooled_load(const EchoBack& server) {
  LoadOptions options = echo_load(server);
  options.threads = 1;
  options.arrival = {.law = Law::constant, .rate_per_second = 2000.0};
  options.pooled = true;
  return options;
}

TEST(Pooled, ConnectionsAreDialedOnDemandAndKept) {
  EchoBack server;
  Board board;
  Generator generator(pooled_load(server), board);
  EXPECT_EQ(generator.connect(), 6U);
  EXPECT_EQ(count(board, Counter::connected), 0U);
  generator.start();
  wait_for_requests(board, 200);
  generator.stop();
  const LoadResult result = generator.finish();
  EXPECT_EQ(result.recorder.counts().failed, 0U);
  const std::uint64_t dialed = count(board, Counter::connected);
  EXPECT_GE(dialed, 1U);
  EXPECT_LE(dialed, 6U);
  EXPECT_GE(count(board, Counter::pool_reused), 200U - dialed);
  EXPECT_EQ(count(board, Counter::pool_checks), 0U);
}

TEST(Pooled, EachIsCheckedBeforeItsUse) {
  EchoBack server;
  LoadOptions options = pooled_load(server);
  options.pool.check_after_ns = 0;
  Board board;
  Generator generator(options, board);
  generator.connect();
  generator.start();
  wait_for_requests(board, 200);
  generator.stop();
  EXPECT_EQ(generator.finish().recorder.counts().failed, 0U);
  EXPECT_GE(count(board, Counter::pool_checks), count(board, Counter::pool_reused));
}

TEST(Pooled, WhoFindsNobodyAndNoRoomFails) {
  EchoBack server;
  server.fall_silent();
  LoadOptions options = pooled_load(server);
  options.connections = 1;
  options.pool.waiting_max = 1;
  Board board;
  Generator generator(options, board);
  generator.connect();
  generator.start();
  while (errors(board, Errc::pool_full) < 20) std::this_thread::yield();
  generator.stop();
  const Counts counts = generator.finish().recorder.counts();
  EXPECT_GE(counts.failed, 20U);
  EXPECT_LE(counts.censored, 2U);
  EXPECT_EQ(counts.done, 0U);
}

TEST(Pooled, OneThatIsClosedAfterEachAnswerIsDialedAgain) {
  EchoBack server;
  LoadOptions options = pooled_load(server);
  options.arrival.rate_per_second = 200.0;
  options.requests_per_connection = 1;
  Board board;
  Generator generator(options, board);
  generator.connect();
  generator.start();
  wait_for_requests(board, 20);
  generator.stop();
  EXPECT_EQ(generator.finish().recorder.counts().failed, 0U);
  EXPECT_GE(count(board, Counter::connected), 20U);
  EXPECT_EQ(count(board, Counter::pool_reused), 0U);
}

class Steady : public ::testing::TestWithParam<ArrivalOptions> {};

TEST_P(Steady, AllocatesNothing) {
  EchoBack server;
  LoadOptions options = echo_load(server);
  options.arrival = GetParam();
  options.pipeline = 4;
  Board board;
  Generator generator(options, board);
  EXPECT_EQ(generator.connect(), 6U);
  generator.start();
  wait_for_requests(board, 1000);
  const std::size_t before = testing::allocations;
  wait_for_requests(board, 3000);
  EXPECT_EQ(testing::allocations, before);
  generator.stop();
  const LoadResult result = generator.finish();
  EXPECT_TRUE(result.interrupted);
  const Counts& counts = result.recorder.counts();
  EXPECT_GT(counts.done, 0U);
  EXPECT_EQ(counts.failed, 0U);
  EXPECT_EQ(counts.done + counts.censored, counts.scheduled);
}

INSTANTIATE_TEST_SUITE_P(
    Laws, Steady,
    ::testing::Values(ArrivalOptions{},
                      ArrivalOptions{.law = Law::closed, .think_ns = kMillisecond_ns},
                      ArrivalOptions{.law = Law::constant, .rate_per_second = 5000.0},
                      ArrivalOptions{.law = Law::poisson, .rate_per_second = 5000.0},
                      ArrivalOptions{.law = Law::on_off,
                                     .rate_per_second = 5000.0,
                                     .on_ns = 10 * kMillisecond_ns,
                                     .off_ns = 10 * kMillisecond_ns},
                      ArrivalOptions{
                          .law = Law::ramp, .from_per_second = 5000.0, .to_per_second = 10000.0},
                      ArrivalOptions{.law = Law::trace,
                                     .period_ns = kMillisecond_ns,
                                     .trace = std::make_shared<const Trace>(Trace{{0, 1, 2}})},
                      ArrivalOptions{.law = Law::partly_open,
                                     .rate_per_second = 1000.0,
                                     .think_ns = kMillisecond_ns,
                                     .requests_mean = 5.0}));

TEST(Generator, TheSilentAreCensored) {
  EchoBack server;
  server.fall_silent();
  LoadOptions options = echo_load(server);
  options.arrival = {.law = Law::constant, .rate_per_second = 1000.0};
  options.window_ns = 50 * kMillisecond_ns;
  options.deadline_ns = 20 * kMillisecond_ns;
  Board board;
  Generator generator(options, board);
  generator.connect();
  generator.start();
  const LoadResult result = generator.finish();
  const Counts& counts = result.recorder.counts();
  EXPECT_EQ(counts.scheduled, 50U);
  EXPECT_EQ(counts.censored, 50U);
  EXPECT_EQ(counts.sent, 6U) << "one on each connection";
  EXPECT_GE(result.recorder.censored_ns().min_ns(), 20 * kMillisecond_ns);
  EXPECT_FALSE(result.interrupted);
}

// Polls up to a send are no work, however full the thread's CPU is with them.
TEST(Generator, SpinningIsToldApart) {
  EchoBack server;
  LoadOptions options = echo_load(server);
  options.threads = 1;
  options.arrival = {.law = Law::constant, .rate_per_second = 100.0};
  options.window_ns = 100 * kMillisecond_ns;
  std::array<std::int64_t, 2> spun_ns{};
  std::int64_t cpu_ns = 0;  // of the last: a host may leave it less than the window
  // Where it leaves next to nothing all sends are late, and there is nothing to wait for: again.
  const auto ran = [&] { return cpu_ns > 5 * kMillisecond_ns; };
  for (int turn = 0; turn < 50 && (turn < 2 || !ran()); ++turn) {
    const bool spins = turn > 0;
    options.spin_ns = spins ? kSecond_ns : 0;
    Board board;
    Generator generator(options, board);
    generator.connect();
    generator.start();
    const LoadResult result = generator.finish();
    EXPECT_EQ(result.recorder.counts().done, 10U);
    spun_ns[spins ? 1 : 0] = result.client_threads_spin_ns;
    cpu_ns = result.client_cpu_ns;
    EXPECT_LE(result.client_threads_spin_ns, result.window_ns);
  }
  EXPECT_LT(spun_ns[0], spun_ns[1]) << "it sleeps to each send";
  EXPECT_GT(spun_ns[1], cpu_ns / 2) << "ten sends and answers are the rest";
}

// A session that waited for a connection is sent after later requests of others: that its own
// deadline has passed says nothing of theirs.
TEST(Generator, TheDrainLastsToEveryonesDeadline) {
  EchoBack server;
  LoadOptions options = echo_load(server);
  options.arrival = {.law = Law::partly_open,
                     .rate_per_second = 2000.0,
                     .think_ns = 5 * kMillisecond_ns,
                     .requests_mean = 10.0};
  options.window_ns = 600 * kMillisecond_ns;
  options.deadline_ns = 60 * kMillisecond_ns;
  Board board;
  Generator generator(options, board);
  generator.connect();
  generator.start();
  wait_for_requests(board, 20);
  server.fall_silent();
  const LoadResult result = generator.finish();
  const Counts& counts = result.recorder.counts();
  EXPECT_GT(counts.censored, 0U);
  EXPECT_GE(result.recorder.censored_ns().min_ns(), options.deadline_ns);
  EXPECT_GE(result.recorder.schedule_lag_censored_ns().min_ns(), options.deadline_ns);
  EXPECT_EQ(counts.done + counts.failed + counts.censored, counts.scheduled);
  EXPECT_GT(result.in_flight.little_ratio().value_or(0), 1.5) << "most never ended";
}

TEST(Generator, StoppedBeforeItBeganIsEmpty) {
  EchoBack server;
  Board board;
  Generator generator(echo_load(server), board);
  generator.connect();
  generator.stop();
  generator.start();
  const LoadResult result = generator.finish();
  EXPECT_EQ(result.window_ns, 0);
  EXPECT_EQ(result.recorder.counts().scheduled, 0U);
  EXPECT_FALSE(result.requests_per_second().has_value());
}

TEST(Generator, NeverStartedEndsAnyway) {
  EchoBack server;
  Board board;
  Generator connected(echo_load(server), board);
  connected.connect();
  const Generator untouched(echo_load(server), board);
}

TEST(Generator, NobodyListens) {
  LoadOptions options;
  {
    const Fd taken = listen_on(Address::loopback(0), {});
    options.port = local_address(taken.get()).port;
  }
  Board board;
  Generator generator(options, board);
  try {
    generator.connect();
    FAIL() << "connected to a port that nobody listens on";
  } catch (const CannotConnect& error) {
    EXPECT_EQ(error.error(), Errc::connect_refused);
  }
}

}  // namespace
}  // namespace zyphos
