// Every kernel says what the scalar one says, which is the rule: for every length, place and byte,
// against a guard page; behind the text lie bytes that would mislead who lets them decide.
#include "scan/kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "testing/guard_buffer.h"

namespace zyphos::scan {
namespace {

constexpr std::size_t kSize_max = 200;

constexpr bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}
constexpr bool is_target(char c) { return c > ' ' && c < 0x7f && c != '#' && c != '"'; }

constexpr AsciiClass kNames = make_ascii_class(is_name);
constexpr AsciiClass kTargets = make_ascii_class(is_target);

TEST(AsciiClass, HasWhatBelongs) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_EQ(kNames.has(c), byte < 0x80 && is_name(c)) << byte;
    EXPECT_EQ(kTargets.has(c), byte < 0x80 && is_target(c)) << byte;
  }
}

TEST(Kernels, AreThePlainestFirstAndTheBestOfThoseThatRun) {
  ASSERT_EQ(kernels().front().name, "scalar");
  EXPECT_EQ(kernels().front().lack(), "");
  EXPECT_EQ(best_kernel().lack(), "");
  const Kernel* last = nullptr;
  for (const Kernel& kernel : kernels()) {
    EXPECT_EQ(find_kernel(kernel.name), &kernel);
    EXPECT_TRUE(last == nullptr || kernel.width_bytes > last->width_bytes);
    if (kernel.lack().empty()) last = &kernel;
  }
  EXPECT_EQ(&best_kernel(), last);
  EXPECT_EQ(find_kernel("sse"), nullptr);
}

class EachKernel : public ::testing::TestWithParam<const Kernel*> {
 protected:
  void SetUp() override {
    if (const std::string lack = GetParam()->lack(); !lack.empty()) GTEST_SKIP() << lack;
  }

  // As the scalar kernel says, from each of the first offsets on.
  void expect_same(std::string_view text, std::size_t offsets) {
    const std::string_view placed = as_text(guard_.place(as_bytes(text)));
    const char* const end = placed.data() + placed.size();
    for (std::size_t offset = 0; offset < offsets && offset <= placed.size(); ++offset) {
      const char* const at = placed.data() + offset;
      for (const char wanted : {'\r', ':', '\xff'}) {
        ASSERT_EQ(kernel_.find(at, end, wanted), scalar_.find(at, end, wanted)) << offset;
      }
      ASSERT_EQ(kernel_.skip(at, end, kNames), scalar_.skip(at, end, kNames)) << offset;
      ASSERT_EQ(kernel_.skip(at, end, kTargets), scalar_.skip(at, end, kTargets)) << offset;
      ASSERT_EQ(kernel_.skip_text(at, end), scalar_.skip_text(at, end)) << offset;
      expect_same_marks(at, end);
    }
  }

  void expect_same_marks(const char* at, const char* end) {
    const auto size = static_cast<std::size_t>(end - at);
    const std::size_t blocks = (size + kBlock_bytes - 1) / kBlock_bytes;
    std::vector<Marks> marks(blocks + 1, Marks{1, 2, 3});
    kernel_.mark(at, blocks, kNames, kTargets, marks.data());
    ASSERT_EQ(marks[blocks].not_target, 3U) << "more blocks than asked for";
    std::vector<Marks> right(blocks);
    scalar_.mark(at, blocks, kNames, kTargets, right.data());
    for (std::size_t i = 0; i < blocks; ++i) {
      ASSERT_EQ(marks[i].not_text, right[i].not_text) << i;
      ASSERT_EQ(marks[i].not_name, right[i].not_name) << i;
      ASSERT_EQ(marks[i].not_target, right[i].not_target) << i;
    }
  }

  const Kernel& kernel_ = *GetParam();
  const Kernel& scalar_ = kernels().front();
  testing::GuardBuffer guard_{kSize_max};
};

TEST_P(EachKernel, SeesEachByteInEachPlace) {
  for (const std::size_t size : {1, 15, 16, 17, 31, 32, 33, 63, 64, 65}) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      for (int byte = 0; byte < 256; ++byte) {
        text[at] = static_cast<char>(byte);
        expect_same(text, 1);
      }
    }
  }
}

TEST_P(EachKernel, SeesEachPlaceOfEveryLengthFromEveryOffset) {
  for (std::size_t size = 0; size <= 140; ++size) {
    std::string text(size, 'a');
    expect_same(text, size + 1);
    for (std::size_t at = 0; at < size; at += 1 + size / 40) {
      for (const char odd : {'\r', ':', '\xff'}) {
        text.assign(size, 'a');
        text[at] = odd;
        expect_same(text, 3);
      }
    }
  }
}

TEST_P(EachKernel, SeesTheFirstOfMany) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string text(random.below(kSize_max + 1), 'x');
    const std::uint64_t rare = 1 + random.below(60);
    for (char& c : text) {
      if (random.below(rare) == 0) c = static_cast<char>(random.below(256));
    }
    expect_same(text, 4);
  }
}

// The rule itself, by an implementation that shares nothing with the kernels.
TEST_P(EachKernel, KnowsWhatTextIs) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    const std::string_view placed = as_text(guard_.place(as_bytes(text)));
    const bool stops = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    const char* const at = placed.data();
    EXPECT_EQ(kernel_.skip_text(at, at + 1) == at, stops) << byte;
    Marks marks{};
    kernel_.mark(at, 1, kNames, kTargets, &marks);
    EXPECT_EQ(marks.not_text & 1, stops ? 1U : 0U) << byte;
  }
}

std::vector<const Kernel*> all_kernels() {
  std::vector<const Kernel*> all;
  for (const Kernel& kernel : kernels()) all.push_back(&kernel);
  return all;
}

std::string kernel_name(const ::testing::TestParamInfo<const Kernel*>& info) {
  std::string name(info.param->name);
  std::erase(name, '.');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EachKernel, ::testing::ValuesIn(all_kernels()), kernel_name);

}  // namespace
}  // namespace zyphos::scan
