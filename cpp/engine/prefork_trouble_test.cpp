// What goes wrong between the processes of engine prefork: no descriptors where connections are
// passed on, and workers that do not follow their orders.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/prefork_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class PreforkTrouble : public PreforkTest {
 protected:
  static bool echoed(Client& client) {
    return ::send(client.fd(), "12345678", 8, MSG_NOSIGNAL) == 8 && client.read(8) == "12345678";
  }

  // Answered once each, and kept.
  std::vector<std::unique_ptr<Client>> answered(std::size_t clients) {
    std::vector<std::unique_ptr<Client>> made;
    for (std::size_t i = 0; i < clients; ++i) {
      made.push_back(std::make_unique<Client>(address()));
      EXPECT_TRUE(echoed(*made.back()));
    }
    return made;
  }
};

// --- no descriptors where connections are passed on ---

constexpr rlim_t kNone = 1;  // descriptors: nobody has a new one, for 0 is taken
constexpr rlim_t kMany = 1000;

// Under this limit a process gets no further descriptor, and has one for all that it polls: so
// many that it has inherited are below all that it may have closed again.
rlim_t lowest_free(pid_t pid) {
  rlim_t number = 0;
  struct stat status{};
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd/";
  while (::lstat((directory + std::to_string(number)).c_str(), &status) == 0) ++number;
  return number;
}

// Of one process; those that it has already stay open.
void limit_descriptors(pid_t pid, rlim_t most) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit), 0);
  limit.rlim_cur = most;
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr), 0);
}

class PassedOn : public PreforkTrouble {};
INSTANTIATE_TEST_SUITE_P(Engines, PassedOn, ::testing::Values("prefork_passed"), engine_name);

TEST_P(PassedOn, WhoFindsNoRoomInAWorkerWaitsAndNothingIsLeft) {
  options_.prefork.workers = 1;
  start_echo(8);
  answered(1);
  eventually([&] { return count(Counter::closed) == 1; }, "its end");
  const pid_t worker = serving().front().pid;
  const pid_t supervisor = supervisor_of(*engine_);
  const std::size_t before = descriptors_of(worker);
  const std::size_t supervisors = descriptors_of(supervisor);
  limit_descriptors(worker, kNone);
  std::vector<std::unique_ptr<Client>> waiting;
  for (int i = 0; i < 40; ++i) {
    waiting.push_back(std::make_unique<Client>(address()));
    waiting.back()->send("12345678");
  }
  eventually([&] { return count(Counter::accept_paused) >= 2; }, "pauses");
  EXPECT_EQ(count(Counter::accepted), 1U);
  EXPECT_GE(errors(Errc::accept_limit), 2U);
  limit_descriptors(worker, kMany);
  for (auto& client : waiting) EXPECT_EQ(client->read(8), "12345678");
  waiting.clear();
  eventually([&] { return count(Counter::closed) == 41; }, "their ends");
  EXPECT_EQ(descriptors_of(worker), before);
  EXPECT_EQ(descriptors_of(supervisor), supervisors);
  EXPECT_EQ(count(Counter::workers_lost), 0U);
}

TEST_P(PassedOn, WhoIsToBeRefusedIsClosedAndCounted) {
  options_.prefork.workers = 1;
  options_.when_full = WhenFull::refuse;
  start_echo(8);
  auto kept = answered(3);
  const pid_t worker = serving().front().pid;
  limit_descriptors(worker, kNone);
  for (int i = 0; i < 20; ++i) {
    Client refused(address());
    EXPECT_EQ(refused.read_all(), "");
  }
  for (auto& client : kept) EXPECT_TRUE(echoed(*client));
  limit_descriptors(worker, kMany);
  answered(10);
  kept.clear();
  stop();
  EXPECT_EQ(count(Counter::accepted), 33U);
  EXPECT_EQ(errors(Errc::accept_limit), 20U);
}

TEST_P(PassedOn, WithoutOneInTheSupervisorTheyWaitAtTheListener) {
  std::vector<Fd> inherited;
  for (int i = 0; i < 20; ++i) inherited.emplace_back(::open("/dev/null", O_RDONLY));
  start_echo(8);
  auto kept = answered(4);
  const pid_t supervisor = supervisor_of(*engine_);
  const std::size_t before = descriptors_of(supervisor);
  limit_descriptors(supervisor, lowest_free(supervisor));
  Client waiting(address());
  waiting.send("12345678");
  eventually([&] { return count(Counter::accept_paused) >= 2; }, "pauses");
  for (auto& client : kept) EXPECT_TRUE(echoed(*client));
  EXPECT_EQ(count(Counter::accepted), 4U);
  limit_descriptors(supervisor, kMany);
  EXPECT_EQ(waiting.read(8), "12345678");
  EXPECT_EQ(descriptors_of(supervisor), before);
}

// --- a supervisor that may have fewer descriptors than it watches ---

class FewAllowed : public PreforkTrouble {
 protected:
  // How often it has gone to sleep: who spins does not.
  static std::uint64_t sleeps_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; file >> word;) {
      if (word != "voluntary_ctxt_switches:") continue;
      std::uint64_t count = 0;
      file >> count;
      return count;
    }
    return 0;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, FewAllowed, every_accept(), engine_name);

TEST_P(FewAllowed, ItSleepsAndStillSeesADeath) {
  start_echo(8);
  const pid_t supervisor = supervisor_of(*engine_);
  const std::size_t count_before = pids().size();
  limit_descriptors(supervisor, kNone);
  // Whatever it waits for must be over once, so that it waits under the new limit.
  ASSERT_EQ(::kill(*pids().begin(), SIGKILL), 0);
  eventually([&] { return count(Counter::workers_lost) == 1; }, "the death");
  const std::uint64_t before = sleeps_of(supervisor);
  eventually([&] { return sleeps_of(supervisor) >= before + 20; }, "sleeps");
  limit_descriptors(supervisor, kMany);
  eventually([&] { return serving().size() == count_before; }, "the next worker");
  Client client(address());
  EXPECT_TRUE(echoed(client));
}

// --- a worker that does not follow its orders ---

class Stubborn : public PreforkTrouble {
 protected:
  void TearDown() override {
    deaf_.reset();
    PreforkTrouble::TearDown();
  }

  // A client's "stand" makes its worker deaf to everything but SIGKILL.
  void start_stubborn() {
    // Long enough for those that do follow, on any machine.
    options_.drain_timeout_ns = 100 * kMillisecond_ns;
    options_.prefork.grace_ns = kSecond_ns;
    start([this] {
      return std::make_unique<Scripted>(
          [this](Bytes in, Peer peer, Outbox& out, Time, Context& context) {
            if (as_text(in).starts_with("stand")) stand();
            out.write(in);
            const bool over = peer != Peer::open || context.draining();
            return Step{.consumed = in.size(), .next = over ? Next::close : Next::run};
          });
    });
  }

  // The process whose worker stands still from now on.
  pid_t make_stand() {
    const auto before = serving();
    deaf_ = std::make_unique<Client>(address());
    deaf_->send("12345678");
    EXPECT_EQ(deaf_->read(8), "12345678");
    const auto server = server_of_the_next(before);
    EXPECT_TRUE(server);
    deaf_->send("stand");
    char byte = 0;
    EXPECT_EQ(::read(stands_[0].get(), &byte, 1), 1);
    return server ? server->pid : 0;
  }

  std::unique_ptr<Client> deaf_;

 private:
  [[noreturn]] void stand() {
    const char byte = 1;
    if (::write(stands_[1].get(), &byte, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }

  static std::array<Fd, 2> make_pipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    return {Fd(ends[0]), Fd(ends[1])};
  }
  std::array<Fd, 2> stands_ = make_pipe();  // outside what the fixture counts
};
INSTANTIATE_TEST_SUITE_P(Engines, Stubborn, every_accept(), engine_name);

TEST_P(Stubborn, WhoIgnoresTheDrainIsKilledAfterItsDeadline) {
  start_stubborn();
  const pid_t deaf = make_stand();
  const std::set<pid_t> all = pids();
  stop();
  for (const pid_t pid : all) EXPECT_FALSE(process_exists(pid)) << pid;
  EXPECT_EQ(deaf_->read_all(), "");
  EXPECT_EQ(all.count(deaf), 1U);
  EXPECT_EQ(count(Counter::workers_lost), 1U);
  EXPECT_EQ(errors(Errc::worker_lost), 1U);  // its connections, and nobody else's
}

TEST_P(Stubborn, OneThatIsStoppedToo) {
  start_stubborn();
  const std::set<pid_t> all = pids();
  ASSERT_EQ(::kill(*all.begin(), SIGSTOP), 0);
  stop();
  for (const pid_t pid : all) EXPECT_FALSE(process_exists(pid)) << pid;
  EXPECT_EQ(count(Counter::workers_lost), 1U);
}

TEST_P(Stubborn, WhoIgnoresThatASuccessorServesIsKilledAndNobodyWaits) {
  start_stubborn();
  const pid_t deaf = make_stand();
  EXPECT_TRUE(engine_->reload());
  // All but the deaf one leave by themselves; its place is served meanwhile.
  eventually(
      [&] {
        const auto now = serving();
        return now.size() == 2 && std::ranges::find(now, deaf, &WorkerStatus::pid) == now.end();
      },
      "successors");
  answered(10);
  eventually([&] { return pids().count(deaf) == 0; }, "the deaf one's end");
  EXPECT_FALSE(process_exists(deaf));
  EXPECT_EQ(deaf_->read_all(), "");
  answered(10);
  EXPECT_EQ(count(Counter::workers_replaced), 2U);
  EXPECT_EQ(count(Counter::workers_lost), 1U);
  EXPECT_EQ(errors(Errc::worker_lost), 1U);
}

}  // namespace
}  // namespace zyphos
