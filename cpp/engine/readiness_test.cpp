// What the options of readiness change: how often the kernel is told what to watch, who accepts,
// which loop serves; and where select ends.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>

#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

// An engine of loops with a factory that notes on which thread each connection is served.
class Readiness : public EngineTest {
 protected:
  void start_noting() {
    start([this] {
      const std::scoped_lock lock(mutex_);
      threads_.push_back(std::this_thread::get_id());
      return std::make_unique<MessageEcho>(8);
    });
  }

  std::unique_ptr<Client> connected() {
    auto client = std::make_unique<Client>(address());
    round(*client);
    return client;
  }

  static void round(Client& client) {
    client.send(pattern(8));
    EXPECT_EQ(client.read(8), pattern(8));
  }

  // In the order of accepting: 0 is the thread of the first.
  std::vector<int> served_by() {
    const std::scoped_lock lock(mutex_);
    std::map<std::thread::id, int> numbers;
    std::vector<int> order;
    for (const std::thread::id id : threads_) {
      order.push_back(numbers.try_emplace(id, static_cast<int>(numbers.size())).first->second);
    }
    return order;
  }

  std::mutex mutex_;
  std::vector<std::thread::id> threads_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Readiness, every_engine(), engine_name);

TEST_P(Readiness, WakeupsAreCountedByTheirEvents) {
  start_echo(8);
  for (int i = 0; i < 3; ++i) connected();
  stop();
  std::uint64_t wakeups = 0;
  std::uint64_t events_least = 0;
  for (int i = 0; i < 8; ++i) {
    const auto counter = static_cast<Counter>(static_cast<int>(Counter::wakeups_of_1) + i);
    wakeups += count(counter);
    events_least += count(counter) << i;
  }
  EXPECT_GT(wakeups, 0U);
  EXPECT_EQ(wakeups, count(Counter::wakeups));
  EXPECT_LE(events_least, count(Counter::events));
}

TEST_P(Readiness, WhatTellsEpollWhatToWatch) {
  constexpr std::uint64_t kRounds = 50;
  start_echo(8);
  Client client(address());
  for (std::uint64_t i = 0; i < kRounds; ++i) round(client);
  client.close();
  stop();
  const bool shared = mode().readiness.accepting == Accepting::shared;
  // The mailbox of each loop, the listener (and no more, at the end), the connection.
  const std::uint64_t listeners = shared ? 2 : 1;
  const bool handed = mode().readiness.accepting == Accepting::acceptor;
  std::uint64_t calls = mode().threads + (handed ? 1 : 0) + 2 * listeners + 1;
  // Each worker has a loop and a listener, or what takes its place.
  if (mode().engine == "prefork") calls = 3 * mode().prefork.workers + 1;
  // And asking again after each event but the last.
  if (mode().readiness.trigger == Trigger::oneshot) calls += kRounds;
  const std::string_view engine = mode().engine;
  const bool by_epoll = engine == "epoll" || engine == "coroutine" || engine == "prefork";
  EXPECT_EQ(count(Counter::epoll_ctl_calls), by_epoll ? calls : 0);
  EXPECT_EQ(count(Counter::reads_spurious), 0U);
}

// A connection that wants no input while there is some, and one whose peer is gone besides: by
// level both would be told for ever.
TEST_P(Readiness, WhatIsNotWantedWakesNobody) {
  options_.application_wakes = true;
  options_.prefork.workers = 1;  // it is the factory of each that counts
  std::atomic<int> made = 0;
  start([&]() -> std::unique_ptr<Connection> {
    if (made++ >= 2) return std::make_unique<MessageEcho>(8);
    return std::make_unique<Scripted>([](Bytes in, Peer peer, Outbox&, Time, Context& context) {
      const bool over = peer == Peer::lost || context.draining();
      return Step{.next = over ? Next::abort : Next::run,
                  .need = in.empty() ? Need::input : Need::wake};
    });
  });
  Client unread(address());
  Client gone(address());
  const std::string much = pattern(200'000);
  for (Client* client : {&unread, &gone}) {
    ::send(client->fd(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  gone.finish();
  eventually([&] { return count(Counter::bytes_in) >= 2 * 64 * 1024; }, "two full inboxes");
  const auto echo = connected();
  const std::uint64_t before = count(Counter::wakeups);
  for (int i = 0; i < 100; ++i) round(*echo);
  EXPECT_LT(count(Counter::wakeups) - before, 350U);
}

// --- who accepts ---

class Accepts : public Readiness {};
INSTANTIATE_TEST_SUITE_P(Engines, Accepts, ::testing::Values("select", "poll", "epoll"),
                         engine_name);

TEST_P(Accepts, AnAcceptorHandsOutInTurn) {
  options_.threads = 3;
  options_.readiness = {.accepting = Accepting::acceptor};
  start_noting();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(connected());
  EXPECT_EQ(served_by(), (std::vector<int>{0, 1, 2, 0, 1, 2}));
}

TEST_P(Accepts, AnAcceptorHandsOutToWhoHasLeast) {
  options_.threads = 2;
  options_.readiness = {.accepting = Accepting::acceptor, .hand_out = HandOut::least_connections};
  start_noting();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connected());
  EXPECT_EQ(served_by(), (std::vector<int>{0, 1, 0, 1}));
  clients[1]->close();
  clients[3]->close();
  eventually([&] { return count(Counter::closed) == 2; }, "the ends of the second's");
  for (int i = 0; i < 2; ++i) clients.push_back(connected());
  EXPECT_EQ(served_by(), (std::vector<int>{0, 1, 0, 1, 1, 1}));
}

TEST_P(Accepts, AnAcceptorAtItsLimitGoesOnWhenAConnectionEnds) {
  options_.threads = 2;
  options_.connections_max = 2;
  options_.readiness = {.accepting = Accepting::acceptor};
  start_noting();
  const auto first = connected();
  const auto second = connected();
  Client third(address());
  third.send(pattern(8));
  round(*first);
  EXPECT_EQ(count(Counter::accepted), 2U);
  second->close();
  EXPECT_EQ(third.read(8), pattern(8));
}

TEST_P(Accepts, AllAcceptFromASharedListener) {
  options_.threads = 2;
  options_.readiness = {.accepting = Accepting::shared};
  start_noting();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(connected());
  clients.clear();
  stop();
  EXPECT_EQ(count(Counter::accepted), 40U);
  EXPECT_EQ(count(Counter::requests), 40U);
}

class Herd : public Readiness {
 protected:
  // Of so many connections, one after the other; or (0) of as many as it takes to see one. Who is
  // woken and finds nobody mostly sleeps on in the kernel, and always where the machine is busy.
  std::uint64_t spurious(const ReadinessOptions& readiness, int connections) {
    const std::uint64_t before = count(Counter::accepts_spurious);
    const auto seen = [&] { return count(Counter::accepts_spurious) - before; };
    options_.threads = 8;
    options_.readiness = readiness;
    start_noting();
    made_ = 0;
    while (connections > 0 ? made_ < connections : seen() == 0 && made_ < 50'000) {
      connected();
      ++made_;
    }
    stop();
    return seen();
  }

  int made_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Engines, Herd, ::testing::Values("epoll"), engine_name);

TEST_P(Herd, ComesToASharedListenerAndNotWhereEachHasItsOwnOrOneAccepts) {
  EXPECT_GE(spurious({.accepting = Accepting::shared}, 0), 1U) << "of " << made_ << " connections";
  EXPECT_EQ(spurious({}, 200), 0U);
  EXPECT_EQ(spurious({.accepting = Accepting::acceptor}, 200), 0U);
}

// --- where select ends ---

class SelectLimit : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    if (before_.rlim_max < kTop) GTEST_SKIP() << "the hard limit of descriptors is lower";
    const rlimit more{.rlim_cur = std::max<rlim_t>(before_.rlim_cur, kTop),
                      .rlim_max = before_.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &more), 0);
  }
  void TearDown() override {
    taken_.clear();
    EngineTest::TearDown();
    setrlimit(RLIMIT_NOFILE, &before_);
  }

  // From now on new descriptors are too high.
  void take_all_low_ones() {
    for (Fd fd = one(); fd.get() < FD_SETSIZE; fd = one()) taken_.push_back(std::move(fd));
  }

  static Fd one() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  static constexpr rlim_t kTop = FD_SETSIZE + 200;
  rlimit before_{};
  std::vector<Fd> taken_;
};
INSTANTIATE_TEST_SUITE_P(Engines, SelectLimit, ::testing::Values("select"), engine_name);

TEST_P(SelectLimit, WhoIsBeyondItWaitsForALowerDescriptor) {
  start_echo(8);
  take_all_low_ones();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(address()));
    clients.back()->send(pattern(8));
  }
  eventually([&] { return errors(Errc::select_limit) > 0; }, "the limit");
  EXPECT_EQ(count(Counter::accepted), 0U);
  EXPECT_GE(count(Counter::accept_paused), 1U);
  for (auto& client : clients) {
    taken_.pop_back();
    EXPECT_EQ(client->read(8), pattern(8));
  }
  EXPECT_EQ(count(Counter::accepted), 3U);
}

TEST_P(SelectLimit, AnEndGivesItsDescriptorToWhoWaits) {
  start_echo(8);
  take_all_low_ones();
  Client first(address());
  taken_.pop_back();
  first.send(pattern(8));
  EXPECT_EQ(first.read(8), pattern(8));
  const std::uint64_t before = errors(Errc::select_limit);
  Client second(address());
  second.send(pattern(8));
  eventually([&] { return errors(Errc::select_limit) > before; }, "the limit");
  first.close();
  EXPECT_EQ(second.read(8), pattern(8));
}

TEST_P(SelectLimit, OrIsToldAtOnce) {
  options_.when_full = WhenFull::refuse;
  start_echo(8);
  take_all_low_ones();
  for (int i = 0; i < 3; ++i) {
    Client client(address());
    EXPECT_EQ(client.read_all(), "");
  }
  EXPECT_EQ(errors(Errc::select_limit), 3U);
  EXPECT_EQ(count(Counter::accept_paused), 0U);
}

TEST_P(SelectLimit, ItsOwnDescriptorsTooAreChecked) {
  take_all_low_ones();
  EXPECT_THROW(start_echo(8), std::system_error);
  engine_.reset();
}

TEST_P(SelectLimit, WhoWaitsWhileItDrainsIsCounted) {
  start_echo(8);
  take_all_low_ones();
  Client client(address());
  client.send(pattern(8));
  eventually([&] { return errors(Errc::select_limit) > 0; }, "the limit");
  stop();
  EXPECT_EQ(count(Counter::accepted), 1U);
}

// --- what an engine has no use for ---

TEST(ReadinessOptions, AreRefusedWithAReasonWhereTheyMeanNothing) {
  Board board;
  const auto refused = [&](std::string_view engine, const ReadinessOptions& readiness) {
    EngineOptions options;
    options.readiness = readiness;
    const std::string reason = readiness_missing(engine, readiness);
    if (reason.empty()) {
      EXPECT_NE(make_engine(engine, options, [] { return nullptr; }, board), nullptr);
    } else {
      EXPECT_THROW(
          make_engine(engine, options, [] { return nullptr; }, board), std::invalid_argument);
    }
    return reason;
  };
  EXPECT_EQ(refused("epoll", {.trigger = Trigger::oneshot, .exclusive = true}), "");
  EXPECT_EQ(refused("poll", {.accepting = Accepting::acceptor}), "");
  EXPECT_EQ(refused("select", {.trigger = Trigger::level}), "");
  EXPECT_NE(refused("select", {.trigger = Trigger::edge}), "");
  EXPECT_NE(refused("poll", {.exclusive = true}), "");
  EXPECT_NE(refused("thread", {.accepting = Accepting::shared}), "");
}

}  // namespace
}  // namespace zyphos
