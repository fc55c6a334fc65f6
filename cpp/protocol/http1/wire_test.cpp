// Runs the cases of tests/wire/http1 (its README.md says how they read): whole, in every split,
// byte by byte, and with an outbox that is flushed a few bytes at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "protocol/http1/server.h"
#include "testing/one_peer.h"
#include "testing/report_handler.h"
#include "testing/splits.h"

namespace zyphos::http1 {
namespace {

struct Expected {
  int status = 0;
  bool head_only = false;
  int times = 1;
  bool any_body = true;
  std::string body;
  std::vector<std::string> fields;
  std::vector<std::string> without;
};

struct Case {
  std::string file;
  int line = 0;
  std::string name;
  std::string input;
  bool finish = false;
  std::vector<Expected> responses;
  std::string ending = "open";
  std::string error = "ok";
};

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char c = text.at(++i);
    constexpr std::string_view kLetters = "rnts0\\";
    constexpr std::string_view kMeanings{"\r\n\t \0\\", 6};
    if (c == 'x') {
      int value = 0;
      std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += kMeanings.at(kLetters.find(c));
    }
  }
  return out;
}

// "200 GET / ...", "200 head", "200 x 100", "400"
Expected expected(std::string_view text) {
  Expected out;
  out.status = std::stoi(std::string(text.substr(0, 3)));
  const std::string_view rest = text.size() > 4 ? text.substr(4) : std::string_view{};
  if (rest == "head") {
    out.head_only = true;
  } else if (rest.starts_with("x ")) {
    out.times = std::stoi(std::string(rest.substr(2)));
  } else if (!rest.empty()) {
    out.any_body = false;
    out.body = unescape(rest);
  }
  return out;
}

// What the client sends, of one line of a case.
void apply_input(Case& to, const std::string& key, const std::string& value) {
  const std::string text = unescape(value);
  if (key == "line") to.input += text + "\r\n";
  if (key == "send") to.input += text;
  if (key.starts_with("repeat ")) {
    for (int n = std::stoi(key.substr(7)); n > 0; --n) to.input += text;
  }
  if (key == "finish") to.finish = true;
}

void apply_expectation(Case& to, const std::string& key, const std::string& value) {
  if (key == "expect") to.responses.push_back(expected(value));
  if (key == "field") to.responses.back().fields.push_back(value);
  if (key == "without") to.responses.back().without.push_back(value);
  if (key == "then") to.ending = value;
  if (key == "error") to.error = value;
}

std::vector<Case> read_cases() {
  namespace fs = std::filesystem;
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(ZYPHOS_SOURCE_DIR "/tests/wire/http1")) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream file(entry.path());
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
      if (text.empty() || text.starts_with('#')) continue;
      const auto colon = text.find(':');
      const std::string key = text.substr(0, colon);
      const std::size_t from = std::min(text.size(), colon == text.npos ? colon : colon + 2);
      const std::string value = text.substr(from);
      if (key == "case") {
        Case& added = cases.emplace_back();
        added.file = entry.path().filename();
        added.line = number;
        added.name = value;
      } else {
        apply_input(cases.back(), key, value);
        apply_expectation(cases.back(), key, value);
      }
    }
  }
  return cases;
}

// What the client saw and what became of the connection, as one text.
std::string run(const Case& wire_case, const testing::Pieces& pieces, std::size_t flush_bytes) {
  testing::ReportHandler handler;
  const ServerOptions options;
  testing::OnePeer peer(std::make_unique<Http1Server>(handler, options),
                        {.limits = {}, .flush_bytes = flush_bytes});
  for (const auto piece : pieces) peer.feed(piece);
  if (wire_case.finish) peer.finish();
  return peer.output() + "\n" + std::string(peer.ending()) + " " +
         std::string(errc_name(peer.slot().error()));
}

// A reader of responses that shares nothing with ours.
class Responses {
 public:
  explicit Responses(std::string output) : output_(std::move(output)) {}

  void check(const Expected& want) {
    const auto end = output_.find("\r\n\r\n");
    ASSERT_NE(end, output_.npos) << "no response, want " << want.status;
    const std::string head = output_.substr(0, end + 2);
    output_.erase(0, end + 4);
    EXPECT_EQ(head.substr(0, 13), "HTTP/1.1 " + std::to_string(want.status) + " ") << head;
    for (const auto& field : want.fields) {
      EXPECT_NE(head.find("\r\n" + field + "\r\n"), head.npos) << head;
    }
    for (const auto& name : want.without) {
      EXPECT_EQ(head.find("\r\n" + name + ":"), head.npos) << head;
    }
    const auto at = head.find("Content-Length: ");
    if (want.head_only || at == head.npos) return;
    const std::size_t size = std::stoul(head.substr(at + 16));
    ASSERT_LE(size, output_.size());
    if (!want.any_body) {
      EXPECT_EQ(output_.substr(0, size), want.body);
    }
    output_.erase(0, size);
  }

  const std::string& rest() const { return output_; }

 private:
  std::string output_;
};

class Wire : public ::testing::TestWithParam<Case> {};

TEST_P(Wire, IsAnsweredAsItSays) {
  const Case& wire_case = GetParam();
  SCOPED_TRACE(wire_case.file + ":" + std::to_string(wire_case.line) + " " + wire_case.name);
  const std::string whole = run(wire_case, {wire_case.input}, ~std::size_t{0});
  const auto last = whole.rfind('\n');
  Responses responses(whole.substr(0, last));
  for (const Expected& want : wire_case.responses) {
    for (int i = 0; i < want.times; ++i) responses.check(want);
  }
  EXPECT_EQ(responses.rest(), "");
  EXPECT_EQ(whole.substr(last + 1), wire_case.ending + " " + wire_case.error);
}

TEST_P(Wire, IsTheSameInEverySplit) {
  const Case& wire_case = GetParam();
  SCOPED_TRACE(wire_case.file + ":" + std::to_string(wire_case.line) + " " + wire_case.name);
  const auto difference = testing::every_split(wire_case.input, [&](const testing::Pieces& pieces) {
    return run(wire_case, pieces, ~std::size_t{0});
  });
  EXPECT_FALSE(difference) << *difference;
  EXPECT_EQ(run(wire_case, {wire_case.input}, 7),
            run(wire_case, {wire_case.input}, ~std::size_t{0}));
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  std::string name = info.param.file.substr(0, info.param.file.find('.'));
  name += "_" + std::to_string(info.param.line);
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, Wire, ::testing::ValuesIn(read_cases()), case_name);

TEST(WireFiles, HoldManyCases) { EXPECT_GE(read_cases().size(), 80U); }

}  // namespace
}  // namespace zyphos::http1
