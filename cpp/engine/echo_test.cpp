// The plain life of a connection on each engine: messages in every split, many connections,
// half-close, peers that go away.
#include <sys/resource.h>

#include <thread>
#include <vector>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class Echo : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Echo, every_engine(), engine_name);

// answers: m08.build.5, m08.build.6, m11.build.1, e1
TEST_P(Echo, EverySplitOfTwoMessages) {
  options_.socket.tcp_nodelay = true;
  start_echo(8);
  const std::string message = pattern(16);
  Client client(address());
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    client.send(message.substr(0, cut));
    const std::size_t whole = cut / 8 * 8;
    EXPECT_EQ(client.read(whole), message.substr(0, whole));  // so that the cut is one on the wire
    client.send(message.substr(cut));
    EXPECT_EQ(client.read(16 - whole), message.substr(whole));
  }
  client.close();
  stop();
  EXPECT_EQ(count(Counter::requests), 30U);
  EXPECT_EQ(count(Counter::bytes_in), 240U);
  EXPECT_EQ(count(Counter::bytes_out), 240U);
}

TEST_P(Echo, WholeMessagesAreNeverCopied) {
  start_echo(64);
  Client client(address());
  for (int i = 0; i < 100; ++i) {
    client.send(pattern(64));
    ASSERT_EQ(client.read(64), pattern(64));
  }
  EXPECT_EQ(count(Counter::bytes_copied), 0U);
}

TEST_P(Echo, ManyPipelinedMessages) {
  start_echo(100);
  Client client(address());
  const std::string sent = pattern(100'000);
  std::string got;
  std::thread reader([&] { got = client.read(sent.size()); });
  client.send(sent);
  reader.join();
  EXPECT_EQ(got, sent);
}

TEST_P(Echo, HalfCloseAnswersWhatCameBefore) {
  start_echo(8);
  Client client(address());
  client.send(pattern(24));
  client.finish();
  EXPECT_EQ(client.read_all(), pattern(24));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(Echo, TruncatedMessageIsCountedOnce) {
  start_echo(8);
  Client client(address());
  client.send(pattern(11));
  client.finish();
  EXPECT_EQ(client.read_all(), pattern(8));
  stop();
  EXPECT_EQ(errors(Errc::truncated), 1U);
}

TEST_P(Echo, OptionsReachTheAcceptedSockets) {
  options_.socket.tcp_quickack = true;
  options_.socket.tcp_nodelay = true;
  options_.socket.tcp_congestion = "reno";
  start_echo(8);
  Client client(address());
  client.send(pattern(8));
  EXPECT_EQ(client.read(8), pattern(8));
}

TEST_P(Echo, UnknownCongestionControlFailsAtTheStart) {
  options_.socket.tcp_congestion = "no_such_law";
  EXPECT_THROW(start_echo(8), std::system_error);
  engine_.reset();
}

TEST_P(Echo, PortInUseFailsAtTheStart) {
  const Fd taken = listen_on(Address::loopback(0), {});
  options_.listen = local_address(taken.get());
  EXPECT_THROW(start_echo(8), std::system_error);
  engine_.reset();
}

TEST_P(Echo, SeveralThreadsServeOnePort) {
  ZY_NEEDS_AT_ONCE(32U);
  if (GetParam() != "pool") options_.threads = 2;
  start_echo(8);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 32; ++i) clients.push_back(std::make_unique<Client>(address()));
  for (auto& client : clients) client->send(pattern(8));
  for (auto& client : clients) EXPECT_EQ(client->read(8), pattern(8));
  clients.clear();
  stop();
  EXPECT_EQ(count(Counter::accepted), 32U);
}

TEST_P(Echo, AThousandConnections) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur < 3000) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 3000);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  std::size_t connections = std::min<std::size_t>(1000, limit.rlim_cur / 2 - 100);
  // The clients' descriptors lie between.
  if (mode().engine == "select") connections = std::min<std::size_t>(connections, 450);
  if (mode().engine == "pool") options_.threads = 1000;
  ZY_NEEDS_AT_ONCE(connections);
  start_echo(8);
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<Client>(address()));
  }
  for (int round = 0; round < 2; ++round) {
    for (auto& client : clients) client->send(pattern(8));
    for (auto& client : clients) ASSERT_EQ(client->read(8), pattern(8));
  }
  clients.clear();
  stop();
  EXPECT_EQ(count(Counter::accepted), connections);
  EXPECT_EQ(count(Counter::requests), 2 * connections);
}

TEST_P(Echo, AResetPeerIsCounted) {
  start_echo(8);
  Client client(address());
  client.send(pattern(8));
  EXPECT_EQ(client.read(8), pattern(8));
  client.reset();
  eventually([&] { return count(Counter::closed) == 1; }, "the connection's end");
  stop();
  EXPECT_EQ(errors(Errc::peer_reset), 1U);
}

// answers: m03.build.4
TEST_P(Echo, ConnectionsMaxPausesAccepting) {
  ZY_NEEDS_AT_ONCE(2U);
  // Several that accept may each let in one more.
  if (mode().engine != "pool") options_.threads = 1;
  options_.prefork.workers = 1;
  options_.connections_max = 2;
  start_echo(8);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(std::make_unique<Client>(address()));
  for (auto& client : clients) client->send(pattern(8));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(clients[i]->read(8), pattern(8));
  EXPECT_EQ(count(Counter::accepted), 2U);
  clients[0]->close();
  clients[1]->close();
  EXPECT_EQ(clients[2]->read(8), pattern(8));
  EXPECT_EQ(clients[3]->read(8), pattern(8));
  EXPECT_EQ(count(Counter::accepted), 4U);
}

TEST_P(Echo, WhoIsBeyondItsNumberIsServedWhenOneEnds) {
  if (GetParam() == "pool") options_.threads = 2;
  start_echo(8);
  const std::size_t at_once = std::min<std::size_t>(connections_at_once(), 2);
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < at_once + 3; ++i) {
    clients.push_back(std::make_unique<Client>(address()));
    clients.back()->send(pattern(8));
  }
  for (auto& client : clients) {
    EXPECT_EQ(client->read(8), pattern(8));
    client->close();
  }
  stop();
  EXPECT_EQ(count(Counter::requests), at_once + 3);
}

TEST_P(Echo, ANullConnectionIsDropped) {
  start([] { return nullptr; });
  Client client(address());
  EXPECT_EQ(client.read_all(), "");
}

}  // namespace
}  // namespace zyphos
