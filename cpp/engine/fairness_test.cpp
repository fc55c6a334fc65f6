// One connection that starves the rest (m08.fail.1): a peer that sends faster than it is read, in a
// loop that reads as long as there is something; and the cure, a turn of a few receives.
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

constexpr std::size_t kChunks_max = 400;
constexpr std::size_t kAsked = 2;  // the greedy one's receive in which the other asks
constexpr unsigned kTurn = 4;

class Fairness : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped()) return;
    ZY_NEEDS_THIS_PROCESS("receives are counted");
    const std::string& engine = mode().engine;
    if (engine == "thread" || engine == "pool" || engine == "sequential") {
      GTEST_SKIP() << "one thread serves one connection";
    }
    if (engine == "uring") GTEST_SKIP() << "the kernel takes turns: it is told of nothing readable";
    if (mode().threads > 1) GTEST_SKIP() << "two loops, and the two connections may be on both";
  }

  // How many receives of the greedy connection there are, from when a request of another lies in
  // its socket, until that one is served; kChunks_max: it never was before the greedy one's end.
  // The greedy one's peer sends more whenever it is read.
  std::size_t receives_meanwhile(unsigned per_turn) {
    options_.readiness.receives_per_turn = per_turn;
    options_.socket.so_rcvbuf = 1 << 20;
    start([this] { return make(); });
    Client greedy(address());
    Client other(address());
    eventually([&] { return made_ == 2; }, "two connections");
    other_fd_ = other.fd();
    greedy_fd_ = greedy.fd();
    greedy.send("x");
    EXPECT_EQ(other.read(1), "y");
    eventually([&] { return receives_ >= kChunks_max; }, "the end of the greedy one");
    greedy.close();
    other.close();
    stop();
    return at_answer_ - kAsked;
  }

 private:
  std::unique_ptr<Connection> make() {
    if (made_++ == 0) {
      return std::make_unique<Scripted>([this](Bytes in, Peer peer, Outbox&, Time, Context&) {
        if (!in.empty()) be_greedy();
        return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::abort};
      });
    }
    return std::make_unique<Scripted>([this](Bytes in, Peer peer, Outbox& out, Time, Context&) {
      if (!in.empty()) {
        at_answer_ = std::min<std::size_t>(receives_, kChunks_max);
        out.write(as_bytes(std::string_view("y")));
      }
      return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::abort};
    });
  }

  // On the loop's thread, so that what the peers send is there before the next receive. The count
  // comes last: with it the test may close the peers' sockets.
  void be_greedy() {
    const std::size_t receives = receives_ + 1;
    if (receives > kChunks_max) return;
    if (receives == kAsked) ::send(other_fd_, "?", 1, MSG_NOSIGNAL);
    static const std::vector<char> much(256 * 1024);
    ::send(greedy_fd_, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    receives_ = receives;
  }

  std::atomic<int> made_ = 0;
  std::atomic<int> other_fd_ = -1;
  std::atomic<int> greedy_fd_ = -1;
  std::atomic<std::size_t> receives_ = 0;
  std::atomic<std::size_t> at_answer_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Engines, Fairness, every_engine(), engine_name);

TEST_P(Fairness, WithoutTurnsOneStarvesTheRest) { EXPECT_GT(receives_meanwhile(0), 10 * kTurn); }

TEST_P(Fairness, WithTurnsItDoesNot) { EXPECT_LE(receives_meanwhile(kTurn), 2 * kTurn); }

}  // namespace
}  // namespace zyphos
