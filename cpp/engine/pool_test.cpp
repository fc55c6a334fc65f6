// The pool's queue: who is served next, what becomes of those for whom there is no room, and what
// the board says of it.
#include <system_error>
#include <vector>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

// One thread, held by the first connection until it goes.
class Pool : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    options_.threads = 1;
    options_.blocking_threads.queue_max = 2;
  }

  // Connects and occupies the thread.
  std::unique_ptr<Client> occupant() {
    auto client = std::make_unique<Client>(address());
    client->send(pattern(8));
    EXPECT_EQ(client->read(8), pattern(8));
    return client;
  }

  // Connects, sends, and waits until the engine has decided about it.
  std::unique_ptr<Client> comer(Counter decided, std::uint64_t times) {
    auto client = std::make_unique<Client>(address());
    client->send(pattern(8));
    eventually([&] { return count(decided) >= times; }, "the connection's place");
    return client;
  }

  // Whether a new connection is reset, be it before it is known to be one.
  bool is_reset() {
    try {
      Client client(address());
      return client.read_all().empty() && client.error() == ECONNRESET;
    } catch (const std::system_error& error) {
      return error.code().value() == ECONNRESET;
    }
  }

  // Served: then it makes room for the next.
  void expect_served(Client& client) {
    EXPECT_EQ(client.read(8), pattern(8));
    client.close();
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Pool, ::testing::Values("pool"), engine_name);

TEST_P(Pool, WhoWaitsLongestIsNext) {
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  first->close();
  expect_served(*second);
  expect_served(*third);
  stop();
  EXPECT_EQ(count(Counter::queued), 3U);
  EXPECT_EQ(count(Counter::queue_length_sum), 1U);  // the third found the second
}

TEST_P(Pool, OrTheLast) {
  options_.blocking_threads.queue_order = QueueOrder::lifo;
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  first->close();
  expect_served(*third);
  expect_served(*second);
}

TEST_P(Pool, AFullQueuePausesAccepting) {
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  auto fourth = comer(Counter::queue_paused, 1);  // connected, by the kernel
  EXPECT_EQ(count(Counter::accepted), 3U);
  first->close();
  expect_served(*second);
  expect_served(*third);
  expect_served(*fourth);
  stop();
  EXPECT_EQ(count(Counter::accepted), 4U);
  EXPECT_EQ(errors(Errc::queue_full), 0U);
}

TEST_P(Pool, OrRefusesTheNewest) {
  options_.blocking_threads.when_busy = WhenBusy::reject_newest;
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  EXPECT_TRUE(is_reset());
  first->close();
  expect_served(*second);
  expect_served(*third);
  stop();
  EXPECT_EQ(errors(Errc::queue_full), 1U);
}

TEST_P(Pool, WithAWordWhereThereIsOne) {
  options_.blocking_threads.when_busy = WhenBusy::reject_newest;
  options_.blocking_threads.refusal = "busy";
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  Client fourth(address());
  EXPECT_EQ(fourth.read_all(), "busy");
  EXPECT_EQ(fourth.error(), 0);
}

TEST_P(Pool, OrThrowsOutTheOldest) {
  options_.blocking_threads.when_busy = WhenBusy::drop_oldest;
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  auto fourth = comer(Counter::queued, 4);
  EXPECT_EQ(second->read_all(), "");
  EXPECT_EQ(second->error(), ECONNRESET);
  first->close();
  expect_served(*third);
  expect_served(*fourth);
  stop();
  EXPECT_EQ(errors(Errc::queue_full), 1U);
}

TEST_P(Pool, OrTheAcceptorServesIt) {
  options_.blocking_threads.when_busy = WhenBusy::caller_runs;
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  Client fourth(address());
  fourth.send(pattern(8));
  EXPECT_EQ(fourth.read(8), pattern(8));  // though the one thread is still held
  EXPECT_EQ(count(Counter::caller_runs), 1U);
  Client fifth(address());  // and now nobody accepts
  EXPECT_EQ(count(Counter::accepted), 4U);
  engine_->drain();  // which interrupts the acceptor too
  EXPECT_EQ(fourth.read_all(), "");
  EXPECT_EQ(fourth.error(), 0);
}

TEST_P(Pool, WithoutBoundNobodyIsRefused) {
  options_.blocking_threads.queue_max = 0;
  options_.blocking_threads.when_busy = WhenBusy::reject_newest;
  start_echo(8);
  auto first = occupant();
  std::vector<std::unique_ptr<Client>> others;
  for (std::uint64_t i = 0; i < 40; ++i) others.push_back(comer(Counter::queued, 2 + i));
  first->close();
  for (auto& other : others) expect_served(*other);
  stop();
  EXPECT_EQ(errors(Errc::queue_full), 0U);
  EXPECT_EQ(count(Counter::queue_length_sum), 40U * 39 / 2);
}

TEST_P(Pool, TheBoardHasEachWaitInOneClass) {
  options_.threads = 4;
  start_echo(8);
  for (int i = 0; i < 50; ++i) {
    Client client(address());
    client.send(pattern(8));
    EXPECT_EQ(client.read(8), pattern(8));
  }
  stop();
  std::uint64_t waits = 0;
  for (auto i = static_cast<std::size_t>(Counter::queue_waits_10us);
       i <= static_cast<std::size_t>(Counter::queue_waits_longer); ++i) {
    waits += board_.snapshot().values[i];
  }
  EXPECT_EQ(waits, 50U);
  EXPECT_EQ(count(Counter::queued), 50U);
  EXPECT_GT(count(Counter::queue_wait_ns), 0U);
}

TEST_P(Pool, WhoIsQueuedWhenItDrainsIsStillAnswered) {
  options_.drain_timeout_ns = 20 * kSecond_ns;
  start_echo(8);
  auto first = occupant();
  auto second = comer(Counter::queued, 2);
  auto third = comer(Counter::queued, 3);
  auto fourth = comer(Counter::queue_paused, 1);
  engine_->drain();
  EXPECT_EQ(first->read_all(), "");
  first->close();
  for (Client* client : {second.get(), third.get(), fourth.get()}) {
    EXPECT_EQ(client->read_all(), pattern(8));
    client->close();
  }
  stop();
  EXPECT_EQ(errors(Errc::drain_timeout), 0U);
}

}  // namespace
}  // namespace zyphos
