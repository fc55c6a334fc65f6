#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "memory/block_pool.h"
#include "memory/kept.h"
#include "memory/recycled.h"

namespace zyphos {
namespace {

// answers: s4.3
TEST(BlockPool, HandsTheHotBlockOutAgain) {
  BlockPool pool;
  std::byte* first = pool.take();
  std::byte* second = pool.take();
  EXPECT_NE(first, second);
  EXPECT_EQ(pool.out(), 2U);
  pool.give(first);
  EXPECT_EQ(pool.take(), first);
  pool.give(second);
  pool.give(first);
  EXPECT_EQ(pool.take(), first);
  pool.give(first);
  EXPECT_EQ(pool.total(), 2U);
  EXPECT_EQ(pool.out(), 0U);
}

TEST(BlockPool, BlocksAreWholeAndPadded) {
  BlockPool pool;
  std::byte* a = pool.take();
  std::byte* b = pool.take();
  std::memset(a, 1, BlockPool::kBlock_bytes + kReadPadding);
  std::memset(b, 2, BlockPool::kBlock_bytes + kReadPadding);
  EXPECT_EQ(a[BlockPool::kBlock_bytes - 1], std::byte{1});
  pool.give(a);
  pool.give(b);
}

TEST(BlockPoolDeathTest, EndsOnlyWhenAllBlocksAreBack) {
  EXPECT_DEATH(
      {
        BlockPool pool;
        pool.take();
      },
      "out_ == 0");
}

struct Base {
  virtual ~Base() = default;
};
struct Small final : Base, Recycled<Small> {
  std::array<int, 8> values{};
};
struct Parent : Base, Recycled<Parent> {
  int value = 1;
};
struct Child final : Parent {
  std::array<int, 100> more{};
};

TEST(Recycled, UsesFreedObjectsAgain) {
  std::unique_ptr<Base> first = std::make_unique<Small>();
  const void* place = first.get();
  first.reset();
  std::unique_ptr<Base> second = std::make_unique<Small>();
  EXPECT_EQ(second.get(), place);
  EXPECT_EQ(static_cast<Small&>(*second).values[7], 0);
}

TEST(Recycled, ADerivedClassOfAnotherSizeIsNotMixedIn) {
  std::unique_ptr<Base> child = std::make_unique<Child>();
  static_cast<Child&>(*child).more.fill(7);
  child.reset();
  std::unique_ptr<Base> parent = std::make_unique<Parent>();
  EXPECT_EQ(static_cast<Parent&>(*parent).value, 1);
}

TEST(Recycled, MayDieOnAnotherThread) {
  std::unique_ptr<Base> object = std::make_unique<Small>();
  std::jthread([moved = std::move(object)]() mutable { moved.reset(); }).join();
  std::unique_ptr<Base> next = std::make_unique<Small>();
  EXPECT_NE(next, nullptr);
}

struct Waiting {
  ~Waiting() { ++*ended; }
  int* ended;
  Waiting* next = nullptr;
};

TEST(Kept, GivesTheLastFirstAndEndsTheRest) {
  int ended = 0;
  {
    Kept<Waiting> kept;
    EXPECT_EQ(kept.take(), nullptr);
    auto* first = new Waiting{&ended};
    auto* second = new Waiting{&ended};
    kept.give(first);
    kept.give(second);
    EXPECT_EQ(kept.take(), second);
    kept.give(second);
    EXPECT_EQ(ended, 0);
  }
  EXPECT_EQ(ended, 2);
}

}  // namespace
}  // namespace zyphos
