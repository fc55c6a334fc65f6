// Every codec says what the scalar one says, which says what the RFCs do: for every length and
// place, inputs against a guard page, outputs with no room beyond what is promised.
#include "scan/codec.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "testing/guard_buffer.h"

namespace zyphos::scan {
namespace {

constexpr std::size_t kSize_max = 400;

std::string random_text(Random& random, std::string_view alphabet, std::size_t size_max) {
  std::string text(random.below(size_max + 1), ' ');
  for (char& c : text) c = alphabet[random.below(alphabet.size())];
  return text;
}

std::string any_bytes(std::size_t size, Random& random) {
  std::string bytes(size, ' ');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

class EachCodec : public ::testing::TestWithParam<const Codec*> {
 protected:
  void SetUp() override {
    if (const std::string lack = codec_.lack(); !lack.empty()) GTEST_SKIP() << lack;
  }

  std::string_view placed(std::string_view text) { return as_text(guard_.place(as_bytes(text))); }

  bool is_utf8(std::string_view text) {
    const std::string_view at = placed(text);
    return codec_.is_utf8(at.data(), at.size());
  }

  // What it makes of the text, or "refused"; a byte beyond the room that it has would be seen.
  static std::string made(std::size_t room, const std::function<std::size_t(char*)>& make) {
    std::vector<char> out(room + 64, '~');
    const std::size_t size = make(out.data());
    EXPECT_EQ(std::string(out.begin() + static_cast<std::ptrdiff_t>(room), out.end()),
              std::string(64, '~'));
    if (size == kRefused) return "refused";
    EXPECT_LE(size, room);
    return std::string(out.data(), size);
  }

  std::string encode(std::string_view data) {
    const ConstBytes at = guard_.place(as_bytes(data));
    return made(base64_size(data.size()),
                [&](char* out) { return codec_.base64_encode(at.data(), at.size(), out); });
  }

  std::string decode(const Codec& codec, std::string_view text) {
    const std::string_view at = placed(text);
    return made(text.size() / 4 * 3, [&](char* out) {
      return codec.base64_decode(at.data(), at.size(), reinterpret_cast<std::byte*>(out));
    });
  }

  std::string percent(const Codec& codec, std::string_view text) {
    const std::string_view at = placed(text);
    return made(text.size(),
                [&](char* out) { return codec.percent_decode(at.data(), at.size(), out); });
  }

  const Codec& codec_ = *GetParam();
  const Codec& scalar_ = codecs().front();
  testing::GuardBuffer guard_{2 * kSize_max};
};

TEST_P(EachCodec, MasksEachByteWithItsOwn) {
  Random random(1);
  for (std::size_t size = 0; size <= 140; ++size) {
    const std::string text = any_bytes(size, random);
    const std::string key = any_bytes(4, random);
    std::uint32_t word;
    std::memcpy(&word, key.data(), sizeof word);
    std::vector<char> data(text.begin(), text.end());
    data.resize(size + 64, '~');
    codec_.mask(reinterpret_cast<std::byte*>(data.data()), size, word);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(data[i], text[i] ^ key[i % 4]) << size;
    ASSERT_EQ(std::string(data.begin() + static_cast<std::ptrdiff_t>(size), data.end()),
              std::string(64, '~'));
  }
}

// RFC 3629 by its grammar, each sequence of up to four bytes that could be near one of its edges,
// at each place of a text.
TEST_P(EachCodec, KnowsTheEdgesOfUtf8) {
  const std::vector<std::pair<std::string, bool>> cases = {{"\x7f", true},
                                                           {"\x80", false},
                                                           {"\xbf", false},
                                                           {"\xc0\x80", false},
                                                           {"\xc1\xbf", false},
                                                           {"\xc2\x80", true},
                                                           {"\xdf\xbf", true},
                                                           {"\xdf", false},
                                                           {"\xdf\x7f", false},
                                                           {"\xdf\xc0", false},
                                                           {"\xe0\x9f\xbf", false},
                                                           {"\xe0\xa0\x80", true},
                                                           {"\xe1\x80\x80", true},
                                                           {"\xed\x9f\xbf", true},
                                                           {"\xed\xa0\x80", false},
                                                           {"\xed\xbf\xbf", false},
                                                           {"\xee\x80\x80", true},
                                                           {"\xef\xbf\xbf", true},
                                                           {"\xef\xbf", false},
                                                           {"\xef\xbf\x7f", false},
                                                           {"\xf0\x8f\xbf\xbf", false},
                                                           {"\xf0\x90\x80\x80", true},
                                                           {"\xf3\xbf\xbf\xbf", true},
                                                           {"\xf4\x8f\xbf\xbf", true},
                                                           {"\xf4\x90\x80\x80", false},
                                                           {"\xf5\x80\x80\x80", false},
                                                           {"\xff", false},
                                                           {"\xf1\x80\x80", false},
                                                           {"\xf1\x80\x80\x7f", false},
                                                           {"\xf1\x80\x80\xc0", false},
                                                           {"\xc2\x80\x80", false},
                                                           {"\xe1\x80\x80\x80", false},
                                                           {"\xf1\x80\x80\x80\x80", false}};
  for (const auto& [text, right] : cases) {
    for (std::size_t before = 0; before < 70; ++before) {
      for (const std::size_t after : {0, 1, 2, 40}) {
        const std::string whole = std::string(before, 'a') + text + std::string(after, 'z');
        ASSERT_EQ(is_utf8(whole), right) << before << " before " << ::testing::PrintToString(text);
      }
    }
  }
}

TEST_P(EachCodec, JudgesEachPairOfBytesAsTheScalarOneDoes) {
  for (int first = 0x80; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      for (const char* tail : {"", "\x80", "\x80\x80", "a"}) {
        const std::string text =
            std::string(30, 'a') + static_cast<char>(first) + static_cast<char>(second) + tail;
        ASSERT_EQ(is_utf8(text), scalar_.is_utf8(text.data(), text.size()))
            << first << " " << second << " " << tail;
      }
    }
  }
}

TEST_P(EachCodec, JudgesRandomTextsAsTheScalarOneDoes) {
  const std::vector<std::string> pieces = {
      "a", "bc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", std::string(40, 'x')};
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string text;
    while (text.size() < random.below(200)) text += pieces[random.below(pieces.size())];
    ASSERT_TRUE(is_utf8(text));
    if (text.empty()) continue;
    text[random.below(text.size())] = static_cast<char>(random.below(256));
    ASSERT_EQ(is_utf8(text), scalar_.is_utf8(text.data(), text.size()));
    text.resize(random.below(text.size() + 1));
    ASSERT_EQ(is_utf8(text), scalar_.is_utf8(text.data(), text.size()));
  }
}

// RFC 4648, 10.
TEST_P(EachCodec, MakesTheBase64OfTheRfc) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [data, text] : cases) {
    EXPECT_EQ(encode(data), text);
    EXPECT_EQ(decode(codec_, text), data);
  }
}

TEST_P(EachCodec, ReadsTheBase64ThatItMakesOfEveryLength) {
  Random random(7);
  for (std::size_t size = 0; size <= 300; ++size) {
    const std::string data = any_bytes(size, random);
    const std::string text = encode(data);
    ASSERT_EQ(text.size(), base64_size(size));
    std::string right(base64_size(size), ' ');
    scalar_.base64_encode(as_bytes(data).data(), size, right.data());
    ASSERT_EQ(text, right);
    ASSERT_EQ(decode(codec_, text), data);
  }
}

TEST_P(EachCodec, RefusesEachForeignCharacterInEachPlaceOfBase64) {
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t at = 0; at < 96; at += 5) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(100, 'A');  // padding would have a place in the last four
      text[at] = static_cast<char>(byte);
      const bool belongs = byte != 0 && alphabet.find(static_cast<char>(byte)) != alphabet.npos;
      ASSERT_EQ(decode(codec_, text) != "refused", belongs) << at << " " << byte;
      ASSERT_EQ(decode(codec_, text), decode(scalar_, text));
    }
  }
  for (const char* text : {"A", "AA", "AAA", "A===", "====", "AA=A", "AB==", "AAB=", "AA==AAAA",
                           "AAA=AAAA", "AA= ", "AAAA=", "AAAAA==="}) {
    EXPECT_EQ(decode(codec_, text), "refused") << text;
  }
}

TEST_P(EachCodec, DecodesPercentEscapes) {
  EXPECT_EQ(percent(codec_, ""), "");
  EXPECT_EQ(percent(codec_, "a%2Fb%2f%00"), std::string("a/b/\0", 5));
  EXPECT_EQ(percent(codec_, "%25%32%35"), "%25") << "once";
  EXPECT_EQ(percent(codec_, "a+b"), "a+b");
  for (const char* text : {"%", "%2", "a%", "%g0", "%0g", "%%20", "% 1", "%-1"}) {
    for (std::size_t before = 0; before < 70; ++before) {
      const std::string whole = std::string(before, 'x') + text;
      ASSERT_EQ(percent(codec_, whole), "refused") << whole;
    }
  }
}

TEST_P(EachCodec, DecodesRandomEscapesAsTheScalarOneDoes) {
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const std::string plain = random_text(random, "abc/%\xff.", 200);
    std::string text;
    std::string right;
    const std::uint64_t rare = 1 + random.below(50);
    for (const char c : plain) {
      right += c;
      if (c != '%' && random.below(rare) != 0) {
        text += c;
        continue;
      }
      constexpr std::string_view kDigits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
    if (text.size() > kSize_max) continue;
    ASSERT_EQ(percent(codec_, text), right);
    if (text.empty()) continue;
    text[random.below(text.size())] = "%a0g"[random.below(4)];
    ASSERT_EQ(percent(codec_, text), percent(scalar_, text));
  }
}

TEST(Codecs, AreTheScalarOneFirstAndTheBestOfThoseThatRun) {
  EXPECT_EQ(codecs().front().name, "scalar");
  EXPECT_EQ(codecs().front().lack(), "");
  EXPECT_EQ(best_codec().lack(), "");
}

std::vector<const Codec*> all_codecs() {
  std::vector<const Codec*> all;
  for (const Codec& codec : codecs()) all.push_back(&codec);
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, EachCodec, ::testing::ValuesIn(all_codecs()),
                         [](const ::testing::TestParamInfo<const Codec*>& codec) {
                           return std::string(codec.param->name);
                         });

}  // namespace
}  // namespace zyphos::scan
