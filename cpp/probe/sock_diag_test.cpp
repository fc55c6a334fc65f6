// Loopback sockets whose traffic is known, seen over sock_diag.
#include "probe/sock_diag.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace zyphos {
namespace {

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
    EXPECT_EQ(getsockname(listener, any, &length), 0);
    port = ntohs(address.sin_port);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fds[0], any, length), 0);
    fds[1] = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    EXPECT_GE(fds[1], 0);
    close(listener);
  }
  ~Pair() {
    for (const int fd : fds) close(fd);
  }

  std::uint16_t port = 0;
  std::array<int, 2> fds{};
};

TEST(SockDiag, ShowsBothEndsAndTheirBytes) {
  Pair pair;
  std::array<char, 100> bytes{};
  ASSERT_EQ(send(pair.fds[0], bytes.data(), bytes.size(), 0), 100);
  ASSERT_EQ(recv(pair.fds[1], bytes.data(), bytes.size(), MSG_WAITALL), 100);
  auto sockets = SockDiag().dump(pair.port);
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
  EXPECT_EQ(diag.dump(other.port).size(), 2U);
}

}  // namespace
}  // namespace zyphos
