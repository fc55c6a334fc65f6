// A deadlock made on purpose is found by who would complete it, each time; what is none never is.
#include "sched/watched_mutex.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace zyphos {
namespace {

TEST(WatchedMutex, IsAMutex) {
  WatchedMutex mutex("m");
  std::size_t count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        mutex.lock();
        ++count;
        mutex.unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 8000U);
}

TEST(WatchedMutex, WhoHoldsItAlreadyIsTold) {
  WatchedMutex mutex("m");
  std::string circle;
  ASSERT_TRUE(mutex.lock_or_deadlock(circle));
  EXPECT_FALSE(mutex.lock_or_deadlock(circle));
  EXPECT_NE(circle.find("waits for m, which the first of them holds"), circle.npos) << circle;
  mutex.unlock();
}

// Thread i holds mutex i and wants the next one: the last of them closes the circle.
TEST(WatchedMutex, TheLastOfACircleIsToldAndNobodyElse) {
  for (const std::size_t size : {2U, 3U, 7U}) {
    std::vector<std::unique_ptr<WatchedMutex>> mutexes;
    for (std::size_t i = 0; i < size; ++i) {
      mutexes.push_back(std::make_unique<WatchedMutex>("one of them"));
    }
    std::atomic<std::size_t> holding = 0;
    std::atomic<int> told = 0;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < size; ++i) {
      threads.emplace_back([&, i] {
        WatchedMutex& own = *mutexes[i];
        WatchedMutex& next = *mutexes[(i + 1) % size];
        own.lock();
        ++holding;
        while (holding < size) std::this_thread::yield();
        std::string circle;
        if (next.lock_or_deadlock(circle)) {
          next.unlock();
        } else {
          ++told;
        }
        own.unlock();  // whoever was told gives way, and so all go on
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(told, 1) << size;
  }
}

// Those who only wait for members of a circle are in none.
TEST(WatchedMutex, WhoWaitsBehindOthersIsNotTold) {
  WatchedMutex first("first");
  WatchedMutex second("second");
  std::promise<void> held;
  std::promise<void> go;
  std::thread holder([&] {
    first.lock();
    second.lock();
    held.set_value();
    go.get_future().wait();
    second.unlock();
    first.unlock();
  });
  held.get_future().wait();
  std::vector<std::thread> waiting;
  std::atomic<int> told = 0;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&, i] {
      std::string circle;
      WatchedMutex& wanted = i % 2 == 0 ? first : second;
      if (!wanted.lock_or_deadlock(circle)) {
        ++told;
        return;
      }
      wanted.unlock();
    });
  }
  go.set_value();
  holder.join();
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(told, 0);
}

// Whatever order they lock in, who is told gives way: all get through. In one order for all nobody
// is ever told.
TEST(WatchedMutex, AnyOrderGetsThroughWhereTheToldGiveWay) {
  constexpr unsigned kSeed = 7;
  for (const bool ranked : {false, true}) {
    std::array<WatchedMutex, 3> mutexes{WatchedMutex("a"), WatchedMutex("b"), WatchedMutex("c")};
    std::atomic<std::size_t> told = 0;
    std::size_t moved = 0;  // guarded by any two of the three
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        std::mt19937 random(kSeed + i);
        for (int done = 0; done < 500;) {
          std::size_t from = random() % 3;
          std::size_t to = (from + 1 + random() % 2) % 3;
          if (ranked && from > to) std::swap(from, to);
          std::string circle;
          mutexes[from].lock();
          std::this_thread::yield();
          const bool both = mutexes[to].lock_or_deadlock(circle);
          if (both) {
            ++moved;
            ++done;
            mutexes[to].unlock();
          } else {
            ++told;
          }
          mutexes[from].unlock();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(moved, 2000U) << "seed " << kSeed;
    if (ranked) {
      EXPECT_EQ(told, 0U);
    }
  }
}

}  // namespace
}  // namespace zyphos
