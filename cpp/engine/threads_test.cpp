// Threads and their stacks: none left to be had, one that overflows, thousands to be joined; and a
// silent peer of a thread that others wait for.
#include <grp.h>
#include <malloc.h>
#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "engine/child_fixture.h"
#include "engine/engine_fixture.h"
#include "engine/stack.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ZYPHOS_SANITIZED 1  // they have threads, signal handlers and an address space of their own
#else
#define ZYPHOS_SANITIZED 0
#endif

namespace zyphos {
namespace {

using namespace zyphos::testing;

// --- no threads ---

std::uint64_t told(const Board& board, char what) {
  switch (what) {
    case 'a': return total(board, Counter::accepted);
    case 'c': return total(board, Counter::closed);
    case 'e': return total(board, Counter::accept_paused);
    default: return total(board, Errc::thread_limit);
  }
}

// Answers 'p' port, 'a' accepted, 'c' closed, 'e' pauses, 't' no thread; ends with its parent's
// pipe. `take_away` leaves room for a few threads, once those of the engine's own are there.
void serve_without_threads(WhenFull when_full, const std::function<bool()>& take_away,
                           int from_parent, int to_parent) {
  Board board;
  EngineOptions options;
  options.when_full = when_full;
  const auto engine =
      make_engine("thread", options, [] { return std::make_unique<MessageEcho>(8); }, board);
  engine->start();
  if (!take_away()) ::_exit(2);
  char what = 0;
  while (::read(from_parent, &what, 1) == 1) {
    const std::uint64_t answer = what == 'p' ? engine->address().port : told(board, what);
    if (::write(to_parent, &answer, sizeof answer) != sizeof answer) ::_exit(3);
  }
  engine->drain();
  engine->join();
  if (total(board, Counter::accepted) != total(board, Counter::closed)) ::_exit(4);
}

std::size_t address_space() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  const int read = std::fscanf(file, "%lu", &pages);
  std::fclose(file);
  return read == 1 ? pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// A few stacks more and no memory is left to map one. What is smaller than a stack comes from a
// heap that has its memory already.
bool take_address_space() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 1 << 25);
  void* volatile memory = std::malloc(16 << 20);
  std::free(memory);
  const std::size_t room = address_space() + 2 * 1024 * 1024;
  const rlimit few{.rlim_cur = room, .rlim_max = room};
  return setrlimit(RLIMIT_AS, &few) == 0;
}

// The kernel itself refuses (EAGAIN at clone): a user nobody else is, who may have 6 threads. Root
// may have any number.
bool take_threads() {
  const auto nobody = static_cast<uid_t>(1'000'000 + ::getpid());
  const rlimit few{.rlim_cur = 6, .rlim_max = 6};
  return setrlimit(RLIMIT_NPROC, &few) == 0 && ::setgroups(0, nullptr) == 0 &&
         ::setgid(nobody) == 0 && ::setuid(nobody) == 0;
}

class NoThreads : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (ZYPHOS_SANITIZED) GTEST_SKIP() << "the sanitizer needs memory and threads itself";
    if (clone_fails() && ::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  }
  static bool clone_fails() { return GetParam() == "clone"; }
  static bool take_away() { return clone_fails() ? take_threads() : take_address_space(); }
  // One that was reset before it was known to be connected is null.
  static std::vector<std::unique_ptr<Client>> asking(const Address& where, int clients) {
    std::vector<std::unique_ptr<Client>> out(static_cast<std::size_t>(clients));
    for (auto& client : out) {
      try {
        client = std::make_unique<Client>(where);
        ::send(client->fd(), "12345678", 8, MSG_NOSIGNAL);
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ECONNRESET) << error.what();
      }
    }
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(By, NoThreads, ::testing::Values("clone", "memory"), engine_name);

TEST_P(NoThreads, WhoHasNoneIsRefusedAndCounted) {
  Child child(
      [](int from, int to) { serve_without_threads(WhenFull::refuse, take_away, from, to); });
  const Address where = Address::loopback(static_cast<std::uint16_t>(child.ask('p')));
  auto clients = asking(where, 60);
  std::uint64_t refused = 0;
  for (auto& client : clients) {
    if (!client || client->read(8) != "12345678") ++refused;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, 60U);
  EXPECT_EQ(child.ask('t'), refused);
  clients.clear();
  while (child.ask('c') < 60) ::sched_yield();
  Client later(where);  // threads have ended: there is room again
  later.send("12345678");
  EXPECT_EQ(later.read(8), "12345678");
}

TEST_P(NoThreads, OrWaitsUntilOneEnds) {
  Child child(
      [](int from, int to) { serve_without_threads(WhenFull::pause, take_away, from, to); });
  const Address where = Address::loopback(static_cast<std::uint16_t>(child.ask('p')));
  auto clients = asking(where, 40);
  for (auto& client : clients) {
    EXPECT_EQ(client->read(8), "12345678");
    client->reset();
  }
  EXPECT_EQ(child.ask('a'), 40U);
  EXPECT_GT(child.ask('t'), 0U);
  EXPECT_EQ(child.ask('e'), child.ask('t'));
}

// --- stacks ---

#if !ZYPHOS_SANITIZED
// Ends only where `above` does not hold 1; what each call adds comes after the deeper one, so that
// no tail call is made of it.
int deeper(volatile const char* above) {
  volatile char here[512];
  here[0] = above[0];
  return above[0] == 1 ? deeper(here) + here[0] : 0;
}

TEST(Stack, AnOverflowIsReportedInOneLineAndEndsTheProcess) {
  std::array<int, 2> said{};
  ASSERT_EQ(::pipe(said.data()), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit no_core{};
    setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(said[1], STDERR_FILENO);
    Board board;
    EngineOptions options;
    options.blocking_threads.stack_bytes = 64 * 1024;
    const auto engine = make_engine(
        "thread", options,
        [] {
          return std::make_unique<Scripted>([](Bytes in, Peer, Outbox&, Time, Context&) {
            const char start = 1;
            return Step{.consumed = in.empty() ? 0 : static_cast<std::size_t>(deeper(&start))};
          });
        },
        board);
    engine->start();
    Client client(engine->address());
    client.send("x");
    client.read_all();
    ::_exit(0);
  }
  ::close(said[1]);
  std::string line(300, '\0');
  std::size_t size = 0;
  for (ssize_t n = 1; n > 0 && size < line.size(); size += static_cast<std::size_t>(n)) {
    n = std::max<ssize_t>(::read(said[0], line.data() + size, line.size() - size), 0);
  }
  line.resize(size);
  ::close(said[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
  EXPECT_EQ(
      line,
      "zyphos: stack overflow in thread zy-conn-0 (its stack has 65536 bytes: stack_bytes)\n");
}

TEST(Stack, AnotherFaultIsNoOverflow) {
  std::array<int, 2> said{};
  ASSERT_EQ(::pipe(said.data()), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit no_core{};
    setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(said[1], STDERR_FILENO);
    report_stack_overflows();
    const WatchedStack watched(64 * 1024);
    volatile int* volatile nowhere = nullptr;
    *nowhere = 1;
    ::_exit(0);
  }
  ::close(said[1]);
  char byte = 0;
  EXPECT_EQ(::read(said[0], &byte, 1), 0) << "nothing is said of it";
  ::close(said[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
}

void* measure_stack(void* bytes) {
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstacksize(&attributes, static_cast<std::size_t*>(bytes));
  pthread_attr_destroy(&attributes);
  return nullptr;
}

TEST(Stack, IsAsLargeAsAskedFor) {
  for (const std::size_t wanted : {std::size_t{64} * 1024, std::size_t{8} * 1024 * 1024}) {
    pthread_t thread{};
    std::size_t bytes = 0;
    ASSERT_EQ(start_thread(thread, wanted, measure_stack, &bytes), 0);
    pthread_join(thread, nullptr);
    EXPECT_GE(bytes + static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), wanted);
    EXPECT_LE(bytes, 2 * wanted);
  }
}
#endif

// --- the end, and silence ---

class ThreadEngine : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, ThreadEngine, ::testing::Values("thread"), engine_name);

TEST_P(ThreadEngine, JoinsAllThreadsThoughNoPeerDoesAnything) {
  options_.drain_timeout_ns = 200 * kMillisecond_ns;
  start_echo(8);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 400; ++i) clients.push_back(std::make_unique<Client>(address()));
  for (auto& client : clients) client->send(pattern(8));
  for (auto& client : clients) ASSERT_EQ(client->read(8), pattern(8));
  clients.front()->send(pattern(3));  // in the middle of a message: it is aborted
  eventually([&] { return count(Counter::bytes_in) == 400U * 8 + 3; }, "the half message");
  stop();
  EXPECT_EQ(count(Counter::closed), 400U);
  EXPECT_GE(errors(Errc::drain_timeout), 1U);
}

class Silence : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Silence, ::testing::Values("sequential", "pool"), engine_name);

TEST_P(Silence, ASilentPeerIsResetAndTheNextIsServed) {
  options_.threads = 1;
  options_.blocking_threads.silence_timeout_ns = 50 * kMillisecond_ns;
  start_echo(8);
  Client silent(address());
  silent.send(pattern(11));
  EXPECT_EQ(silent.read(8), pattern(8));
  Client other(address());
  other.send(pattern(8));
  EXPECT_EQ(other.read(8), pattern(8));
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(silent.error(), ECONNRESET);
  other.close();
  stop();
  EXPECT_EQ(errors(Errc::idle_timeout), 1U);
}

TEST_P(Silence, WhoTalksIsNot) {
  options_.threads = 1;
  options_.blocking_threads.silence_timeout_ns = 5 * kSecond_ns;
  start_echo(8);
  Client client(address());
  for (int i = 0; i < 100; ++i) {
    client.send(pattern(8));
    ASSERT_EQ(client.read(8), pattern(8));
  }
  client.close();
  stop();
  EXPECT_EQ(errors(Errc::idle_timeout), 0U);
}

}  // namespace
}  // namespace zyphos
