#include "reference/truth.h"

#include <gtest/gtest.h>

namespace zyphos::reference {
namespace {

bool has(const std::string& json, const std::string& part) {
  return json.find(part) != std::string::npos;
}

TEST(Truth, CountsWhatCameInItsStretchOfTime) {
  Truth truth;
  const auto early = truth.received(Time{10}, 5, true);
  const auto answered = truth.received(Time{100}, 5, true);
  const auto lost = truth.received(Time{110}, 0, true);
  truth.received(Time{120}, 5, true);  // unanswered
  const auto unstamped = truth.received(Time{130}, 5, true);
  truth.answered(early, Time{150}, true);
  truth.answered(answered, Time{250}, true);
  truth.answered(unstamped, Time{180}, false);
  truth.lost(lost);
  const std::string json = truth.to_json(Time{100}, Time{200});
  EXPECT_TRUE(has(json, "\"requests_received\":4,")) << json;
  EXPECT_TRUE(has(json, "\"requests_answered\":2,")) << json;
  EXPECT_TRUE(has(json, "\"requests_lost\":1,")) << json;
  EXPECT_TRUE(has(json, "\"requests_unanswered\":1,")) << json;
  EXPECT_TRUE(has(json, "\"requests_unstamped\":1,")) << json;
  // Answers that left in it, whenever their requests came: the one at 150, the one at 180.
  EXPECT_TRUE(has(json, "\"answers_in_window\":2,")) << json;
}

TEST(Truth, WhatIsNotKeptIsNotTouched) {
  Truth truth;
  truth.lost(Truth::kNone);
  truth.answered(Truth::kNone, Time{1}, true);
  EXPECT_TRUE(has(truth.to_json(Time{0}, Time::never()), "\"requests_received\":0,"));
}

}  // namespace
}  // namespace zyphos::reference
