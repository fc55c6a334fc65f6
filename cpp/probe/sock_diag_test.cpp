// Loopback sockets whose traffic is known, seen over sock_diag.
#include "probe/sock_diag.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

namespace zyphos {
namespace {

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  return ntohs(address.sin_port);
}

// A connected pair over 127.0.0.1: [0] connected, [1] was accepted on `port`.
struct Pair {
  Pair() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(listener, any, length), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    address.sin_port = htons(port = port_of(listener));
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fds[0], any, length), 0);
    fds[1] = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    EXPECT_GE(fds[1], 0);
    close(listener);
  }
  ~Pair() {
    for (const int fd : fds) close(fd);
  }

  // Those of `sockets` that are this pair's. An earlier server's connections may stand in TIME_WAIT
  // towards the very port that the kernel gave out again, and are shown with it, rightly.
  template <typename Socket>
  std::vector<Socket> own(std::vector<Socket> sockets) const {
    std::erase_if(sockets, [client_port = port_of(fds[0])](const Socket& socket) {
      return socket.local_port != client_port && socket.remote_port != client_port;
    });
    return sockets;
  }

  std::uint16_t port = 0;
  std::array<int, 2> fds{};
};

TEST(SockDiag, ShowsBothEndsAndTheirBytes) {
  Pair pair;
  std::array<char, 100> bytes{};
  ASSERT_EQ(send(pair.fds[0], bytes.data(), bytes.size(), 0), 100);
  ASSERT_EQ(recv(pair.fds[1], bytes.data(), bytes.size(), MSG_WAITALL), 100);
  auto sockets = pair.own(SockDiag().dump(pair.port));
  ASSERT_EQ(sockets.size(), 2U);
  std::ranges::sort(sockets, {}, [&](const auto& s) { return s.local_port == pair.port; });
  const auto& [client, server] = std::tie(sockets[0], sockets[1]);
  EXPECT_EQ(client.remote_port, pair.port);
  EXPECT_EQ(server.local_port, pair.port);
  EXPECT_EQ(client.data_segs_out, 1U);
  EXPECT_EQ(server.data_segs_in, 1U);
  EXPECT_EQ(server.bytes_received, 100U);
  EXPECT_NE(client.cookie, server.cookie);
  EXPECT_FALSE(client.congestion.empty());
  EXPECT_FALSE(client.ipv6);
}

TEST(SockDiag, LeavesOtherPortsOut) {
  Pair pair, other;
  SockDiag diag;
  for (const auto& socket : diag.dump(pair.port)) {
    EXPECT_TRUE(socket.local_port == pair.port || socket.remote_port == pair.port);
    EXPECT_NE(socket.local_port, other.port);
  }
  EXPECT_EQ(other.own(diag.dump(other.port)).size(), 2U);
}

TEST(SockDiag, ShowsWhatQueuesHold) {
  Pair pair;
  std::array<char, 1000> bytes{};
  ASSERT_EQ(send(pair.fds[0], bytes.data(), bytes.size(), 0), 1000);
  const auto sockets = pair.own(SockDiag().queues(pair.port));
  ASSERT_EQ(sockets.size(), 2U);
  for (const auto& socket : sockets) {
    const bool server = socket.local_port == pair.port;
    EXPECT_EQ(socket.state, kTcpEstablished);
    EXPECT_EQ(socket.receive_queue, server ? 1000U : 0U);
    EXPECT_EQ(socket.drops, 0U);
    if (server) {
      EXPECT_GE(socket.memory_bytes.value_or(0), 1000U);
    }
  }
}

TEST(SockDiag, OpensInANamedNamespace) {
  Pair pair;
  EXPECT_EQ(pair.own(SockDiag("/proc/self/ns/net").queues(pair.port)).size(), 2U);
  EXPECT_THROW(SockDiag("/proc/self/ns/none"), std::system_error);
  try {
    // Of no network namespace: entering is refused whoever asks (EINVAL, or EPERM without rights).
    SockDiag("/proc/self/ns/uts");
    FAIL() << "opened in no network namespace";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("/proc/self/ns/uts"), std::string::npos);
  }
}

}  // namespace
}  // namespace zyphos
