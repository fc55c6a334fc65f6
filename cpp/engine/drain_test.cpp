// Graceful stop: what drain() does to connections in each state.
#include <thread>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class Drain : public EngineTest {
 protected:
  // Drains and waits until the engine has noticed: an idle connection's end tells.
  void drain_noticed() {
    Client idle(address());
    idle.send(pattern(8));
    EXPECT_EQ(idle.read(8), pattern(8));
    engine_->drain();
    EXPECT_EQ(idle.read_all(), "");
    EXPECT_EQ(idle.error(), 0);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Drain, every_engine(), engine_name);

TEST_P(Drain, IdleConnectionsEndAtOnce) {
  ZY_NEEDS_AT_ONCE(2U);
  start_echo(8);
  Client fresh(address());
  Client used(address());
  used.send(pattern(8));
  EXPECT_EQ(used.read(8), pattern(8));
  engine_->drain();
  EXPECT_EQ(used.read_all(), "");
  EXPECT_EQ(fresh.read_all(), "");
  EXPECT_EQ(used.error() + fresh.error(), 0);
  used.close();
  fresh.close();
  stop();
  EXPECT_EQ(count(Counter::accepted), 2U);
  EXPECT_EQ(errors(Errc::drain_timeout), 0U);
}

// answers: m03.build.3, s1.4
TEST_P(Drain, ARequestUnderWayIsStillAnswered) {
  ZY_NEEDS_AT_ONCE(2U);
  start_echo(8);
  Client client(address());
  client.send(pattern(11));
  EXPECT_EQ(client.read(8), pattern(8));
  drain_noticed();
  client.send(pattern(16).substr(11));
  EXPECT_EQ(client.read_all(), pattern(16).substr(8));
  EXPECT_EQ(client.error(), 0);
  client.close();
  stop();
  EXPECT_EQ(errors(Errc::drain_timeout), 0U);
}

TEST_P(Drain, ARequestInTheSocketIsStillAnswered) {
  options_.drain_timeout_ns = 20 * kSecond_ns;
  start_echo(8);
  Client client(address());
  client.send(pattern(8));
  EXPECT_EQ(client.read(8), pattern(8));
  client.send(pattern(8));
  engine_->drain();
  EXPECT_EQ(client.read_all(), pattern(8));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(Drain, AResponseUnderWayIsFinished) {
  options_.socket.so_sndbuf = 16 * 1024;
  constexpr std::size_t kSize = 2'000'000;
  start([] {
    return std::make_unique<Scripted>(
        [at = std::size_t{0}](Bytes in, Peer peer, Outbox& out, Time, Context&) mutable {
          if (peer == Peer::lost) return Step{.next = Next::abort};
          while (at < kSize && out.room() > 0) {
            const char byte = pattern_at(at);
            out.write(as_bytes({&byte, 1}));
            ++at;
          }
          const bool over = at == kSize;
          return Step{.consumed = in.size(),
                      .next = over ? Next::close : Next::run,
                      .need = over ? Need::input : Need::room};
        });
  });
  Client client(address());
  EXPECT_EQ(client.read(1000), pattern(1000));
  engine_->drain();
  EXPECT_EQ(client.read_all(), pattern(kSize).substr(1000));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(Drain, ALingeringConnectionWaitsForItsPeer) {
  options_.limits.linger_ns = 20 * kSecond_ns;
  start([] {
    return std::make_unique<Scripted>([](Bytes in, Peer, Outbox& out, Time, Context&) {
      out.write(in);
      return Step{.consumed = in.size(), .next = in.empty() ? Next::run : Next::close};
    });
  });
  Client client(address());
  client.send("bye");
  EXPECT_EQ(client.read_all(), "bye");
  engine_->drain();
  client.send("more");  // nobody wants it, nobody resets it
  client.close();
  stop();
  EXPECT_EQ(errors(Errc::drain_timeout), 0U);
  EXPECT_EQ(errors(Errc::peer_reset), 0U);
}

// answers: m03.build.3, s1.4
TEST_P(Drain, WhatDoesNotEndIsAborted) {
  options_.drain_timeout_ns = 30 * kMillisecond_ns;
  start_echo(8);
  Client waiting(address());
  waiting.send(pattern(11));
  EXPECT_EQ(waiting.read(8), pattern(8));
  engine_->drain();
  EXPECT_EQ(waiting.read_all(), "");
  EXPECT_EQ(waiting.error(), ECONNRESET);
  stop();
  EXPECT_EQ(errors(Errc::drain_timeout), 1U);
}

TEST_P(Drain, ABlockedWriterIsAborted) {
  options_.drain_timeout_ns = 30 * kMillisecond_ns;
  options_.socket.so_sndbuf = 8 * 1024;
  start([] {
    return std::make_unique<Scripted>([](Bytes in, Peer peer, Outbox& out, Time, Context&) {
      const std::string chunk(1024, 'x');
      while (peer != Peer::lost && out.room() > chunk.size()) out.write(as_bytes(chunk));
      return Step{.consumed = in.size(),
                  .next = peer == Peer::lost ? Next::abort : Next::run,
                  .need = Need::room};
    });
  });
  SocketOptions small;
  small.so_rcvbuf = 4096;
  Client client(address(), small);  // and never reads
  eventually([&] { return count(Counter::bytes_out) > 0; }, "the first bytes");
  stop();
  EXPECT_EQ(errors(Errc::drain_timeout), 1U);
}

// answers: s1.4
TEST_P(Drain, TheListenerIsGoneAndThePortFree) {
  start_echo(8);
  const Address where = address();
  stop();
  EXPECT_THROW(connect_to(where, {}, kSecond_ns), std::system_error);
  EXPECT_TRUE(listen_on(where, {}));
}

TEST_P(Drain, TwiceAndWithoutStartIsHarmless) {
  const auto unused = make_engine(mode().engine, options_, [] { return nullptr; }, board_);
  unused->drain();
  unused->join();
  start_echo(8);
  engine_->drain();
  engine_->drain();
  engine_->join();
  engine_->join();
}

}  // namespace
}  // namespace zyphos
