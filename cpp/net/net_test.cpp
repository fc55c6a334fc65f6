// Sockets, their options, and moving bytes: over real loopback sockets and socket pairs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

#include "net/clock.h"
#include "net/cpu.h"
#include "net/flush.h"
#include "net/socket.h"

namespace zyphos {
namespace {

int int_option(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(getsockopt(fd, level, option, &value, &size), 0);
  return value;
}

struct Pair {
  Fd a;
  Fd b;
  Pair() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    a = Fd(fds[0]);
    b = Fd(fds[1]);
  }
};

struct TcpPair {
  Fd client;
  Fd server;
  explicit TcpPair(const SocketOptions& options = {}) {
    const Fd listener = listen_on(Address::loopback(0), {});
    client = connect_to(local_address(listener.get()), options, kSecond_ns);
    server = Fd(::accept(listener.get(), nullptr, nullptr));
    EXPECT_TRUE(server);
  }
};

std::string read_all(int fd, std::size_t n) {
  std::string out(n, '\0');
  std::size_t have = 0;
  while (have < n) {
    const ssize_t got = ::recv(fd, out.data() + have, n - have, 0);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

// The driver's side of an outbox, as flush() wants it, and nothing more.
class Box {
 public:
  struct File {
    int fd = -1;
    std::uint64_t offset = 0;
    std::size_t size = 0;
  };

  void write(std::string_view text) { parts_.push_back({.bytes = as_bytes(text)}); }
  void file(File range) { parts_.push_back({.range = range}); }
  void boundary() { parts_.back().boundary = true; }
  void cork() { corked_ = true; }

  bool empty() const { return parts_.empty(); }
  bool corked() const { return corked_; }
  const File* next_file() const { return parts_[0].range ? &*parts_[0].range : nullptr; }
  bool file_follows(std::size_t gathered) const {
    return gathered < parts_.size() && parts_[gathered].range.has_value() &&
           !parts_[gathered - 1].boundary;
  }
  std::size_t gather(std::span<ConstBytes> out) const {
    std::size_t count = 0;
    for (const Part& part : parts_) {
      if (part.range || count == out.size()) break;
      out[count++] = part.bytes;
      if (part.boundary) break;
    }
    return count;
  }
  void sent(std::size_t n) {
    while (n > 0) {
      Part& front = parts_.front();
      const std::size_t left = front.range ? front.range->size : front.bytes.size();
      const std::size_t taken = std::min(n, left);
      n -= taken;
      if (taken == left) {
        parts_.pop_front();
      } else if (front.range) {
        front.range->offset += taken;
        front.range->size -= taken;
      } else {
        front.bytes = front.bytes.subspan(taken);
      }
    }
  }

 private:
  struct Part {
    ConstBytes bytes = {};
    std::optional<File> range = {};
    bool boundary = false;
  };

  std::deque<Part> parts_;
  bool corked_ = false;
};

TEST(SocketOptions, AreSetByNameAndReachTheKernel) {
  SocketOptions options;
  ASSERT_TRUE(set_option(options, "tcp_nodelay", "true"));
  ASSERT_TRUE(set_option(options, "tcp_congestion", "cubic"));
  ASSERT_TRUE(set_option(options, "tcp_user_timeout_ms", "1234"));
  ASSERT_TRUE(set_option(options, "so_sndbuf", "8192"));
  ASSERT_TRUE(set_option(options, "so_keepalive", "true"));
  ASSERT_TRUE(set_option(options, "tcp_keepidle", "7"));
  ASSERT_TRUE(set_option(options, "tcp_keepintvl", "5"));
  ASSERT_TRUE(set_option(options, "tcp_keepcnt", "3"));
  const TcpPair pair(options);
  const int fd = pair.client.get();
  EXPECT_EQ(int_option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(int_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 1234);
  EXPECT_EQ(int_option(fd, SOL_SOCKET, SO_SNDBUF), 2 * 8192);
  EXPECT_EQ(int_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(int_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(int_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
  char name[16] = {};
  socklen_t size = sizeof name;
  ASSERT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
  EXPECT_STREQ(name, "cubic");
}

TEST(SocketOptions, ThoseOfTheCloseAndOfPollingReachTheKernel) {
  SocketOptions options;
  ASSERT_TRUE(set_option(options, "so_linger", "3"));
  ASSERT_TRUE(set_option(options, "tcp_notsent_lowat", "16384"));
  const TcpPair pair(options);
  linger lingering{};
  socklen_t size = sizeof lingering;
  ASSERT_EQ(getsockopt(pair.client.get(), SOL_SOCKET, SO_LINGER, &lingering, &size), 0);
  EXPECT_EQ(lingering.l_onoff, 1);
  EXPECT_EQ(lingering.l_linger, 3);
  EXPECT_EQ(int_option(pair.client.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16384);
}

// Whoever may not poll is told which option it was.
TEST(SocketOptions, BusyPollingReachesTheKernelOrSaysWhyNot) {
  SocketOptions options;
  ASSERT_TRUE(set_option(options, "so_busy_poll", "50"));
  ASSERT_TRUE(set_option(options, "so_prefer_busy_poll", "true"));
  ASSERT_TRUE(set_option(options, "so_busy_poll_budget", "16"));
  try {
    const TcpPair pair(options);
    const int fd = pair.client.get();
    EXPECT_EQ(int_option(fd, SOL_SOCKET, SO_BUSY_POLL), 50);
    EXPECT_EQ(int_option(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL), 1);
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("busy_poll"), std::string::npos) << error.what();
    EXPECT_EQ(error.code().value(), EPERM) << error.what();
    GTEST_SKIP() << error.what();
  }
}

// The kernel does not give this one back; what it cannot take shows that it gets it.
TEST(SocketOptions, TheBudgetOfPollingReachesTheKernel) {
  const Fd listener = listen_on(Address::loopback(0), {});
  apply(listener.get(), {.so_busy_poll_budget = 0}, SocketRole::accepted);
  try {
    apply(listener.get(), {.so_busy_poll_budget = 70'000}, SocketRole::accepted);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("so_busy_poll_budget"), std::string::npos);
  }
}

TEST(SocketOptions, SomeAreOfOneRole) {
  const auto has = [](SocketRole role, std::string_view name) {
    const auto names = socket_option_names(role);
    return std::ranges::find(names, name) != names.end();
  };
  EXPECT_TRUE(has(SocketRole::listening, "tcp_fastopen"));
  EXPECT_FALSE(has(SocketRole::dialing, "tcp_fastopen"));
  EXPECT_TRUE(has(SocketRole::dialing, "tcp_fastopen_connect"));
  EXPECT_FALSE(has(SocketRole::listening, "tcp_fastopen_connect"));
  EXPECT_TRUE(has(SocketRole::accepted, "so_keepalive"));
}

int fastopen_sysctl() {
  int setting = -1;
  std::ifstream("/proc/sys/net/ipv4/tcp_fastopen") >> setting;
  return setting;
}

// The test of a whole exchange is in tests/test_fast_open.py, in a namespace that may.
TEST(SocketOptions, AListenerTakesDataInASynOrSaysWhyNot) {
  const ListenOptions options{.socket = {.tcp_fastopen = 7}};
  if ((fastopen_sysctl() & 2) != 0) {
    const Fd listener = listen_on(Address::loopback(0), options);
    EXPECT_EQ(int_option(listener.get(), IPPROTO_TCP, TCP_FASTOPEN), 7);
    return;
  }
  try {
    listen_on(Address::loopback(0), options);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EOPNOTSUPP);
    EXPECT_NE(std::string(error.what()).find("sysctl net.ipv4.tcp_fastopen is"), std::string::npos);
  }
}

TEST(SocketOptions, AConnectWaitsForItsFirstBytes) {
  if ((fastopen_sysctl() & 1) == 0) GTEST_SKIP() << "net.ipv4.tcp_fastopen lets no client do it";
  const Fd listener = listen_on(Address::loopback(0), {});
  // With a cookie of an earlier connection nothing is sent, so that nothing can be accepted.
  const Fd client =
      connect_to(local_address(listener.get()), {.tcp_fastopen_connect = true}, kSecond_ns);
  EXPECT_EQ(int_option(client.get(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT), 1);
}

TEST(SocketOptions, ComplainInOneLine) {
  SocketOptions options;
  EXPECT_EQ(set_option(options, "tcp_nodely", "true").error(),
            "unknown socket option 'tcp_nodely'");
  EXPECT_EQ(set_option(options, "tcp_nodelay", "yes").error(),
            "tcp_nodelay must be true or false, not 'yes'");
  EXPECT_EQ(set_option(options, "so_sndbuf", "-1").error(),
            "so_sndbuf must be a whole number, 0 or more, not '-1'");
  EXPECT_EQ(options, SocketOptions{});
  for (const auto name : socket_option_names(SocketRole::listening)) {
    EXPECT_FALSE(set_option(options, name, "")) << name;
  }
}

TEST(SocketOptions, WhatTheKernelRefusesNamesTheOption) {
  SocketOptions options;
  options.tcp_congestion = "no_such_law";
  const Fd listener = listen_on(Address::loopback(0), {});
  try {
    apply(listener.get(), options, SocketRole::accepted);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("tcp_congestion"), std::string::npos);
  }
}

TEST(SocketOptions, QuickackIsRearmedOnlyWhenAsked) {
  const TcpPair pair;
  SocketOptions options{.tcp_quickack = true};
  const int fd = pair.client.get();
  const int off = 0;
  ASSERT_EQ(setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off), 0);
  rearm_quickack(fd, {});
  EXPECT_EQ(int_option(fd, IPPROTO_TCP, TCP_QUICKACK), 0);
  rearm_quickack(fd, options);
  EXPECT_EQ(int_option(fd, IPPROTO_TCP, TCP_QUICKACK), 1);
}

TEST(Socket, AddressesSurviveTheKernel) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    const Fd listener = listen_on(*Address::parse(host, 0), {});
    const Address address = local_address(listener.get());
    EXPECT_NE(address.port, 0);
    EXPECT_EQ(address, *Address::parse(host, address.port));
    EXPECT_TRUE(connect_to(address, {}, kSecond_ns));
  }
}

TEST(Socket, PortInUseSaysSo) {
  const Fd listener = listen_on(Address::loopback(0), {});
  const Address taken = local_address(listener.get());
  try {
    listen_on(taken, {});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EADDRINUSE);
    EXPECT_NE(std::string(error.what()).find(taken.text()), std::string::npos);
  }
}

TEST(Socket, SeveralListenersShareAPort) {
  const Fd first = listen_on(Address::loopback(0), {.reuse_port = true});
  EXPECT_TRUE(listen_on(local_address(first.get()), {.reuse_port = true}));
}

TEST(Socket, RefusedIsAValueWhenDialing) {
  Address nobody;
  {
    const Fd listener = listen_on(Address::loopback(0), {});
    nobody = local_address(listener.get());
  }
  EXPECT_THROW(connect_to(nobody, {}, kSecond_ns), std::system_error);
  Dialed dialed = dial_socket(nobody, {});
  if (dialed.error == Errc::ok) {
    set_blocking(dialed.fd.get(), true);
    char byte;
    EXPECT_LT(::recv(dialed.fd.get(), &byte, 1, 0), 0);
    EXPECT_EQ(errno, ECONNREFUSED);
  } else {
    EXPECT_EQ(dialed.error, Errc::connect_refused);
  }
}

TEST(Flush, BoundariesAreCallsOfTheirOwn) {
  const Pair pair;
  Counters counters;
  Box out;
  out.write("one");
  out.boundary();
  out.write("two");
  out.write("three");
  EXPECT_EQ(flush(pair.a.get(), out, counters), Flush::done);
  EXPECT_EQ(counters.value(Counter::send_calls), 2U);
  EXPECT_EQ(counters.value(Counter::bytes_out), 11U);
  EXPECT_EQ(read_all(pair.b.get(), 11), "onetwothree");
}

TEST(Flush, GoesOnWhereTheSocketStopped) {
  const Pair pair;
  const int small = 4096;
  setsockopt(pair.a.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  Counters counters;
  Box out;
  std::string payload(200'000, ' ');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 7 + i / 251);
  out.write(payload);
  std::string got;
  while (flush(pair.a.get(), out, counters) == Flush::blocked) {
    got += read_all(pair.b.get(), 1);
    char rest[8192];
    const ssize_t n = ::recv(pair.b.get(), rest, sizeof rest, MSG_DONTWAIT);
    if (n > 0) got.append(rest, static_cast<std::size_t>(n));
  }
  got += read_all(pair.b.get(), payload.size() - got.size());
  EXPECT_EQ(got, payload);
  EXPECT_GT(counters.value(Counter::send_again), 0U);
}

TEST(SendCall, EachIsKnownByItsNameAndSendsTheSame) {
  block_sigpipe();
  for (const std::string_view name : {"send", "write", "writev", "sendmsg"}) {
    const Pair pair;
    EXPECT_EQ(send_by(send_call(name).value(), pair.a.get(), as_bytes("hello")), 5) << name;
    EXPECT_EQ(read_all(pair.b.get(), 5), "hello") << name;
  }
  EXPECT_FALSE(send_call("sendto"));
}

TEST(SendCall, ZeroCopyIsToldWhenItIsDoneAndThatLoopbackCopied) {
  const TcpPair pair;
  Counters counters;
  const std::string payload(100'000, 'x');
  enable_zerocopy(pair.client.get());
  const ssize_t taken = send_by(SendCall::zerocopy, pair.client.get(), as_bytes(payload));
  ASSERT_GT(taken, 0);
  EXPECT_EQ(read_all(pair.server.get(), static_cast<std::size_t>(taken)).size(),
            static_cast<std::size_t>(taken));
  pollfd told{.fd = pair.client.get(), .events = 0, .revents = 0};
  ASSERT_EQ(::poll(&told, 1, 10'000), 1);  // errors are always told
  take_zerocopy(pair.client.get(), counters);
  EXPECT_EQ(counters.value(Counter::zerocopy_done), 1U);
  EXPECT_EQ(counters.value(Counter::zerocopy_copied), 1U);
}

TEST(Flush, CorkedBatchIsOneSegmentAndTheCorkIsOutAgain) {
  const TcpPair pair;
  Counters counters;
  Box out;
  out.cork();
  out.write("head");
  out.boundary();
  out.write("body");
  EXPECT_EQ(flush(pair.client.get(), out, counters), Flush::done);
  EXPECT_EQ(counters.value(Counter::send_calls), 2U);
  EXPECT_EQ(int_option(pair.client.get(), IPPROTO_TCP, TCP_CORK), 0);
  EXPECT_EQ(read_all(pair.server.get(), 8), "headbody");
}

TEST(Flush, FileRangesComeInOrderWithBytes) {
  const Pair pair;
  char name[] = "/tmp/zyphos_net_testXXXXXX";
  const Fd file(mkstemp(name));
  ASSERT_TRUE(file);
  ::unlink(name);
  ASSERT_EQ(::write(file.get(), "0123456789", 10), 10);
  Counters counters;
  Box out;
  out.write("<");
  out.file({.fd = file.get(), .offset = 2, .size = 5});
  out.write(">");
  EXPECT_EQ(flush(pair.a.get(), out, counters), Flush::done);
  EXPECT_EQ(read_all(pair.b.get(), 7), "<23456>");
  out.file({.fd = file.get(), .offset = 8, .size = 5});
  EXPECT_EQ(flush(pair.a.get(), out, counters), Flush::failed);  // the file ends before its range
}

TEST(Flush, PeersEndsAreValues) {
  Counters counters;
  Pair pair;
  pair.b.reset();
  Box out;
  out.write("x");
  EXPECT_EQ(flush(pair.a.get(), out, counters), Flush::gone);

  TcpPair tcp;
  reset_on_close(tcp.server.get());
  tcp.server.reset();
  std::byte buffer[8];
  EXPECT_EQ(receive(tcp.client.get(), buffer, 0, counters).state, Receive::reset);
}

TEST(Receive, TellsNothingBytesAndEndApart) {
  Pair pair;
  Counters counters;
  std::byte buffer[8];
  EXPECT_EQ(receive(pair.a.get(), buffer, MSG_DONTWAIT, counters).state, Receive::again);
  ASSERT_EQ(::send(pair.b.get(), "abc", 3, 0), 3);
  const Received received = receive(pair.a.get(), buffer, 0, counters);
  EXPECT_EQ(received.state, Receive::bytes);
  EXPECT_EQ(received.size, 3U);
  pair.b.reset();
  EXPECT_EQ(receive(pair.a.get(), buffer, 0, counters).state, Receive::finished);
  EXPECT_EQ(counters.value(Counter::recv_calls), 3U);
  EXPECT_EQ(counters.value(Counter::recv_again), 1U);
}

TEST(Cpu, PinsOrSaysWhichCpu) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int allowed = 0;
  while (!CPU_ISSET(allowed, &before)) ++allowed;
  pin_thread(allowed);
  EXPECT_EQ(sched_getcpu(), allowed);
  EXPECT_THROW(pin_thread(-1), std::system_error);
  EXPECT_THROW(pin_thread(CPU_SETSIZE - 1), std::system_error);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Clock, GoesForward) {
  const Time first = clock_now();
  EXPECT_LE(first, clock_now());
  EXPECT_EQ(to_timespec(-5).tv_nsec, 0);
  EXPECT_EQ(to_timespec(kSecond_ns + 7).tv_sec, 1);
  EXPECT_EQ(to_timespec(kSecond_ns + 7).tv_nsec, 7);
}

}  // namespace
}  // namespace zyphos
