#include "sched/bounded_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace zyphos {
namespace {

using Queue = BoundedQueue<std::unique_ptr<int>>;

bool put(Queue& queue, int value) {
  std::size_t found = 0;
  auto item = std::make_unique<int>(value);
  const bool taken = queue.try_put(item, found);
  EXPECT_EQ(taken, item == nullptr) << "what is refused stays with its caller";
  return taken;
}

std::vector<int> all(Queue& queue) {
  queue.close();
  std::vector<int> out;
  while (auto item = queue.take()) out.push_back(**item);
  return out;
}

TEST(BoundedQueue, GivesInOrderOfComing) {
  Queue queue(0, QueueOrder::fifo);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(put(queue, i));
  std::vector<int> wanted(100);
  std::iota(wanted.begin(), wanted.end(), 0);
  EXPECT_EQ(all(queue), wanted);
}

TEST(BoundedQueue, OrTheLastFirst) {
  Queue queue(4, QueueOrder::lifo);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(put(queue, i));
  EXPECT_EQ(all(queue), (std::vector<int>{3, 2, 1, 0}));
}

TEST(BoundedQueue, RefusesWhatIsBeyondItsBound) {
  Queue queue(2, QueueOrder::fifo);
  EXPECT_TRUE(put(queue, 1));
  EXPECT_FALSE(queue.full());
  EXPECT_TRUE(put(queue, 2));
  EXPECT_TRUE(queue.full());
  EXPECT_FALSE(put(queue, 3));
  EXPECT_EQ(*queue.take().value(), 1);
  EXPECT_TRUE(put(queue, 4));
  EXPECT_EQ(all(queue), (std::vector<int>{2, 4}));
}

TEST(BoundedQueue, ThrowsOutTheOldestWhereAskedTo) {
  for (const QueueOrder order : {QueueOrder::fifo, QueueOrder::lifo}) {
    Queue queue(2, order);
    std::size_t found = 0;
    EXPECT_FALSE(queue.put_over_oldest(std::make_unique<int>(1), found));
    EXPECT_FALSE(queue.put_over_oldest(std::make_unique<int>(2), found));
    const auto out = queue.put_over_oldest(std::make_unique<int>(3), found);
    EXPECT_EQ(found, 2U);
    ASSERT_TRUE(out);
    EXPECT_EQ(**out, 1);
    EXPECT_EQ(queue.size(), 2U);
  }
}

TEST(BoundedQueue, TellsHowManyWereFoundInIt) {
  Queue queue(2, QueueOrder::fifo);
  std::size_t found = 9;
  for (std::size_t i = 0; i < 3; ++i) {
    auto item = std::make_unique<int>(0);
    EXPECT_EQ(queue.try_put(item, found), i < 2);
    EXPECT_EQ(found, std::min<std::size_t>(i, 2));
  }
  auto item = std::make_unique<int>(7);
  EXPECT_TRUE(queue.put_beyond(item, found));
  EXPECT_EQ(queue.size(), 3U);
}

TEST(BoundedQueue, AClosedOneTakesNothingInAndGivesTheRest) {
  Queue queue(0, QueueOrder::fifo);
  EXPECT_TRUE(put(queue, 1));
  queue.close();
  EXPECT_FALSE(put(queue, 2));
  std::size_t found = 0;
  const auto back = queue.put_over_oldest(std::make_unique<int>(3), found);
  EXPECT_EQ(**back, 3);
  EXPECT_EQ(*queue.take().value(), 1);
  EXPECT_FALSE(queue.take());
}

// Every item comes out once, whatever order and bound, with several threads on both sides.
// answers: s3.7
TEST(BoundedQueue, LosesAndDoublesNothingBetweenThreads) {
  constexpr int kThreads = 3;
  constexpr int kItems = 4000;
  for (const QueueOrder order : {QueueOrder::fifo, QueueOrder::lifo}) {
    Queue queue(8, order);
    std::vector<std::atomic<int>> seen(kThreads * kItems);
    std::vector<std::thread> makers;
    std::vector<std::thread> takers;
    for (int t = 0; t < kThreads; ++t) {
      makers.emplace_back([&, t] {
        for (int i = 0; i < kItems;) {
          std::size_t found = 0;
          auto item = std::make_unique<int>(t * kItems + i);
          if (queue.try_put(item, found)) {
            ++i;
          } else {
            std::this_thread::yield();
          }
        }
      });
      takers.emplace_back([&] {
        while (auto item = queue.take()) ++seen[static_cast<std::size_t>(**item)];
      });
    }
    for (std::thread& maker : makers) maker.join();
    queue.close();
    for (std::thread& taker : takers) taker.join();
    for (const auto& times : seen) ASSERT_EQ(times.load(), 1);
  }
}

}  // namespace
}  // namespace zyphos
