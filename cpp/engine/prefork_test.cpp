// The processes of engine prefork: who serves, who is restarted, who is left over, what a death
// costs.
#include <poll.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "app/handlers.h"
#include "engine/prefork_fixture.h"
#include "net/cpu.h"
#include "net/passing.h"
#include "protocol/http1/server.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

constexpr std::size_t kPlacesCounted = 8;

class Prefork : public PreforkTest {
 protected:
  static constexpr std::int64_t kForever_ns = 3600 * kSecond_ns;

  void TearDown() override {
    PreforkTest::TearDown();
    handler_.reset();
  }

  void start_http() {
    handler_ = app::make_handler("hello", {});
    start([this] { return std::make_unique<http1::Http1Server>(*handler_, http_); });
  }

  std::uint64_t count_of(Counter first, unsigned place) const {
    return count(static_cast<Counter>(static_cast<unsigned>(first) + place));
  }
  std::uint64_t sum_of(Counter first) const {
    std::uint64_t sum = 0;
    for (unsigned place = 0; place < kPlacesCounted; ++place) sum += count_of(first, place);
    return sum;
  }

  // Answered once each, and kept.
  std::vector<std::unique_ptr<HttpClient>> asked(std::size_t clients) {
    std::vector<std::unique_ptr<HttpClient>> made;
    for (std::size_t i = 0; i < clients; ++i) {
      made.push_back(std::make_unique<HttpClient>(address()));
      EXPECT_TRUE(made.back()->ask());
    }
    return made;
  }

  WorkerStatus busiest() const {
    const auto now = serving();
    return *std::ranges::max_element(now, {}, &WorkerStatus::connections);
  }

  void kill_and_await_next(pid_t pid) {
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    eventually(
        [&] {
          const auto now = serving();
          return now.size() == options_.prefork.workers &&
                 std::ranges::find(now, pid, &WorkerStatus::pid) == now.end();
        },
        "the next worker");
  }

  std::unique_ptr<Handler> handler_;
  http1::ServerOptions http_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Prefork, every_accept(), engine_name);

TEST_P(Prefork, TheBoardHasTheSumOfAllWorkers) {
  options_.prefork.workers = 3;
  start_http();
  EXPECT_EQ(serving().size(), 3U);
  auto clients = asked(30);
  for (auto& client : clients) EXPECT_TRUE(client->ask());
  EXPECT_EQ(count(Counter::requests), 60U);
  EXPECT_EQ(count(Counter::accepted), 30U);
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  for (const WorkerStatus& one : serving()) {
    connections += one.connections;
    requests += one.requests;
  }
  EXPECT_EQ(connections, 30U);
  EXPECT_EQ(requests, 60U);
  clients.clear();
  stop();
  EXPECT_EQ(sum_of(Counter::accepted_of_worker_0), 30U);
  EXPECT_EQ(sum_of(Counter::requests_of_worker_0), 60U);
  EXPECT_EQ(count(Counter::workers_started), 3U);
  EXPECT_EQ(count(Counter::workers_lost), 0U);
}

TEST_P(Prefork, MoreWorkersThanHaveCountersShareTheLast) {
  options_.prefork.workers = 10;
  start_http();
  asked(60);
  stop();
  EXPECT_EQ(sum_of(Counter::accepted_of_worker_0), 60U);
  EXPECT_EQ(sum_of(Counter::requests_of_worker_0), 60U);
}

// --- a worker dies ---

TEST_P(Prefork, AKilledWorkerLosesItsOwnConnectionsAndNoOthers) {
  start_http();
  auto clients = asked(30);
  const WorkerStatus victim = busiest();
  ASSERT_GT(victim.connections, 0U);
  kill_and_await_next(victim.pid);
  std::uint64_t lost = 0;
  for (auto& client : clients) {
    if (!client->ask()) ++lost;
  }
  EXPECT_EQ(lost, victim.connections);
  asked(30);  // whoever comes now is served
  clients.clear();
  stop();
  EXPECT_EQ(errors(Errc::worker_lost), victim.connections);
  EXPECT_EQ(count(Counter::workers_lost), 1U);
  EXPECT_EQ(count(Counter::workers_started), 3U);
}

char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto name_end = text.rfind(')');
  return name_end == text.npos ? '-' : text[name_end + 2];
}

// Who was not accepted yet belongs to the place: to who comes next there.
TEST_P(Prefork, WhoWaitedForAKilledWorkerIsServedByTheNext) {
  options_.prefork.workers = 1;
  start_http();
  const pid_t stopped = serving().front().pid;
  ASSERT_EQ(::kill(stopped, SIGSTOP), 0);
  eventually([&] { return state_of(stopped) == 'T'; }, "its stop");
  std::vector<Client> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.emplace_back(address());
    waiting.back().send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
  kill_and_await_next(stopped);
  for (Client& client : waiting) EXPECT_TRUE(client.read_all().ends_with("Hello, world!"));
  waiting.clear();
  stop();
  EXPECT_EQ(errors(Errc::worker_lost), 0U);
  EXPECT_EQ(count(Counter::accepted), 20U);
}

TEST_P(Prefork, WhoDiesSoonIsRestartedLaterAndLater) {
  options_.prefork.workers = 1;
  options_.prefork.stable_ns = kForever_ns;
  options_.prefork.backoff_ns = kMillisecond_ns;
  options_.prefork.backoff_ns_max = 8 * kMillisecond_ns;
  start_http();
  std::vector<std::int64_t> waits_ms;
  for (int i = 0; i < 5; ++i) {
    kill_and_await_next(serving().front().pid);
    waits_ms.push_back(serving().front().backoff_ns / kMillisecond_ns);
  }
  EXPECT_EQ(waits_ms, (std::vector<std::int64_t>{1, 2, 4, 8, 8}));
  EXPECT_EQ(count(Counter::workers_lost), 5U);
  asked(1);
}

TEST_P(Prefork, WhoLastedIsRestartedAtOnce) {
  options_.prefork.workers = 1;
  options_.prefork.stable_ns = 0;
  start_http();
  for (int i = 0; i < 3; ++i) {
    kill_and_await_next(serving().front().pid);
    EXPECT_EQ(serving().front().backoff_ns, 0);
  }
  asked(1);
}

// The process dies of its own bug.
TEST_P(Prefork, ACrashIsADeathLikeAnyOther) {
  options_.prefork.workers = 1;
  start([] {
    return std::make_unique<Scripted>([](Bytes in, Peer peer, Outbox& out, Time, Context&) {
      if (as_text(in).starts_with("die")) ::raise(SIGKILL);
      out.write(in);
      return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
    });
  });
  Client first(address());
  first.send("die");
  EXPECT_EQ(first.read_all(), "");
  Client second(address());
  second.send("live");
  EXPECT_EQ(second.read(4), "live");
}

// --- nothing is left ---

// Something that every process of the engine has, and its owner has no longer.
class Trace {
 public:
  Trace() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    read_ = Fd(ends[0]);
    write_ = Fd(ends[1]);
  }
  void leave_to_them() { write_.reset(); }
  // Returns when all of them have ended.
  void await_end() {
    pollfd waiting{.fd = read_.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1) << "some process is still there";
    char byte = 0;
    EXPECT_EQ(::read(read_.get(), &byte, 1), 0);
  }
  int write_end() const { return write_.get(); }

 private:
  Fd read_;
  Fd write_;
};

std::size_t shared_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(" rw-s ") != line.npos) ++count;
  }
  return count;
}

TEST_P(Prefork, NothingIsLeftAfterItHasDrained) {
  Trace trace;
  const std::size_t mappings = shared_mappings();
  start_http();
  trace.leave_to_them();
  asked(10);
  EXPECT_GT(shared_mappings(), mappings);
  stop();
  EXPECT_EQ(shared_mappings(), mappings);
  trace.await_end();
}

TEST_P(Prefork, NothingIsLeftWhenItsSupervisorIsKilled) {
  Trace trace;
  start_http();
  trace.leave_to_them();
  auto clients = asked(5);
  pollfd ended{.fd = engine_->ended_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0);
  ASSERT_EQ(::kill(supervisor_of(*engine_), SIGKILL), 0);
  trace.await_end();
  EXPECT_EQ(::poll(&ended, 1, 20'000), 1);  // and it is told
  for (auto& client : clients) EXPECT_FALSE(client->ask());
  EXPECT_FALSE(clients.empty());
  engine_->drain();
  engine_->join();
  engine_.reset();
}

TEST_P(Prefork, NothingIsLeftWhenItsOwnerIsKilled) {
  Trace trace;
  int up[2];
  ASSERT_EQ(::pipe(up), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    start_http();
    const char done = 1;
    if (::write(up[1], &done, 1) == 1) ::pause();
    ::_exit(1);
  }
  trace.leave_to_them();
  ::close(up[1]);
  char done = 0;
  ASSERT_EQ(::read(up[0], &done, 1), 1);
  ::close(up[0]);
  ASSERT_EQ(::kill(owner, SIGKILL), 0);
  ::waitpid(owner, nullptr, 0);
  trace.await_end();
}

TEST_P(Prefork, AWorkerKeepsNoDescriptorOfItsConnections) {
  options_.prefork.workers = 1;
  start_http();
  asked(1);
  eventually([&] { return count(Counter::closed) == 1; }, "the first's end");
  const pid_t worker = serving().front().pid;
  const std::size_t before = descriptors_of(worker);
  const std::size_t parents = descriptors_of(supervisor_of(*engine_));
  asked(30);
  eventually([&] { return count(Counter::closed) == 31; }, "their ends");
  EXPECT_EQ(descriptors_of(worker), before);
  kill_and_await_next(worker);
  EXPECT_EQ(descriptors_of(supervisor_of(*engine_)), parents);
  EXPECT_EQ(descriptors_of(serving().front().pid), before);
}

// --- starting ---

TEST_P(Prefork, AWorkerThatCannotStartIsTheStartsFailure) {
  options_.cpus = {100'000};
  try {
    start_http();
    FAIL() << "it has started";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("cannot run on cpu 100000"), std::string::npos)
        << error.what();
  }
  engine_.reset();
}

// answers: s5.5
TEST_P(Prefork, WorkersArePinnedInTurn) {
  options_.prefork.workers = 2;
  options_.cpus = {0};
  start_http();
  for (const WorkerStatus& one : serving()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    ASSERT_EQ(sched_getaffinity(one.pid, sizeof set, &set), 0);
    EXPECT_EQ(CPU_COUNT(&set), 1);
    EXPECT_TRUE(CPU_ISSET(0, &set));
  }
}

// What the terminal sends to the whole group is for the owner to act upon.
TEST_P(Prefork, SignalsOfTheGroupEndNobody) {
  start_http();
  const auto before = pids();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    for (const pid_t pid : before) EXPECT_EQ(::kill(pid, signal), 0);
    EXPECT_EQ(::kill(supervisor_of(*engine_), signal), 0);
  }
  asked(30);
  EXPECT_EQ(pids(), before);
}

// --- who is chosen ---

class Choice : public Prefork {};
INSTANTIATE_TEST_SUITE_P(Engines, Choice, ::testing::Values("prefork"), engine_name);

TEST_P(Choice, AtRandomEveryoneGetsItsShare) {
  options_.prefork.steer = Steer::random;
  start_http();
  asked(200);  // half of them, within 5.6 standard deviations
  stop();
  for (unsigned place = 0; place < 2; ++place) {
    EXPECT_GE(count_of(Counter::accepted_of_worker_0, place), 60U);
  }
}

TEST_P(Choice, ByCpuTheClientsCpuChoosesOnLoopback) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  options_.prefork.steer = Steer::cpu;
  start_http();
  std::vector<std::uint64_t> expected(2);
  for (int cpu = 0; cpu < CPU_SETSIZE && cpu < 4; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    pin_thread(cpu);
    asked(10);
    expected[static_cast<std::size_t>(cpu) % 2] += 10;
  }
  EXPECT_EQ(sched_setaffinity(0, sizeof allowed, &allowed), 0);
  stop();
  for (unsigned place = 0; place < 2; ++place) {
    EXPECT_EQ(count_of(Counter::accepted_of_worker_0, place), expected[place]);
  }
}

TEST_P(Choice, WhatIsPassedGoesInTurnOrToWhoHasLeast) {
  options_.prefork = {.workers = 3, .accept = WorkerAccept::passed};
  start_http();
  auto clients = asked(6);
  for (const WorkerStatus& one : serving()) EXPECT_EQ(one.connections, 2U);
  clients.clear();
  stop();
  options_.readiness.hand_out = HandOut::least_connections;
  start_http();
  clients = asked(3);
  const auto before = serving();
  clients[1]->close();
  eventually(
      [&] {
        return busiest().connections == 1 && pids().size() == 3 && count(Counter::closed) == 7;
      },
      "its end");
  clients.push_back(std::make_unique<HttpClient>(address()));
  EXPECT_TRUE(clients.back()->ask());
  for (const WorkerStatus& one : serving()) EXPECT_EQ(one.connections, 1U);
}

// --- as many as there is work for ---

class Grows : public Prefork {};
INSTANTIATE_TEST_SUITE_P(Engines, Grows, ::testing::Values("prefork_inherited", "prefork_passed"),
                         engine_name);

// answers: s5.7
TEST_P(Grows, WithTheWorkAndBackAndNobodyIsLost) {
  options_.prefork.workers = 1;
  options_.prefork.workers_max = 3;
  start([] {
    return std::make_unique<Scripted>([](Bytes in, Peer peer, Outbox& out, Time now, Context&) {
      while (!in.empty() && clock_now() < now + kMillisecond_ns) continue;  // some work
      out.write(in);
      return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
    });
  });
  EXPECT_EQ(serving().size(), 1U);
  std::atomic<bool> over = false;
  std::atomic<int> lost = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      while (!over.load()) {
        Client client(address());
        client.send("x");
        if (client.read(1) != "x") ++lost;
      }
    });
  }
  eventually([&] { return serving().size() == 3; }, "more workers");
  over = true;
  for (std::thread& thread : threads) thread.join();
  eventually([&] { return pids().size() == 1; }, "fewer workers");
  Client last(address());
  last.send("x");
  EXPECT_EQ(last.read(1), "x");
  EXPECT_EQ(lost.load(), 0);
  EXPECT_EQ(count(Counter::workers_lost), 0U);
}

TEST_P(Choice, WhatContradictsItselfIsRefused) {
  const auto refused = [&](const PreforkOptions& prefork, const ReadinessOptions& readiness = {}) {
    EngineOptions options;
    options.prefork = prefork;
    options.readiness = readiness;
    EXPECT_THROW(
        make_engine("prefork", options, [] { return nullptr; }, board_), std::invalid_argument);
  };
  refused({.workers = 0});
  refused({.workers = kWorkersMax + 1});
  refused({.workers_max = kWorkersMax + 1, .accept = WorkerAccept::passed});
  refused({.workers = 1, .workers_max = 2});
  refused({.accept = WorkerAccept::inherited, .steer = Steer::cpu});
  refused({}, {.exclusive = true});
  refused({}, {.accepting = Accepting::shared});
}

TEST(Passing, ADescriptorArrivesAsAnother) {
  const auto channel = passing_pair();
  EXPECT_EQ(receive_passed(channel[1].get()), -1);
  EXPECT_EQ(errno, EAGAIN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Fd write(ends[1]);
  const Fd read(ends[0]);
  EXPECT_TRUE(pass(channel[0].get(), write.get()));
  write.reset();
  const Fd other(receive_passed(channel[1].get()));
  ASSERT_TRUE(other);
  EXPECT_EQ(::write(other.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(read.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Passing, AFullSocketTakesNoMore) {
  const auto channel = passing_pair();
  int passed = 0;
  while (pass(channel[0].get(), channel[0].get())) ASSERT_LT(++passed, 100'000);
  EXPECT_GT(passed, 10);
  Fd one(receive_passed(channel[1].get()));
  EXPECT_TRUE(one);
  EXPECT_TRUE(pass(channel[0].get(), channel[0].get()));
}

}  // namespace
}  // namespace zyphos
