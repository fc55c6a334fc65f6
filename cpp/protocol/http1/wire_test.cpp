// Runs the cases of tests/wire/http1 (its README.md says how they read): whole, in every split,
// byte by byte, and with an outbox that is flushed a few bytes at a time.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/http1/server.h"
#include "testing/one_peer.h"
#include "testing/report_handler.h"
#include "testing/splits.h"
#include "testing/wire_cases.h"

namespace zyphos::http1 {
namespace {

using testing::WireCase;
using testing::WireResponse;

std::vector<WireCase> read_cases() {
  return testing::read_wire_cases(ZYPHOS_SOURCE_DIR "/tests/wire/http1");
}

// One case, read by one parser.
struct Run {
  WireCase wire_case;
  Parser parser;
};

// What the client saw and what became of the connection, as one text.
std::string run(const Run& what, const testing::Pieces& pieces, std::size_t flush_bytes) {
  testing::ReportHandler handler;
  ServerOptions options;
  options.parser = what.parser;
  testing::OnePeer peer(std::make_unique<Http1Server>(handler, options),
                        {.limits = {}, .flush_bytes = flush_bytes});
  for (const auto piece : pieces) peer.feed(piece);
  if (what.wire_case.finish) peer.finish();
  return peer.output() + "\n" + std::string(peer.ending()) + " " +
         std::string(errc_name(peer.slot().error()));
}

// A reader of responses that shares nothing with ours.
class Responses {
 public:
  explicit Responses(std::string output) : output_(std::move(output)) {}

  void check(const WireResponse& want) {
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

class Wire : public ::testing::TestWithParam<Run> {};

TEST_P(Wire, IsAnsweredAsItSays) {
  const WireCase& wire_case = GetParam().wire_case;
  SCOPED_TRACE(wire_case.file + ":" + std::to_string(wire_case.line) + " " + wire_case.name);
  const std::string whole = run(GetParam(), {wire_case.input}, ~std::size_t{0});
  const auto last = whole.rfind('\n');
  Responses responses(whole.substr(0, last));
  for (const WireResponse& want : wire_case.responses) {
    for (int i = 0; i < want.times; ++i) responses.check(want);
  }
  EXPECT_EQ(responses.rest(), "");
  EXPECT_EQ(whole.substr(last + 1), wire_case.ending + " " + wire_case.error);
}

TEST_P(Wire, IsTheSameInEverySplit) {
  const WireCase& wire_case = GetParam().wire_case;
  SCOPED_TRACE(wire_case.file + ":" + std::to_string(wire_case.line) + " " + wire_case.name);
  const auto difference = testing::every_split(wire_case.input, [&](const testing::Pieces& pieces) {
    return run(GetParam(), pieces, ~std::size_t{0});
  });
  EXPECT_FALSE(difference) << *difference;
  EXPECT_EQ(run(GetParam(), {wire_case.input}, 7),
            run(GetParam(), {wire_case.input}, ~std::size_t{0}));
}

std::string case_name(const ::testing::TestParamInfo<Run>& info) {
  std::string name = info.param.wire_case.file;
  name.resize(name.find('.'));
  name += "_" + std::to_string(info.param.wire_case.line);
  name +=
      info.param.parser.kernel() != nullptr ? "_simd" : "_" + std::string(info.param.parser.name());
  return name;
}

std::vector<Run> runs() {
  std::vector<Run> all;
  for (const WireCase& wire_case : read_cases()) {
    for (const Parser parser : {kDescent, kTable, Parser(&scan::best_kernel())}) {
      all.push_back({wire_case, parser});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Cases, Wire, ::testing::ValuesIn(runs()), case_name);

TEST(WireFiles, HoldManyCases) { EXPECT_GE(read_cases().size(), 80U); }

}  // namespace
}  // namespace zyphos::http1
