// How io_uring fails, provoked on the real kernel with rings that are too small, and what engine
// uring makes of it: every request is still answered. (Roadmap m11.fail.)
#include <thread>
#include <vector>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class UringTrouble : public EngineTest {
 protected:
  // `clients` at once send `pieces` of `size` bytes; each must get all of its own back, in order.
  void storm(std::size_t clients, std::size_t size, std::size_t pieces) {
    std::vector<std::unique_ptr<Client>> all;
    for (std::size_t i = 0; i < clients; ++i) all.push_back(std::make_unique<Client>(address()));
    const std::string whole = pattern(size * pieces);
    for (std::size_t n = 0; n < pieces; ++n) {
      for (auto& client : all) client->send(std::string_view(whole).substr(n * size, size));
    }
    for (auto& client : all) ASSERT_TRUE(client->read(whole.size()) == whole);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, UringTrouble, ::testing::Values("uring"), engine_name);

TEST_P(UringTrouble, OverflowedCompletionsAreAnsweredToo) {
  options_.uring.submissions = 2;
  options_.uring.completions = 2;
  // The loop is kept busy, so that more completes meanwhile than the queue has room for.
  std::atomic<bool> held = false;
  std::atomic<bool> go = false;
  start([&] {
    return std::make_unique<Scripted>(
        [&](Bytes in, Peer peer, Outbox& out, Time, Context& context) {
          if (!in.empty() && !held.exchange(true)) {
            while (!go) ::sched_yield();
          }
          context.counters().add(Counter::requests);
          out.write(in);
          return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
        });
  });
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(address()));
    eventually([&] { return count(Counter::accepted) == clients.size(); }, "accepted");
  }
  clients[0]->send(pattern(8));
  eventually([&] { return held.load(); }, "the loop is held");
  for (std::size_t i = 1; i < clients.size(); ++i) clients[i]->send(pattern(8));
  go = true;
  for (auto& client : clients) EXPECT_EQ(client->read(8), pattern(8));
  EXPECT_GT(count(Counter::ring_overflows), 0U);
}

TEST_P(UringTrouble, OneReceiveBufferForAllServesAll) {
  options_.uring.buffers = 1;
  options_.uring.buffer_bytes = 64;
  start_echo(32);
  storm(20, 320, 10);
  EXPECT_GT(count(Counter::buffers_exhausted), 0U);
  EXPECT_GT(count(Counter::ring_rearms), 0U);  // want of a buffer ends a multishot
}

TEST_P(UringTrouble, OneEntryAtATimeServesAll) {
  options_.uring.submissions = 1;
  options_.uring.completions = 1;
  options_.uring.buffers = 1;
  options_.uring.buffer_bytes = 64;
  start_echo(32);
  storm(20, 320, 10);
  stop();
  EXPECT_EQ(count(Counter::accepted), 20U);
}

TEST_P(UringTrouble, PartsOfManySendsAreNotMixedUp) {
  options_.uring.submissions = 2;  // submitted in the midst of a batch, again and again
  options_.uring.completions = 64;
  std::atomic<bool> held = false;
  std::atomic<bool> go = false;
  start([&] {
    return std::make_unique<Scripted>([&](Bytes in, Peer peer, Outbox& out, Time, Context&) {
      if (!in.empty() && !held.exchange(true)) {
        while (!go) ::sched_yield();
      }
      // Two parts: what the client sent, and what does not lie beside it.
      if (!in.empty()) {
        out.write(in);
        EXPECT_TRUE(out.refer(as_bytes("...."), {}));
      }
      return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
    });
  });
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<Client>(address()));
  eventually([&] { return count(Counter::accepted) == 20; }, "all accepted");
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i]->send(std::string(8, static_cast<char>('a' + i)));
    if (i == 0) eventually([&] { return held.load(); }, "the loop is held");
  }
  go = true;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i]->read(12), std::string(8, static_cast<char>('a' + i)) + "....");
  }
}

// answers: m11.build.2
TEST_P(UringTrouble, CompletionsComeInAnyOrderAndFindTheirConnection) {
  // The first one's send cannot complete, for nobody reads it: the others' overtake it.
  options_.socket.so_sndbuf = 4096;
  options_.uring.submissions = 4;
  options_.uring.completions = 4;
  const std::string body = pattern(200'000);
  start([&] {
    return std::make_unique<Scripted>([&](Bytes in, Peer peer, Outbox& out, Time, Context&) {
      if (!in.empty()) {
        EXPECT_TRUE(out.refer(as_bytes(body), {}));
      }
      return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
    });
  });
  SocketOptions small;
  small.so_rcvbuf = 4096;
  Client slow(address(), small);
  slow.send("x");
  eventually([&] { return count(Counter::bytes_out) > 0; }, "the slow one's first bytes");
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<Client>(address()));
  for (auto& client : clients) client->send("x");
  for (auto at = clients.rbegin(); at != clients.rend(); ++at) {
    EXPECT_TRUE((*at)->read(body.size()) == body);
  }
  EXPECT_TRUE(slow.read(body.size()) == body);
}

TEST_P(UringTrouble, ErrorsInCompletionsEndTheirConnectionAlone) {
  options_.uring.submissions = 2;
  options_.uring.completions = 2;
  options_.uring.buffers = 2;
  options_.socket.so_sndbuf = 4096;
  start([] {
    return std::make_unique<Scripted>([](Bytes in, Peer peer, Outbox& out, Time, Context&) {
      if (peer == Peer::lost) return Step{.next = Next::abort};
      while (!in.empty() && out.room() > 512) out.write(as_bytes(std::string(512, 'x')));
      return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
    });
  });
  Client good(address());
  for (int i = 0; i < 20; ++i) {
    Client bad(address());
    bad.send("x");
    EXPECT_EQ(bad.read(100).size(), 100U);
    bad.reset();  // receive and send under way both fail
    good.send("x");
    EXPECT_EQ(good.read(512), std::string(512, 'x'));
  }
  eventually([&] { return count(Counter::closed) == 20; }, "the connections' ends");
  EXPECT_EQ(errors(Errc::peer_reset) + errors(Errc::peer_gone), 20U);
}

// --- what is counted ---

// answers: m11.build.2
TEST_P(UringTrouble, WhatPassesThroughTheRingIsCounted) {
  start_echo(8);
  Client client(address());
  for (int i = 0; i < 50; ++i) {
    client.send(pattern(8));
    ASSERT_EQ(client.read(8), pattern(8));
  }
  client.close();
  stop();
  EXPECT_EQ(count(Counter::ring_cqes), count(Counter::events));
  EXPECT_GE(count(Counter::ring_sqes), 50U + 3);  // sends; mailbox, accept, receive
  EXPECT_GE(count(Counter::ring_cqes), 50U * 2);
  EXPECT_GE(count(Counter::ring_enters), count(Counter::wakeups));
  EXPECT_EQ(count(Counter::ring_overflows), 0U);
}

TEST_P(UringTrouble, ZeroCopySendsTellThatLoopbackCopies) {
  options_.uring.send_zc_bytes = 64;
  start_echo(64);
  Client client(address());
  for (int i = 0; i < 50; ++i) {
    client.send(pattern(64));
    ASSERT_EQ(client.read(64), pattern(64));
  }
  client.close();
  stop();
  EXPECT_EQ(count(Counter::zerocopy_done), 50U);
  EXPECT_EQ(count(Counter::zerocopy_copied), 50U);
}

TEST_P(UringTrouble, RegisteredMemoryIsWhatSmallAnswersLieIn) {
  options_.uring.send_zc_bytes = 64;
  options_.uring.registered_buffers = true;
  start_echo(64);
  Client client(address());
  client.send(pattern(64));
  ASSERT_EQ(client.read(64), pattern(64));
  EXPECT_EQ(count(Counter::ring_mapped_sends), 1U);
}

TEST_P(UringTrouble, ABundleIsOneCompletionForSeveralBuffers) {
  std::uint64_t completions[2];
  for (const bool bundles : {false, true}) {
    options_.uring.recv_bundles = bundles;
    options_.uring.buffers = 64;
    options_.uring.buffer_bytes = 128;
    const std::uint64_t before = count(Counter::recv_calls);
    start_echo(32);
    storm(1, 32'000, 4);
    stop();
    completions[bundles] = count(Counter::recv_calls) - before;
  }
  EXPECT_LT(completions[1] * 2, completions[0]);
}

// --- switches ---

TEST(UringOptions, ContradictionsAreRefused) {
  Board board;
  const auto factory = [] { return std::unique_ptr<Connection>(); };
  const std::vector<UringOptions> wrong{
      {.single_issuer = false},
      {.sqpoll = true},
      {.taskrun = Taskrun::none, .sqpoll_cpu = 0},
      {.buffer_ring = false},
      {.multishot_recv = false, .buffer_ring = false, .recv_bundles = true},
      {.multishot_recv = false, .buffer_ring = false, .incremental_buffers = true},
      {.recv_bundles = true, .incremental_buffers = true},
      {.link_recv = true},
      {.registered_buffers = true},
      {.link_shutdown = true, .submissions = 1},
      {.submissions = 64, .completions = 32},
      {.buffers = 3},
      {.buffers = 65536},
  };
  for (const UringOptions& options : wrong) {
    EXPECT_NE(contradiction(options), "");
    EngineOptions all;
    all.uring = options;
    EXPECT_THROW(make_engine("uring", all, factory, board), std::invalid_argument);
  }
  for (const EngineMode& mode : engine_modes()) EXPECT_EQ(contradiction(mode.uring), "");
}

}  // namespace
}  // namespace zyphos
