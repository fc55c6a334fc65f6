// Engine prefork under load while workers are killed, recycled and reloaded: which requests are
// lost. Thousands of requests, over kept connections and over new ones.
#include <atomic>
#include <fstream>
#include <thread>

#include "app/handlers.h"
#include "engine/prefork_fixture.h"
#include "protocol/http1/server.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

// Threads that ask and ask: some on a connection for as long as it is kept, the others on a new one
// for each request.
class Asking {
 public:
  Asking(const Address& address, int kept, int fresh) {
    for (int i = 0; i < kept + fresh; ++i) {
      counts_.push_back(std::make_unique<Counts>());
      threads_.emplace_back([this, address, keeps = i < kept, &counts = *counts_.back()] {
        HttpClient client(address);
        while (!over_.load()) {
          ++(client.ask() ? counts.answered : counts.lost);
          if (!keeps) client.close();
          counts.told_to_close = client.told_to_close();
        }
      });
    }
  }
  ~Asking() { end(); }

  void end() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  std::uint64_t answered() const { return sum(&Counts::answered); }
  std::uint64_t lost() const { return sum(&Counts::lost); }
  std::uint64_t told_to_close() const { return sum(&Counts::told_to_close); }
  // Of the thread that has fewest.
  std::uint64_t least_asked() const {
    std::uint64_t least = ~std::uint64_t{0};
    for (const auto& one : counts_) least = std::min(least, one->answered + one->lost);
    return least;
  }

 private:
  struct Counts {
    std::atomic<std::uint64_t> answered = 0;
    std::atomic<std::uint64_t> lost = 0;
    std::atomic<std::uint64_t> told_to_close = 0;
  };

  std::uint64_t sum(std::atomic<std::uint64_t> Counts::* which) const {
    std::uint64_t all = 0;
    for (const auto& one : counts_) all += ((*one).*which).load();
    return all;
  }

  std::atomic<bool> over_ = false;
  std::vector<std::unique_ptr<Counts>> counts_;
  std::vector<std::thread> threads_;
};

class Reload : public PreforkTest {
 protected:
  static constexpr std::uint64_t kSome = 100;

  void TearDown() override {
    PreforkTest::TearDown();
    handler_.reset();
  }

  void start_http() {
    handler_ = app::make_handler("hello", {});
    start([this] { return std::make_unique<http1::Http1Server>(*handler_, http_); });
  }

  // Until each has asked so often again.
  void await_more(const Asking& asking, std::uint64_t requests = kSome) {
    const std::uint64_t enough = asking.least_asked() + requests;
    eventually([&] { return asking.least_asked() >= enough; }, "more requests");
  }

  void await_all_new(const std::set<pid_t>& old) {
    eventually(
        [&] {
          const auto now = serving();
          return now.size() == options_.prefork.workers &&
                 std::ranges::none_of(now, [&](const auto& one) { return old.contains(one.pid); });
        },
        "new workers");
  }

  std::unique_ptr<Handler> handler_;
  http1::ServerOptions http_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Reload, every_accept(), engine_name);

TEST_P(Reload, AKillUnderLoadLosesThatWorkersRequestsAlone) {
  start_http();
  Asking asking(address(), 6, 0);
  await_more(asking);
  const auto now = serving();
  const WorkerStatus victim = *std::ranges::max_element(now, {}, &WorkerStatus::connections);
  ASSERT_GT(victim.connections, 0U);
  ASSERT_EQ(::kill(victim.pid, SIGKILL), 0);
  eventually([&] { return count(Counter::workers_started) == 3; }, "the next worker");
  await_more(asking);
  asking.end();
  stop();
  EXPECT_EQ(asking.lost(), victim.connections);
  EXPECT_EQ(errors(Errc::worker_lost), victim.connections);
}

TEST_P(Reload, ReloadsUnderLoadLoseNothing) {
  start_http();
  Asking asking(address(), 4, 2);
  for (int i = 0; i < 5; ++i) {
    await_more(asking);
    const std::set<pid_t> old = pids();
    EXPECT_TRUE(engine_->reload());
    await_all_new(old);
  }
  await_more(asking);
  asking.end();
  stop();
  EXPECT_EQ(asking.lost(), 0U) << "of " << asking.answered() + asking.lost();
  EXPECT_GT(asking.told_to_close(), 0U);
  EXPECT_GE(count(Counter::workers_replaced), 10U);
  EXPECT_EQ(count(Counter::workers_lost), 0U);
  EXPECT_EQ(errors(Errc::drain_timeout), 0U);
}

TEST_P(Reload, RecyclingUnderLoadLosesNothing) {
  options_.prefork.recycle_requests = 200;
  start_http();
  Asking asking(address(), 4, 2);
  eventually([&] { return asking.answered() >= 5000 && count(Counter::workers_replaced) >= 8; },
             "several generations");
  asking.end();
  stop();
  EXPECT_EQ(asking.lost(), 0U) << "of " << asking.answered() + asking.lost();
  EXPECT_EQ(count(Counter::workers_lost), 0U);
}

// It may go on waiting, and its next answer says that it is the last; the new worker serves others
// meanwhile.
TEST_P(Reload, WhoIsKeptByAnOldWorkerIsToldWithItsNextAnswer) {
  options_.prefork.workers = 1;
  options_.drain_timeout_ns = 3600 * kSecond_ns;
  start_http();
  HttpClient kept(address());
  ASSERT_TRUE(kept.ask());
  const std::set<pid_t> old = pids();
  engine_->reload();
  await_all_new(old);
  // The old one has its order, and may still take a connection, or answer, before it has read it.
  eventually(
      [&] {
        HttpClient other(address());
        EXPECT_TRUE(other.ask());
        return other.told_to_close() == 0;
      },
      "the new one's answer");
  EXPECT_EQ(workers().size(), 2U);
  eventually(
      [&] {
        EXPECT_TRUE(kept.ask());
        return kept.told_to_close() == 1;
      },
      "its last answer");
  eventually([&] { return workers().size() == 1; }, "the old one's end");
  EXPECT_TRUE(kept.ask());
  EXPECT_EQ(kept.told_to_close(), 1);
}

TEST_P(Reload, WhoStaysSilentForTheDrainTimeoutIsClosed) {
  options_.prefork.workers = 1;
  options_.drain_timeout_ns = 30 * kMillisecond_ns;
  start_http();
  Client silent(address());
  silent.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(silent.read(12), "HTTP/1.1 200");
  const std::set<pid_t> old = pids();
  engine_->reload();
  await_all_new(old);
  silent.read_all();
  EXPECT_EQ(silent.error(), 0);
  silent.close();
  eventually([&] { return workers().size() == 1; }, "the old one's end");
  EXPECT_EQ(errors(Errc::drain_timeout), 0U);
}

bool migrates() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_migrate_req");
  int on = 0;
  return file >> on && on != 0;
}

// Why listeners stay open in the supervisor: what a reload by closing them would lose.
TEST(ReusePort, AListenerThatIsClosedResetsWhoWaitsAtIt) {
  if (migrates()) GTEST_SKIP() << "net.ipv4.tcp_migrate_req is on: the kernel hands them over";
  constexpr std::size_t kClients = 40;
  const Fd stays = listen_on(Address::loopback(0), {.reuse_port = true});
  Fd goes = listen_on(local_address(stays.get()), {.reuse_port = true});
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.emplace_back(local_address(stays.get()));
  goes.reset();
  std::size_t served = 0;
  while (Fd(::accept4(stays.get(), nullptr, nullptr, SOCK_CLOEXEC))) ++served;
  std::size_t reset = 0;
  for (Client& client : clients) {
    client.read_all();
    if (client.error() == ECONNRESET) ++reset;
  }
  EXPECT_GT(reset, 0U);
  EXPECT_EQ(served + reset, kClients);
}

TEST_P(Reload, OthersHaveNothingToReplace) {
  const auto other = make_engine("epoll", {}, [] { return nullptr; }, board_);
  EXPECT_FALSE(other->reload());
  EXPECT_LT(other->ended_fd(), 0);
  EXPECT_TRUE(workers_of(*other).empty());
}

}  // namespace
}  // namespace zyphos
