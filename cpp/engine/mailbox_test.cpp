#include "engine/mailbox.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace zyphos {
namespace {

std::vector<Mailbox::Mail> collected(Mailbox& box) {
  std::vector<Mailbox::Mail> mail;
  box.collect(mail);
  return mail;
}

TEST(Mailbox, HoldsEachTagOfASlotOnce) {
  Mailbox box(false);
  const std::uint32_t generation = box.admit(0);
  for (int i = 0; i < 3; ++i) {
    for (const std::uint32_t tag : {0U, 7U, 9U}) box.wake(0, generation, tag);
  }
  const auto mail = collected(box);
  ASSERT_EQ(mail.size(), 3U);
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(mail[i].tag, (std::array{0U, 7U, 9U})[i]);
  EXPECT_TRUE(collected(box).empty());
  box.wake(0, generation, 0);
  box.wake(0, generation, 7);
  EXPECT_EQ(collected(box).size(), 2U) << "once collected they may come again";
}

TEST(Mailbox, DropsWhatNobodyIsThereFor) {
  Mailbox box(false);
  box.wake(0, 0, 0);
  const std::uint32_t generation = box.admit(0);
  box.wake(1, 0, 0);
  box.dismiss(0);
  box.wake(0, generation, 0);
  EXPECT_NE(box.admit(0), generation);
  box.wake(0, generation, 0);
  EXPECT_TRUE(collected(box).empty());
}

// A slot is often used again before the driver looks into the box.
TEST(Mailbox, WhatItsLastUserLeftKeepsNoMailFromTheNext) {
  for (const std::uint32_t tag : {0U, 7U}) {
    Mailbox box(false);
    box.wake(0, box.admit(0), tag);
    box.dismiss(0);
    const std::uint32_t generation = box.admit(0);
    box.wake(0, generation, tag);
    const auto mail = collected(box);
    ASSERT_EQ(mail.size(), 2U);
    EXPECT_EQ(mail[1].generation, generation);
  }
}

TEST(Mailbox, TakesNothingOnceClosed) {
  Mailbox box;
  const std::uint32_t generation = box.admit(0);
  box.wake(0, generation, 0);
  box.close();
  box.wake(0, generation, 0);
  box.poke();
  EXPECT_EQ(box.event(), -1);
  EXPECT_TRUE(collected(box).empty());
}

}  // namespace
}  // namespace zyphos
