#include "tool/link_words.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace zyphos {
namespace {

// What is said to one word, or nothing.
std::string said_to(std::string_view word) {
  LinkSetting setting;
  const auto applied = link_words(setting).apply(word);
  return applied ? complaint(setting) : applied.error();
}

TEST(LinkWords, SetEachDirectionByItself) {
  LinkSetting setting;
  const Words words = link_words(setting);
  for (const std::string_view word :
       {"mtu=1400", "seed=7", "forward.delay_ns=5000000", "forward.jitter_ns=1000",
        "forward.jitter_law=pareto", "backward.rate_bits_per_second=1000000",
        "backward.queue_packets=0", "backward.loss_law=index", "backward.loss_indices=3,7",
        "forward.loss=0.01", "backward.aqm=codel", "backward.ecn=true",
        "forward.pie_target_ns=5000000", "forward.red_weight=0.01"}) {
    ASSERT_TRUE(words.apply(word)) << word;
  }
  EXPECT_EQ(complaint(setting), "");
  EXPECT_EQ(setting.emulator.mtu, 1400U);
  EXPECT_EQ(setting.emulator.forward.delay_ns, 5 * kMillisecond_ns);
  EXPECT_EQ(setting.emulator.forward.jitter_law, link::JitterLaw::pareto);
  EXPECT_EQ(setting.emulator.forward.loss, 0.01);
  EXPECT_EQ(setting.emulator.backward.delay_ns, 0);
  EXPECT_EQ(setting.emulator.backward.rate_bits_per_second, 1'000'000U);
  EXPECT_EQ(setting.emulator.backward.queue_packets, 0U);
  EXPECT_EQ(setting.emulator.backward.loss_indices, (std::vector{3, 7}));
  EXPECT_EQ(setting.emulator.backward.aqm, link::Aqm::codel);
  EXPECT_TRUE(setting.emulator.backward.ecn);
}

TEST(LinkWords, SayWhatWasMeant) {
  EXPECT_EQ(said_to("forwrad.delay_ns=1"),
            "unknown option 'forwrad.delay_ns'; did you mean 'forward.delay_ns'?");
  EXPECT_EQ(said_to("forward.loss=1.5"), "forward.loss=1.5: must be a share, from 0 to 1");
  EXPECT_EQ(said_to("backward.loss=nan"), "backward.loss=nan: must be a share, from 0 to 1");
  EXPECT_EQ(said_to("forward.jitter_law=gamma"),
            "forward.jitter_law=gamma: must be one of uniform normal pareto");
  EXPECT_EQ(said_to("forward.trace=/nowhere/at/all"),
            "forward.trace=/nowhere/at/all: cannot read /nowhere/at/all");
}

TEST(LinkWords, ContradictionsNameTheirDirection) {
  EXPECT_EQ(said_to("backward.reorder=0.1"),
            "backward: reorder needs delay_ns: a packet passes those that are delayed");
  EXPECT_EQ(said_to("forward.queue_packets=3"),
            "forward: queue_packets and queue_bytes need rate_bits_per_second: without it nothing "
            "waits");
  EXPECT_EQ(said_to("forward.red_max_packets=5"),
            "forward: red_min_packets must be less than red_max_packets");
  EXPECT_EQ(said_to("forward.red_weight=0"), "forward: red_weight must be above 0");
  EXPECT_EQ(said_to("mtu=70000"), "mtu must be at most 65535");
  EXPECT_NE(said_to("name=much-too-long").find("1 to 9 characters"), std::string::npos);
  EXPECT_NE(said_to("name=").find("1 to 9 characters"), std::string::npos);
}

}  // namespace
}  // namespace zyphos
