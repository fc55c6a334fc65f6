#include <gtest/gtest.h>

#include <cstdint>

#include "link/path.h"
#include "testing/count_allocations.h"

namespace zyphos::link {
namespace {

PathOptions everything() {
  PathOptions options;
  options.delay_ns = 10 * kMillisecond_ns;
  options.jitter_ns = 5 * kMillisecond_ns;
  options.jitter_law = JitterLaw::pareto;
  options.rate_bits_per_second = 30'000'000;
  options.queue_packets = 30;
  options.aqm = Aqm::codel;
  options.ecn = true;
  options.loss = 0.02;
  options.reorder = 0.05;
  options.duplicate = 0.03;
  options.corrupt = 0.03;
  return options;
}

// Everything that could allocate has its room before the first packet.
TEST(Path, NoPacketAllocatesInSteadyState) {
  LinkCounters counters;
  PacketPool pool(1500, 100'000);
  Path path(everything(), pool, Tally(counters, Direction::forward), Random(20260905));
  pool.prepare(2000);
  const std::size_t before = testing::allocations;
  for (std::int64_t i = 0; i < 50'000; ++i) {
    const Time now{i * 300'000};
    Packet* packet = pool.take();
    packet->length = 1400;
    path.admit(packet, now);
    while (Packet* due = path.depart(now)) pool.give(due);
  }
  const std::size_t after = testing::allocations;
  EXPECT_EQ(after, before);
  EXPECT_GT(counters.value(Direction::forward, LinkCounter::out_of_order), 1'000U);
}

}  // namespace
}  // namespace zyphos::link
