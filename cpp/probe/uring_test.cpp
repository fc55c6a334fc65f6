// A ring of this very process: the probe counts what it was given, to the request.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <string>

#include "probe/role_counter.h"

#if ZYPHOS_HAVE_LIBURING
#include <liburing.h>
#endif

namespace zyphos {
namespace {

#if ZYPHOS_HAVE_LIBURING

constexpr unsigned kEntries = 8;

std::map<std::string, std::uint64_t> numbers(const RoleCounter& counter) {
  std::map<std::string, std::uint64_t> found;
  const auto counts = counter.counts(Role::server);
  for (const auto& range : counter.layout())
    for (std::size_t slot = 0; slot < range.slots; ++slot)
      found[range.slots == 1 ? std::string(range.name) : "opcode" + std::to_string(slot)] +=
          counts[range.first + slot];
  return found;
}

class UringCounter : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = load_uring_counter();
    if (!loaded) GTEST_SKIP() << loaded.error();
    counter_ = std::move(*loaded);
    if (io_uring_queue_init(kEntries, &ring_, 0) != 0) GTEST_SKIP() << "no io_uring here";
    counter_->follow(getpid(), Role::server);
  }
  void TearDown() override {
    if (ring_.ring_fd > 0) io_uring_queue_exit(&ring_);
  }

  std::map<std::string, std::uint64_t> grown(const std::function<void()>& work) {
    auto before = numbers(*counter_);
    work();
    auto after = numbers(*counter_);
    for (auto& [name, number] : after) number -= before.at(name);
    return after;
  }

  io_uring_sqe* entry() { return io_uring_get_sqe(&ring_); }

  // Waits for `count` completions and takes them all.
  void reap(unsigned count) {
    io_uring_cqe* completion = nullptr;
    for (unsigned taken = 0; taken < count; ++taken) {
      ASSERT_EQ(io_uring_wait_cqe(&ring_, &completion), 0);
      io_uring_cqe_seen(&ring_, completion);
    }
  }

  std::unique_ptr<RoleCounter> counter_;
  io_uring ring_{};
};

TEST_F(UringCounter, CountsRequestsByOpcodeAndTheirCompletions) {
  auto found = grown([&] {
    for (int round = 0; round < 20; ++round) {
      for (int time = 0; time < 5; ++time) io_uring_prep_nop(entry());
      ASSERT_EQ(io_uring_submit(&ring_), 5);
      reap(5);
    }
  });
  EXPECT_EQ(found["submissions"], 100U);
  EXPECT_EQ(found["opcode" + std::to_string(IORING_OP_NOP)], 100U);
  EXPECT_EQ(found["completions"], 100U);
  EXPECT_EQ(found["overflows"] + found["async_punts"] + found["refused"], 0U);
  EXPECT_EQ(found["waits"], 0U) << "all were there before anyone waited";
}

TEST_F(UringCounter, CountsWhatHadNoRoom) {
  constexpr unsigned kRoom = 2 * kEntries;  // completions in a ring of that many entries
  auto found = grown([&] {
    for (unsigned round = 0; round < 3; ++round) {
      for (unsigned time = 0; time < kEntries; ++time) io_uring_prep_nop(entry());
      ASSERT_EQ(io_uring_submit(&ring_), static_cast<int>(kEntries));
    }
    reap(3 * kEntries);
  });
  EXPECT_EQ(found["submissions"], 3 * kEntries);
  EXPECT_EQ(found["overflows"], 3 * kEntries - kRoom);
  EXPECT_EQ(found["completions"], kRoom);
}

TEST_F(UringCounter, CountsWhatWorkersDoAndWhatIsRefused) {
  auto found = grown([&] {
    for (int time = 0; time < 3; ++time) {
      io_uring_sqe* one = entry();
      io_uring_prep_nop(one);
      one->flags |= IOSQE_ASYNC;
    }
    ASSERT_EQ(io_uring_submit(&ring_), 3);
    reap(3);
    io_uring_sqe* wrong = entry();
    io_uring_prep_nop(wrong);
    wrong->opcode = 200;
    io_uring_submit(&ring_);
    reap(1);
  });
  EXPECT_EQ(found["async_punts"], 3U);
  EXPECT_EQ(found["refused"], 1U);
  EXPECT_EQ(found["completions"], 4U);
}

TEST_F(UringCounter, CountsPollsAndWaits) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  char byte = 'x';
  auto found = grown([&] {
    io_uring_prep_read(entry(), ends[0], &byte, 1, 0);
    __kernel_timespec soon{.tv_sec = 0, .tv_nsec = 1'000'000};
    io_uring_cqe* completion = nullptr;
    EXPECT_EQ(io_uring_submit(&ring_), 1);
    EXPECT_EQ(io_uring_wait_cqe_timeout(&ring_, &completion, &soon), -ETIME);
    EXPECT_EQ(write(ends[1], "y", 1), 1);
    reap(1);
  });
  EXPECT_EQ(byte, 'y');
  EXPECT_EQ(found["poll_arms"], 1U);
  EXPECT_EQ(found["completions"], 1U);
  EXPECT_GE(found["waits"], 1U);
  close(ends[0]);
  close(ends[1]);
}

#else

TEST(UringCounter, NeedsLiburing) { GTEST_SKIP() << "built without liburing"; }

#endif

}  // namespace
}  // namespace zyphos
