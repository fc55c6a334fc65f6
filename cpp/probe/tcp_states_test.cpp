// A connection on loopback: every change of both its sockets, in the order of RFC 9293, with the
// kernel's two departures from it (tcp_states.bpf.c).
#include "probe/tcp_states.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace zyphos {
namespace {

enum : int { established = 1, syn_sent, syn_recv, fin_wait1, fin_wait2 };
enum : int { closed = 7, close_wait, last_ack, listening };
using Steps = std::vector<std::pair<int, int>>;

std::uint32_t own_namespace() {
  struct stat status{};
  stat("/proc/self/ns/net", &status);
  return static_cast<std::uint32_t>(status.st_ino);
}

Steps of_role(const std::vector<tcp_state_change>& changes, unsigned role) {
  Steps steps;
  for (const auto& one : changes)
    if (one.role == role) steps.emplace_back(one.from, one.to);
  return steps;
}

class Listener {
 public:
  Listener() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    if (bind(fd_, as_address(), size) != 0 || listen(fd_, 1) != 0 ||
        getsockname(fd_, as_address(), &size) != 0)
      ADD_FAILURE() << "no listener";
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(fd_); }

  sockaddr* as_address() { return reinterpret_cast<sockaddr*>(&address_); }
  std::uint16_t port() const { return ntohs(address_.sin_port); }

  // Connected to, and closed from the client's side first.
  void visit() {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(client, as_address(), sizeof address_), 0);
    const int server = accept(fd_, nullptr, nullptr);
    close(client);
    char byte = 0;
    EXPECT_EQ(recv(server, &byte, 1, 0), 0);
    close(server);
  }

 private:
  int fd_;
  sockaddr_in address_{};
};

TEST(TcpStates, TellsAConnectionsWholeLife) {
  auto states = TcpStates::load();
  if (!states) GTEST_SKIP() << states.error();
  Listener listener;
  const std::vector<std::uint32_t> here{own_namespace()};
  (*states)->watch(listener.port(), here);
  listener.visit();
  const auto changes = (*states)->take();
  EXPECT_EQ((*states)->lost(), 0U);
  EXPECT_EQ(of_role(changes, 1), (Steps{{closed, syn_sent},
                                        {syn_sent, established},
                                        {established, fin_wait1},
                                        {fin_wait1, fin_wait2},
                                        {fin_wait2, closed}}));
  EXPECT_EQ(of_role(changes, 0), (Steps{{listening, syn_recv},
                                        {syn_recv, established},
                                        {established, close_wait},
                                        {close_wait, last_ack},
                                        {last_ack, closed}}));
}

TEST(TcpStates, SeesNeitherAnotherPortNorAnotherNamespace) {
  auto states = TcpStates::load();
  if (!states) GTEST_SKIP() << states.error();
  Listener listener;
  const std::vector<std::uint32_t> here{own_namespace()}, elsewhere{1};
  (*states)->watch(static_cast<std::uint16_t>(listener.port() ^ 1), here);
  listener.visit();
  EXPECT_TRUE((*states)->take().empty());
  (*states)->watch(listener.port(), elsewhere);
  listener.visit();
  EXPECT_TRUE((*states)->take().empty());
  (*states)->watch(0, {});
  listener.visit();
  EXPECT_TRUE((*states)->take().empty());
  const std::vector<std::uint32_t> many(9);
  EXPECT_THROW((*states)->watch(1, many), std::invalid_argument);
}

}  // namespace
}  // namespace zyphos
