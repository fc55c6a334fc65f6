// The parsers against each other: table, and simd by every kernel, say of every input, of every
// beginning of it and under every limit exactly what descent says, refusals and their reasons among
// it.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "base/random.h"
#include "protocol/http1/mutate.h"
#include "protocol/http1/read.h"
#include "protocol/http1/said.h"
#include "testing/guard_buffer.h"
#include "testing/wire_cases.h"

namespace zyphos::http1 {
namespace {

constexpr std::size_t kInput_bytes_max = 80 * 1024;

std::vector<Parser> other_parsers() {
  std::vector<Parser> parsers{kTable};
  for (const scan::Kernel& kernel : scan::kernels()) {
    if (kernel.lack().empty()) parsers.emplace_back(&kernel);
  }
  return parsers;
}

class Comparison {
 public:
  void expect_same(std::string_view input, const ReadLimits& limits = {}) {
    const ConstBytes in = guard_.place(as_bytes(input));
    const std::string request = Said(in).request(in, limits, kDescent);
    const std::string response = Said(in).response(in, limits, kDescent);
    for (const Parser parser : parsers_) {
      ASSERT_EQ(Said(in).request(in, limits, parser), request) << parser.name() << "\n" << input;
      ASSERT_EQ(Said(in).response(in, limits, parser), response) << parser.name() << "\n" << input;
    }
    done_ += request.starts_with("0 ") ? 1 : 0;
    bad_ += request.starts_with("2 ") ? 1 : 0;
    ++count_;
  }

  // Of every beginning of the input, or of `beginnings_max` of them spread evenly, and of it all.
  void expect_same_of_beginnings(std::string_view input, std::size_t beginnings_max) {
    const std::size_t step = 1 + input.size() / beginnings_max;
    for (std::size_t size = 0; size < input.size(); size += step) {
      ASSERT_NO_FATAL_FAILURE(expect_same(input.substr(0, size)));
    }
    expect_same(input);
  }

  std::size_t done() const { return done_; }
  std::size_t bad() const { return bad_; }
  std::size_t count() const { return count_; }

 private:
  testing::GuardBuffer guard_{kInput_bytes_max};
  std::vector<Parser> parsers_ = other_parsers();
  std::size_t done_ = 0;
  std::size_t bad_ = 0;
  std::size_t count_ = 0;
};

// Requests and responses from which mutations start: usual ones, and all that is read specially.
std::vector<std::string> seeds() {
  std::vector<std::string> all{
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
      "Host: www.kittyhell.com\r\nUser-Agent: Mozilla/5.0 (Macintosh; U; rv:1.9.2.3)\r\n"
      "Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\nConnection: keep-alive\r\nCookie: a=b; "
      "c\r\n\r\n",
      "POST /a?b=c HTTP/1.1\r\nhost:[::1]:80\r\nCONTENT-LENGTH:\t12 \t\r\nExpect: "
      "100-continue\r\n\r\n",
      "PUT * HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: close, upgrade\r\nHost: "
      "a\r\n\r\n",
      "OPTIONS http://a.b/c HTTP/1.1\r\nHost: a.b\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
      "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nX: \r\nY:\r\nZ: \t \r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!",
      "HTTP/1.1 304\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"};
  all.push_back("GET /" + std::string(200, 'p') + " HTTP/1.1\r\nHost: " + std::string(40, 'h') +
                "\r\n" + std::string(70, 'n') + ": " + std::string(1500, 'v') +
                "\r\nAccept: " + std::string(61, 'w') + "\r\n\r\n");
  return all;
}

TEST(Parsers, SayTheSameOfTheWireCases) {
  Comparison comparison;
  for (const auto& wire_case : testing::read_wire_cases(ZYPHOS_SOURCE_DIR "/tests/wire/http1")) {
    SCOPED_TRACE(wire_case.file + ":" + std::to_string(wire_case.line));
    ASSERT_NO_FATAL_FAILURE(comparison.expect_same_of_beginnings(wire_case.input, 500));
  }
  EXPECT_GT(comparison.done(), 100U);
  EXPECT_GT(comparison.bad(), 100U);
}

TEST(Parsers, SayTheSameOfTheSeeds) {
  Comparison comparison;
  for (const std::string& seed : seeds()) {
    ASSERT_NO_FATAL_FAILURE(comparison.expect_same_of_beginnings(seed, seed.size()));
  }
  EXPECT_GE(comparison.done(), 7U);
}

TEST(Parsers, SayTheSameOfMutations) {
  Comparison comparison;
  const std::vector<std::string> from = seeds();
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const std::string text = mutate(from[random.below(from.size())], from, random);
    ASSERT_NO_FATAL_FAILURE(comparison.expect_same(text));
    const std::size_t size = random.below(text.size() + 1);
    ASSERT_NO_FATAL_FAILURE(comparison.expect_same(text.substr(0, size)));
  }
  EXPECT_GT(comparison.done(), comparison.count() / 20);
  EXPECT_GT(comparison.bad(), comparison.count() / 20);
}

TEST(Parsers, SayTheSameUnderEveryLimit) {
  Comparison comparison;
  const std::vector<std::string> from = seeds();
  for (const std::string& text : from) {
    for (std::size_t limit = 1; limit <= text.size() + 2; limit += 1 + text.size() / 300) {
      SCOPED_TRACE(limit);
      const ReadLimits defaults;
      ASSERT_NO_FATAL_FAILURE(comparison.expect_same(
          text, {.line_bytes_max = limit, .head_bytes_max = defaults.head_bytes_max}));
      ASSERT_NO_FATAL_FAILURE(comparison.expect_same(
          text, {.line_bytes_max = defaults.line_bytes_max, .head_bytes_max = limit}));
    }
  }
  EXPECT_GT(comparison.done(), 0U);
}

// Lengths of every part around the edges of blocks and windows.
TEST(Parsers, SayTheSameWhereverLinesEnd) {
  Comparison comparison;
  for (std::size_t target = 1; target < 140; ++target) {
    for (const std::size_t name : {1, 4, 30, 62, 63, 64, 65}) {
      for (const std::size_t value : {0, 1, 55, 56, 57, 58, 59, 60, 61, 62, 120, 2000}) {
        const std::string text = "GET /" + std::string(target - 1, 'a') +
                                 " HTTP/1.1\r\nHost: a\r\n" + std::string(name, 'n') + ": " +
                                 std::string(value, 'v') + "\r\nB: c\r\n\r\nGET";
        ASSERT_NO_FATAL_FAILURE(comparison.expect_same(text));
      }
    }
  }
  EXPECT_EQ(comparison.done(), comparison.count());
}

// Lines that no window holds: of a kilobyte and more, with what ends them at every place of a
// register, and cut off.
TEST(Parsers, SayTheSameOfLongLines) {
  Comparison comparison;
  for (std::size_t size = 950; size < 1250; ++size) {
    const std::string target = "GET /" + std::string(size, 'a');
    const std::string value = " HTTP/1.1\r\nHost: a\r\nLong:" + std::string(size, 'v');
    for (const char* const odd : {"", "#", "\x7f", "\t", "\x80", "\r"}) {
      const std::string ending = odd + std::string(" \r\n\r\n");
      ASSERT_NO_FATAL_FAILURE(comparison.expect_same(target + odd + value + "\r\n\r\n"));
      ASSERT_NO_FATAL_FAILURE(comparison.expect_same(target + value + ending));
      ASSERT_NO_FATAL_FAILURE(comparison.expect_same(target + value + odd));
    }
    ASSERT_NO_FATAL_FAILURE(comparison.expect_same(target));
  }
  EXPECT_GT(comparison.done(), 300U);
  EXPECT_GT(comparison.bad(), 300U);
}

TEST(Parsers, SayTheSameOfManyFields) {
  Comparison comparison;
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 0; i < Fields::kMax + 2; ++i) {
    text += "Field-" + std::to_string(i) + ": " + std::string(i, 'x') + "\r\n";
    ASSERT_NO_FATAL_FAILURE(comparison.expect_same(text + "\r\n"));
  }
  EXPECT_EQ(comparison.done(), Fields::kMax - 1);
  EXPECT_EQ(comparison.bad(), 3U);
}

// A head that comes a few bytes at a time: read on from where it was each time, it says what a
// reading of all of it says.
void expect_same_when_it_trickles(testing::GuardBuffer& guard, std::string_view text, Parser parser,
                                  Random& random) {
  HeadProgress progress;
  for (std::size_t size = 0; size <= text.size(); size += 1 + random.below(9)) {
    const ConstBytes in = guard.place(as_bytes(text.substr(0, size)));
    const std::string whole = Said(in).request(in, {}, kDescent);
    ASSERT_EQ(Said(in).request(in, {}, parser, &progress), whole) << size << "\n" << text;
    if (!whole.starts_with("1 ")) return;  // done or bad: the next head has a progress of its own
  }
}

TEST(Parsers, SayTheSameOfAHeadThatTrickles) {
  testing::GuardBuffer guard(kInput_bytes_max);
  std::vector<Parser> parsers = other_parsers();
  parsers.push_back(kDescent);
  const std::vector<std::string> from = seeds();
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string text = from[random.below(from.size())];
    if (seed % 4 != 0) text = mutate(text, from, random);
    const Parser parser = parsers[random.below(parsers.size())];
    ASSERT_NO_FATAL_FAILURE(expect_same_when_it_trickles(guard, text, parser, random));
  }
}

TEST(Parsers, DoNotReadAgainWhatTheyKnow) {
  testing::GuardBuffer guard(kInput_bytes_max);
  const std::string lines = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n";
  for (const Parser parser : {kDescent, Parser(&scan::best_kernel())}) {
    HeadProgress progress;
    const auto read = [&](const std::string& text) {
      const ConstBytes in = guard.place(as_bytes(text));
      return Said(in).request(in, {}, parser, &progress);
    };
    EXPECT_EQ(read(lines + "Cont"), "1 ok 0 0 ");
    EXPECT_EQ(progress.line, lines.size());
    const std::string spoilt(lines.size(), '\0');
    EXPECT_EQ(read(spoilt + "Content-Type: x\r\nA"), "1 ok 0 0 ");
    EXPECT_EQ(progress.line, lines.size() + 17);
    // What they know still counts.
    EXPECT_EQ(read(spoilt + "Content-Type: x\r\nContent-Length: 1\r\n"), "2 bad_framing 400 0 ");
  }
}

}  // namespace
}  // namespace zyphos::http1
