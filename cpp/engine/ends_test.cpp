// How an engine lets go of a connection, by its options: lingering or not, by FIN or RST, and what
// it forgets of it on purpose.
#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class Ends : public EngineTest {
 protected:
  // Answers the first input with `answer` and closes.
  void start_answering(std::string answer) {
    start([text = std::move(answer)] {
      return std::make_unique<Scripted>(
          [text, at = std::size_t{0}](Bytes in, Peer peer, Outbox& out, Time, Context&) mutable {
            if (peer == Peer::lost) return Step{.next = Next::abort};
            if (in.empty() && at == 0) return Step{};
            while (at < text.size() && out.room() > 0) {
              const std::size_t n = std::min(out.room(), text.size() - at);
              out.write(as_bytes(std::string_view(text).substr(at, n)));
              at += n;
            }
            const bool over = at == text.size();
            return Step{.consumed = in.size(),
                        .next = over ? Next::close : Next::run,
                        .need = over ? Need::input : Need::room};
          });
    });
  }

  void come_and_go(int times) {
    for (int i = 0; i < times; ++i) {
      Client client(address());
      client.send(pattern(8));
      ASSERT_EQ(client.read(8), pattern(8));
    }
    eventually([&] { return count(Counter::closed) == static_cast<std::uint64_t>(times); },
               "the connections' ends");
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Ends, every_engine(), engine_name);

TEST_P(Ends, WithoutLingeringTheSocketIsClosedAtOnceAndTheAnswerArrives) {
  options_.limits.lingers = false;
  options_.socket.so_sndbuf = 16 * 1024;
  const std::string answer = pattern(300'000);
  start_answering(answer);
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read_all(), answer);
  EXPECT_EQ(client.error(), 0);
  // And this client has not closed.
  eventually([&] { return count(Counter::closed) == 1; }, "the connection's end");
}

TEST_P(Ends, WithALingerTimeOfZeroItIsReset) {
  options_.limits.lingers = false;
  options_.socket.so_linger = 0;
  start_answering("bye");
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read_all(), "bye");  // what had arrived is still there
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST_P(Ends, LingeringComesBeforeALingerTimeOfZero) {
  options_.socket.so_linger = 0;
  start_answering("bye");
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read_all(), "bye");
  EXPECT_EQ(client.error(), 0);
}

TEST_P(Ends, AForgottenDescriptorStays) {
  ZY_NEEDS_THIS_PROCESS("descriptors are counted");
  options_.threads = 1;  // each counts its own connections
  options_.leak = {.every = 2, .what = Leaked::descriptor};
  start_echo(8);
  const std::size_t before = open_descriptors();
  come_and_go(6);
  eventually([&] { return open_descriptors() == before + 3; }, "three left of the six");
}

TEST_P(Ends, NothingIsForgottenUnasked) {
  ZY_NEEDS_THIS_PROCESS("descriptors are counted");
  start_echo(8);
  const std::size_t before = open_descriptors();
  come_and_go(6);
  eventually([&] { return open_descriptors() == before; }, "none left");
}

TEST_P(Ends, WhatMayNotBlockAnswersToo) {
  options_.blocking = false;  // of the engines whose threads block; no other one knows of it
  start_echo(8);
  come_and_go(3);
  EXPECT_EQ(count(Counter::requests), 3U);
  EXPECT_EQ(count(Counter::recv_again), 0U);
}

}  // namespace
}  // namespace zyphos
