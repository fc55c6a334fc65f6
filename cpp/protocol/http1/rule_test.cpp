// Each rule: what breaks it is refused under its name, however it comes in pieces. And leniency:
// what it takes, as a strict parser would have had it, and what it does not take either.
#include "protocol/http1/rule.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/http1/relax.h"
#include "protocol/http1/server.h"
#include "testing/one_peer.h"
#include "testing/report_handler.h"
#include "testing/splits.h"

namespace zyphos::http1 {
namespace {

constexpr std::string_view kHost = "Host: a\r\n";
constexpr std::string_view kGet = "GET / HTTP/1.1\r\n";
constexpr std::string_view kChunked =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Case {
  Rule rule;
  std::string input;
};

std::string get(std::string_view fields) {
  return std::string(kGet).append(kHost).append(fields).append("\r\n");
}
std::string chunked(std::string_view body) { return std::string(kChunked).append(body); }

std::vector<Case> heads() {
  using namespace std::string_literals;
  return {
      {Rule::request_line, "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"},
      {Rule::version, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
      {Rule::bare_lf, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
      {Rule::bare_lf, get("X: 1\nContent-Length: 3\r\n")},
      {Rule::bare_cr, get("X: 1\rContent-Length: 3\r\n")},
      {Rule::bare_cr, get("Tra\rnsfer-Encoding: chunked\r\n")},
      {Rule::fold, get("X: 1\r\n b\r\n")},
      {Rule::fold, std::string(kGet) + " X: 1\r\nHost: a\r\n\r\n"},
      {Rule::space_before_colon, get("Content-Length : 3\r\n")},
      {Rule::space_before_colon, get("Content-Length\t: 3\r\n")},
      {Rule::space_before_colon, get("Content-Length 3\r\n")},
      {Rule::field_name, get(": 3\r\n")},
      {Rule::field_name, get("A\0B: 3\r\n"s)},
      {Rule::control, get("X: a\0b\r\n"s)},
      {Rule::control, get("Transfer-Encoding: \x0b"
                          "chunked\r\n")},
      {Rule::host_missing, "GET / HTTP/1.1\r\n\r\n"},
      {Rule::host_repeated, get("Host: b\r\n")},
      {Rule::host_malformed, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
      {Rule::host_disagrees, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {Rule::length_repeated, get("Content-Length: 3\r\nContent-Length: 3\r\n")},
      {Rule::length_odd, get("Content-Length: +3\r\n")},
      {Rule::length_odd, get("Content-Length: 18446744073709551653\r\n")},
      {Rule::length_and_coding, get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")},
      {Rule::length_and_coding, get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
      {Rule::coding_unknown, get("Transfer-Encoding: xchunked\r\n")},
      {Rule::coding_unknown, get("Transfer-Encoding: ,\r\n")},
      {Rule::coding_repeated, get("Transfer-Encoding: chunked, chunked\r\n")},
      {Rule::coding_in_http10, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {Rule::expectation, get("Expect: y 100-continue\r\n")},
  };
}

std::vector<Case> bodies() {
  using namespace std::string_literals;
  return {
      {Rule::chunk_size, chunked("0x5\r\nhello\r\n0\r\n\r\n")},
      {Rule::chunk_size, chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")},
      {Rule::chunk_size, chunked("5 \r\nhello\r\n0\r\n\r\n")},
      {Rule::bare_lf, chunked("5\nhello\r\n0\r\n\r\n")},
      {Rule::bare_cr, chunked("5\rX\nhello\r\n0\r\n\r\n")},
      {Rule::chunk_extension, chunked("5;\nhello\r\n0\r\n\r\n")},
      {Rule::chunk_extension, chunked("5;a\0b\r\nhello\r\n0\r\n\r\n"s)},
      {Rule::chunk_extension, chunked("5;" + std::string(9000, 'a') + "\r\nhello\r\n0\r\n\r\n")},
      {Rule::chunk_end, chunked("5\r\nhelloXX0\r\n\r\n")},
      {Rule::chunk_end, chunked("5\r\nhello\n0\r\n\r\n")},
      {Rule::space_before_colon, chunked("0\r\nGET / HTTP/1.1\r\n\r\n")},
      {Rule::field_name, chunked("0\r\nGET/: 1\r\n\r\n")},
      {Rule::fold, chunked("0\r\n a: b\r\n\r\n")},
      {Rule::control, chunked("0\r\na: \0\r\n\r\n"s)},
  };
}

// What was answered, what became of the connection, and the rules counted.
std::string run(const testing::Pieces& pieces, bool lenient, bool simd = true) {
  testing::ReportHandler handler;
  ServerOptions options;
  options.lenient = lenient;
  if (simd) options.parser = &scan::best_kernel();
  testing::OnePeer peer(std::make_unique<Http1Server>(handler, options));
  for (const auto piece : pieces) peer.feed(piece);
  std::string told = peer.output() + "\n" + std::string(peer.ending());
  for (const RuleText& rule : rules()) {
    for (auto n = peer.around().counters.value(rule.counter); n > 0; --n)
      told.append(" ").append(rule.name);
  }
  return told;
}

TEST(Rule, NamesEachInOrderWithItsClause) {
  std::set<std::string_view> names;
  for (const RuleText& rule : rules()) {
    names.insert(rule.name);
    EXPECT_EQ(&text_of(rule.rule), &rule);
    EXPECT_TRUE(rule.clause.starts_with("RFC 911")) << rule.name;
    EXPECT_EQ(Counters::name(static_cast<std::size_t>(rule.counter)),
              "refused_" + std::string(rule.name));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Rule::chunk_end));
}

TEST(Rule, IsCountedByTheNameOfWhatWasBroken) {
  std::set<Rule> seen;
  auto all = heads();
  for (const Case& body : bodies()) all.push_back(body);
  for (const Case& one : all) {
    seen.insert(one.rule);
    for (const bool simd : {false, true}) {
      const std::string told = run({one.input}, false, simd);
      const std::string name(text_of(one.rule).name);
      EXPECT_TRUE(told.ends_with("close " + name)) << one.input << "\n" << told;
      EXPECT_EQ(told.find(" 200 "), told.npos) << one.input;
    }
  }
  EXPECT_EQ(seen.size(), rules().size());  // each of them
}

TEST(Rule, IsTheSameInEverySplit) {
  auto all = heads();
  for (const Case& body : bodies()) all.push_back(body);
  for (const Case& one : all) {
    if (one.input.size() > 1000) continue;
    for (const bool lenient : {false, true}) {
      const auto difference = testing::every_split(
          one.input, [&](const testing::Pieces& pieces) { return run(pieces, lenient); });
      EXPECT_FALSE(difference) << *difference;
    }
  }
}

// What lenient takes, and the strict head that it is taken for.
struct Taken {
  std::string input;
  std::string as;
};

std::vector<Taken> taken() {
  return {
      {"\r\n\r\n\r\n" + get(""), get("")},
      {"\n\nGET / HTTP/1.1\nHost: a\n\n", get("")},
      {"POST / HTTP/1.1\nHost: a\nContent-Length: 2\nX-A: 1\n\nhi",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nhi"},
      {get("X-A: 1\r\n  2\r\n\t3 \r\n"), get("X-A: 1 2 3 \r\n")},
      {get("X-A:\r\n 1\r\n"), get("X-A: 1\r\n")},
      {get("Content-Length: 2\r\nContent-Length: 2\r\n") + "hi",
       get("Content-Length: 2\r\n") + "hi"},
  };
}

TEST(Lenient, TakesWhatCommonServersTakeAsAStrictParserHadIt) {
  for (const Taken& one : taken()) {
    EXPECT_EQ(run({one.as}, false).find("HTTP/1.1 200 "), 0U) << one.as;
    for (const bool simd : {false, true}) {
      EXPECT_EQ(run({one.input}, true, simd), run({one.as}, false, simd)) << one.input;
    }
    const auto difference = testing::every_split(
        one.input, [&](const testing::Pieces& pieces) { return run(pieces, true); });
    EXPECT_FALSE(difference) << *difference;
    EXPECT_EQ(run({one.input}, false).find("HTTP/1.1 400 "), 0U) << one.input;
  }
  const std::string told = run({"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"}, true);
  EXPECT_NE(told.find("host=b "), told.npos) << told;
}

TEST(Lenient, LeavesTheRequestBehindAlone) {
  const std::string lf = "GET /1 HTTP/1.1\nHost: a\n\n";
  const std::string told = run({lf + get("") + lf}, true);
  EXPECT_NE(told.find("GET /1 host=a body=HTTP/1.1 200"), told.npos) << told;
  EXPECT_NE(told.find("GET / host=a body=HTTP/1.1 200"), told.npos) << told;
  EXPECT_TRUE(told.ends_with("open")) << told;
}

// Where two readers that take it could find other framing, or another field.
TEST(Lenient, TakesNothingThatHasTwoReadings) {
  std::vector<std::string> all{
      get("X: 1\nContent-Length: 3\r\n"),              // line ends mixed
      "GET / HTTP/1.1\nHost: a\r\n\r\n",               // the same
      "GET / HTTP/1.1\nHost: a\nX: b\rY: c\n\n",       // a CR in a value
      get("X: 1\r\n Content-Length: 3\r\n"),           // a fold that could be a field
      get("X: 1\r\n\tContent-Length : 3\r\n"),         // the same, nearly
      get("Content-Length:\r\n 3\r\n"),                // a field of the framing, folded
      get("Transfer-Encoding:\r\n chunked\r\n"),       // the same
      "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",       // and of routing
      std::string(kGet) + " X: 1\r\nHost: a\r\n\r\n",  // a fold of nothing
      get("X: 1\r\n \r\nY: 2\r\n"),                    // a line of blanks
      get("Content-Length: 2\r\nContent-Length: 02\r\n"),
      get("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
  };
  const std::set<Rule> put_up_with{Rule::host_disagrees, Rule::fold, Rule::length_repeated};
  for (const auto& cases : {heads(), bodies()}) {
    for (const Case& one : cases) {
      if (!put_up_with.contains(one.rule)) all.push_back(one.input);
    }
  }
  for (const std::string& input : all) {
    const std::string told = run({input}, true);
    EXPECT_EQ(told.find(" 200 "), told.npos) << input;
    EXPECT_NE(told.find("\nclose"), told.npos) << input << "\n" << told;
  }
}

TEST(Lenient, HeadsBeyondTheLimitAreRefused) {
  const ReadLimits limits{.line_bytes_max = 64, .head_bytes_max = 128};
  const std::string endless = "GET / HTTP/1.1\nHost: a\nX: " + std::string(200, 'x');
  const auto bytes = std::as_bytes(std::span(endless));
  EXPECT_EQ(relax(bytes.first(100), limits).state, ReadState::partial);
  EXPECT_EQ(relax(bytes, limits).state, ReadState::bad);
}

}  // namespace
}  // namespace zyphos::http1
