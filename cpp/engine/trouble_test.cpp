// What the network and the machine do to an engine: slow readers, full boxes on both sides, resets,
// signals, no descriptors, no threads.
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "engine/child_fixture.h"
#include "engine/prefork_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class Trouble : public EngineTest {
 protected:
  // Of a zero-copy send each segment takes whole pages of the receiver's buffer, however few its
  // bytes: in the smallest one TCP itself comes to a stand for minutes.
  SocketOptions small_receiver() const {
    SocketOptions small;
    small.so_rcvbuf = options_.uring.send_zc_bytes ? 64 * 1024 : 4096;
    return small;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Trouble, every_engine(), engine_name);

// Writes `size` pattern bytes (for ever when 0), then closes.
std::unique_ptr<Connection> source(std::size_t size) {
  return std::make_unique<Scripted>(
      [size, at = std::size_t{0}](Bytes in, Peer peer, Outbox& out, Time, Context&) mutable {
        if (peer == Peer::lost) return Step{.next = Next::abort};
        char chunk[512];
        for (std::size_t n = 1; n > 0 && (size == 0 || at < size);) {
          n = std::min({sizeof chunk, out.room(), size == 0 ? sizeof chunk : size - at});
          for (std::size_t i = 0; i < n; ++i) chunk[i] = pattern_at(at + i);
          out.write(as_bytes({chunk, n}));
          at += n;
        }
        const bool over = size != 0 && at == size;
        return Step{.consumed = in.size(),
                    .next = over ? Next::close : Next::run,
                    .need = over ? Need::input : Need::room};
      });
}

TEST_P(Trouble, PartialWritesToASlowReaderLoseNothing) {
  constexpr std::size_t kSize = 1'000'000;
  options_.socket.so_sndbuf = 4096;
  start([] { return source(kSize); });
  const SocketOptions small = small_receiver();
  Client client(address(), small);
  std::string got;
  for (std::size_t piece = 1; got.size() < kSize; piece = piece % 1777 + 13) {
    const std::string more = client.read(std::min(piece, kSize - got.size()));
    ASSERT_FALSE(more.empty());
    got += more;
  }
  EXPECT_EQ(got, pattern(kSize));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), 0);
  client.close();
  stop();
  EXPECT_EQ(count(Counter::bytes_out), kSize);
}

TEST_P(Trouble, ASlowReaderOutlastsTheLingerTime) {
  constexpr std::size_t kSize = 100'000;
  const std::string body = pattern(kSize);
  options_.socket.so_sndbuf = 4096;
  options_.limits.linger_ns = 200 * kMillisecond_ns;
  start([&] {
    return std::make_unique<Scripted>([&](Bytes in, Peer, Outbox& out, Time, Context&) {
      if (in.empty()) return Step{};
      EXPECT_TRUE(out.refer(as_bytes(body), {}));
      return Step{.consumed = in.size(), .next = Next::close};
    });
  });
  const SocketOptions small = small_receiver();
  Client client(address(), small);
  client.send("x");
  std::string got;
  while (got.size() < kSize) {
    const std::string more = client.read(std::min<std::size_t>(5'000, kSize - got.size()));
    ASSERT_FALSE(more.empty()) << "reset after " << got.size();
    got += more;
    ::poll(nullptr, 0, 20);  // slower in all than the linger time, never idle for as long as it
  }
  EXPECT_EQ(got, body);
}

TEST_P(Trouble, APeerThatNeverReadsIsNotReadWithoutBound) {
  options_.socket.so_sndbuf = 8192;
  options_.socket.so_rcvbuf = 8192;
  // What a multishot receive has taken by the time it meets its cancel, the ring's buffers bound.
  options_.uring.buffers = std::min(options_.uring.buffers, 16U);
  options_.uring.buffer_bytes = std::min<std::size_t>(options_.uring.buffer_bytes, 4096);
  start_echo(1000);
  SocketOptions small = small_receiver();
  small.so_sndbuf = 4096;
  Client client(address(), small);
  const std::string sent = pattern(4'000'000);
  std::size_t at = 0;
  // Both directions full: nothing more is taken, and what the engine has read is bounded.
  pollfd waiting{.fd = client.fd(), .events = POLLOUT, .revents = 0};
  while (::poll(&waiting, 1, 100) > 0) {
    const ssize_t n = ::send(client.fd(), sent.data() + at, sent.size() - at, MSG_DONTWAIT);
    if (n > 0) at += static_cast<std::size_t>(n);
    ASSERT_LT(at, sent.size()) << "everything was read though nothing was taken back";
  }
  EXPECT_LT(count(Counter::bytes_in), 600'000U);
  // And no deadlock: as soon as the peer reads, all goes on.
  std::string got;
  std::thread reader([&] { got = client.read(sent.size()); });
  client.send(std::string_view(sent).substr(at));
  reader.join();
  EXPECT_TRUE(got == sent);
}

TEST_P(Trouble, TheReserveIsThereWhenTheOutboxIsFull) {
  options_.socket.so_sndbuf = 8192;
  start([] {
    return std::make_unique<Scripted>([](Bytes in, Peer, Outbox& out, Time, Context&) {
      if (in.empty()) return Step{};
      while (out.room() > 0) out.write(as_bytes(std::string(512, '.')));
      EXPECT_TRUE(out.write_control(as_bytes("error")));
      return Step{.consumed = in.size(), .next = Next::close};
    });
  });
  Client client(address());
  client.send("x");
  const std::string got = client.read_all();
  EXPECT_EQ(got, std::string(Outbox::capacity(), '.') + "error");
}

TEST_P(Trouble, AResetInMidWriteEndsTheConnection) {
  start([] { return source(0); });
  for (int i = 0; i < 5; ++i) {
    Client client(address());
    EXPECT_EQ(client.read(5000).size(), 5000U);
    client.reset();
  }
  eventually([&] { return count(Counter::closed) == 5; }, "the connections' end");
  stop();
  EXPECT_EQ(errors(Errc::peer_reset) + errors(Errc::peer_gone), 5U);
}

TEST_P(Trouble, APeerThatFinishesAndVanishesWhileWeWrite) {
  start([] { return source(0); });
  {
    Client client(address());
    EXPECT_EQ(client.read(5000).size(), 5000U);
    client.finish();
  }
  eventually([&] { return count(Counter::closed) == 1; }, "the connection's end");
}

// --- signals ---

void signal_every_other_thread() {
  DIR* directory = ::opendir("/proc/self/task");
  while (const dirent* entry = ::readdir(directory)) {
    const int tid = std::atoi(entry->d_name);
    if (tid > 0 && tid != static_cast<int>(::syscall(SYS_gettid))) {
      ::syscall(SYS_tgkill, ::getpid(), tid, SIGUSR1);
    }
  }
  ::closedir(directory);
}

TEST_P(Trouble, SignalsLoseNothing) {
  ZY_NEEDS_THIS_PROCESS("the signals come");
  struct sigaction action{};
  action.sa_handler = [](int) {};
  struct sigaction before{};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  start_echo(64);
  Client client(address());
  for (int i = 0; i < 300 || count(Counter::interrupted) == 0; ++i) {
    signal_every_other_thread();
    client.send(pattern(64));
    ASSERT_EQ(client.read(64), pattern(64));
    ASSERT_LT(i, 100'000);
  }
  client.close();
  stop();
  sigaction(SIGUSR1, &before, nullptr);
}

// --- no descriptors: the engine in a process of its own, told what to do by lines ---

std::uint64_t told(const Board& board, char what) {
  switch (what) {
    case 'a': return total(board, Counter::accepted);
    case 'c': return total(board, Counter::closed);
    case 'l': return total(board, Errc::accept_limit);
    case 'e': return total(board, Counter::accept_paused);
    default: return total(board, Counter::wakeups);
  }
}

constexpr std::size_t kRoom = 10;  // for descriptors besides those that there are

bool take_descriptors(pid_t pid, std::size_t used) {
  const rlimit few{.rlim_cur = used + kRoom, .rlim_max = used + kRoom};
  return ::prlimit(pid, RLIMIT_NOFILE, &few, nullptr) == 0;
}

// Where one process accepts and others serve, it is these that have none left.
bool take_workers_descriptors(const Engine& engine) {
  const auto workers = workers_of(engine);
  return std::ranges::all_of(workers, [](const WorkerStatus& one) {
    return take_descriptors(one.pid, descriptors_of(one.pid));
  });
}

// Answers 'p' port, 'a' accepted, 'c' closed, 'e' EMFILE pauses, 'l' EMFILE, 'w' wakeups; ends with
// its parent's pipe.
void serve_without_descriptors(const EngineMode& mode, WhenFull when_full, int from_parent,
                               int to_parent) {
  Board board;
  EngineOptions options;
  mode.apply(options);
  options.when_full = when_full;
  const auto engine =
      make_engine(mode.engine, options, [] { return std::make_unique<MessageEcho>(8); }, board);
  // Before the start: a multishot accept keeps the limit of the moment it was armed.
  const bool passed = mode.prefork.accept == WorkerAccept::passed;
  if (!passed && !take_descriptors(0, open_descriptors())) ::_exit(2);
  engine->start();
  if (passed && !take_workers_descriptors(*engine)) ::_exit(2);
  char what = 0;
  while (::read(from_parent, &what, 1) == 1) {
    const std::uint64_t answer = what == 'p' ? engine->address().port : told(board, what);
    if (::write(to_parent, &answer, sizeof answer) != sizeof answer) ::_exit(3);
  }
  engine->drain();
  engine->join();
  if (total(board, Counter::accepted) != total(board, Counter::closed)) ::_exit(4);
}

constexpr std::size_t kClients = 30;

// Each has sent its message, where it could.
std::vector<std::unique_ptr<Client>> asking(Child& child) {
  const Address where = Address::loopback(static_cast<std::uint16_t>(child.ask('p')));
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Client>(where));
    ::send(clients.back()->fd(), pattern(8).data(), 8, MSG_NOSIGNAL);
  }
  return clients;
}

TEST_P(Trouble, WithoutDescriptorsAcceptingPausesAndRecovers) {
  ZY_NEEDS_AT_ONCE(kClients);
  Child child(
      [&](int from, int to) { serve_without_descriptors(mode(), WhenFull::pause, from, to); });
  auto clients = asking(child);
  // Several retries by time alone, which is some hundred milliseconds: a busy loop would wake by
  // the thousand.
  eventually([&] { return child.ask('e') >= 4; }, "pauses");
  EXPECT_LT(child.ask('a'), kClients);
  EXPECT_LT(child.ask('w'), 300U);
  // Who was accepted is served; as they go the others come in, each exactly once.
  for (auto& client : clients) {
    EXPECT_EQ(client->read(8), pattern(8));
    client.reset();
  }
  EXPECT_EQ(child.ask('a'), kClients);
}

TEST_P(Trouble, WithoutDescriptorsTheReserveTellsWhoWaits) {
  ZY_NEEDS_AT_ONCE(kClients);
  Child child(
      [&](int from, int to) { serve_without_descriptors(mode(), WhenFull::refuse, from, to); });
  auto clients = asking(child);
  std::size_t refused = 0;
  for (auto& client : clients) {
    if (client->read(8) != pattern(8)) ++refused;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, kClients);
  clients.clear();
  eventually([&] { return child.ask('c') == child.ask('a'); }, "the connections' ends");
  EXPECT_EQ(child.ask('a'), kClients);
  // An end is counted just before its descriptor is free: who comes in between is refused, too.
  const Address there = Address::loopback(static_cast<std::uint16_t>(child.ask('p')));
  const auto served = [&] {
    Client later(there);
    ::send(later.fd(), pattern(8).data(), 8, MSG_NOSIGNAL);
    return later.read(8) == pattern(8);
  };
  eventually(served, "who comes later is served");
}

TEST_P(Trouble, WithoutDescriptorsACarelessServerAsksAgainAndAgain) {
  ZY_NEEDS_AT_ONCE(kClients);
  if (mode().prefork.accept == WorkerAccept::passed) {
    GTEST_SKIP() << "the kernel closes who is passed to a process that has no descriptor left"
                 << " (unix(7)): nobody is there to be asked for again";
  }
  Child child(
      [&](int from, int to) { serve_without_descriptors(mode(), WhenFull::spin, from, to); });
  auto clients = asking(child);
  eventually([&] { return child.ask('l') > 1000; }, "accept in vain");
  EXPECT_EQ(child.ask('e'), 0U);
  for (auto& client : clients) {
    EXPECT_EQ(client->read(8), pattern(8));
    client.reset();
  }
  EXPECT_EQ(child.ask('a'), kClients);
}

}  // namespace
}  // namespace zyphos
