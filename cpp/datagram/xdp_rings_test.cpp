// The rings of an AF_XDP socket over memory of the test's own, whose other side the test plays: no
// entry is lost, doubled or read before it was shown, also where its place is used again.
#include "datagram/xdp_rings.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

namespace zyphos::datagram {
namespace {

constexpr std::uint32_t kSize = 8;
constexpr xdp_ring_offset kOffsets{.producer = 0, .consumer = 64, .desc = 256, .flags = 128};
constexpr std::size_t kBytes = 4096;

// Two mappings of one piece of memory: each side's own.
struct Shared {
  int fd = ::memfd_create("ring", MFD_CLOEXEC);
  Shared() { EXPECT_EQ(::ftruncate(fd, kBytes), 0); }
  ~Shared() { ::close(fd); }
  Mapping map() const {
    void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT_NE(memory, MAP_FAILED);
    return {memory, kBytes};
  }
};

using In = ConsumerRing<std::uint64_t>;
using Out = ProducerRing<std::uint64_t>;

TEST(XdpRings, WhatIsNotSubmittedIsNotSeen) {
  const Shared shared;
  Out out(shared.map(), kOffsets, kSize);
  In in(shared.map(), kOffsets, kSize);
  EXPECT_EQ(out.room(100), kSize);
  out.put(7);
  EXPECT_EQ(in.ready(kSize), 0U);
  EXPECT_EQ(out.pending(), 0U);
  out.submit();
  EXPECT_EQ(out.pending(), 1U);
  ASSERT_EQ(in.ready(kSize), 1U);
  EXPECT_EQ(in.take(), 7U);
  EXPECT_EQ(out.pending(), 1U);  // taken, but not released
  in.release();
  EXPECT_EQ(out.pending(), 0U);
}

TEST(XdpRings, AFullRingHasNoRoomUntilTheOtherSideReleases) {
  const Shared shared;
  Out out(shared.map(), kOffsets, kSize);
  In in(shared.map(), kOffsets, kSize);
  for (std::uint64_t i = 0; i < kSize; ++i) out.put(i);
  out.submit();
  EXPECT_EQ(out.room(1), 0U);
  ASSERT_EQ(in.ready(3), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(in.take(), i);
  EXPECT_EQ(out.room(1), 0U);
  in.release();
  EXPECT_EQ(out.room(100), 3U);
}

TEST(XdpRings, TheWakeupFlagIsTheKernels) {
  const Shared shared;
  const Mapping kernel = shared.map();
  const Out out(shared.map(), kOffsets, kSize);
  EXPECT_FALSE(out.needs_wakeup());
  *reinterpret_cast<std::uint32_t*>(kernel.at(kOffsets.flags)) = XDP_RING_NEED_WAKEUP;
  EXPECT_TRUE(out.needs_wakeup());
}

TEST(XdpRings, TwoThreadsPassEveryEntryOnceAndInOrder) {
  constexpr std::uint64_t kEntries = 200'000;
  const Shared shared;
  std::thread other([&shared] {
    Out out(shared.map(), kOffsets, kSize);
    for (std::uint64_t next = 0; next < kEntries;) {
      const std::uint32_t room = out.room(5);
      if (room == 0) std::this_thread::yield();
      for (std::uint32_t i = 0; i < room && next < kEntries; ++i) out.put(next++);
      out.submit();
    }
  });
  In in(shared.map(), kOffsets, kSize);
  std::uint64_t wrong = 0;
  for (std::uint64_t expected = 0; expected < kEntries;) {
    const std::uint32_t count = in.ready(3);
    if (count == 0) std::this_thread::yield();
    for (std::uint32_t i = 0; i < count; ++i) wrong += in.take() == expected++ ? 0 : 1;
    in.release();
  }
  other.join();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace zyphos::datagram
