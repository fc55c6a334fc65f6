#include "engine/worker_pool_size.h"

#include <gtest/gtest.h>

namespace zyphos {
namespace {

TEST(WorkerPoolSize, GrowsByOneWhileAllAreBusyUpToItsMost) {
  WorkerPoolSize size(1, 3);
  EXPECT_EQ(size.next(1, 0.7), 1U);
  EXPECT_EQ(size.next(1, 0.8), 2U);
  EXPECT_EQ(size.next(2, 1.4), 2U);
  EXPECT_EQ(size.next(2, 1.9), 3U);
  EXPECT_EQ(size.next(3, 3.0), 3U);
}

TEST(WorkerPoolSize, ShrinksByOneAfterFiveCalmLooksDownToItsLeast) {
  WorkerPoolSize size(2, 4);
  for (int look = 1; look <= 4; ++look) EXPECT_EQ(size.next(4, 0.5), 4U) << look;
  EXPECT_EQ(size.next(4, 0.5), 3U);
  for (int look = 1; look <= 4; ++look) EXPECT_EQ(size.next(3, 0.0), 3U) << look;
  EXPECT_EQ(size.next(3, 0.0), 2U);
  for (int look = 1; look <= 20; ++look) EXPECT_EQ(size.next(2, 0.0), 2U) << look;
}

TEST(WorkerPoolSize, OneBusyLookStartsTheCountAnew) {
  WorkerPoolSize size(1, 2);
  for (int look = 1; look <= 4; ++look) EXPECT_EQ(size.next(2, 0.1), 2U);
  EXPECT_EQ(size.next(2, 1.0), 2U);
  for (int look = 1; look <= 4; ++look) EXPECT_EQ(size.next(2, 0.1), 2U);
  EXPECT_EQ(size.next(2, 0.1), 1U);
}

// What one has to do after the other has gone is less than what makes it be fetched back.
TEST(WorkerPoolSize, DoesNotGoBackAndForth) {
  for (double busy = 0.0; busy < 3.0; busy += 0.01) {
    WorkerPoolSize size(1, 4);
    unsigned active = 4;
    unsigned changes = 0;
    bool shrank = false;
    for (int look = 0; look < 100; ++look) {
      const unsigned next = size.next(active, busy);
      EXPECT_FALSE(shrank && next > active) << busy;
      shrank |= next < active;
      changes += next == active ? 0 : 1;
      active = next;
    }
    EXPECT_LE(changes, 3U);
  }
}

}  // namespace
}  // namespace zyphos
