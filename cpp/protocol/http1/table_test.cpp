// Parser table: that it goes over each byte of a head once, however that trickles in, and what its
// automaton is like. That it says what descent says is parsers_test.cpp's to show, that the
// automaton is the grammar's tests/test_http1_grammar.py's.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "protocol/http1/head_automaton.h"
#include "protocol/http1/read.h"
#include "testing/guard_buffer.h"

namespace zyphos::http1 {
namespace {

constexpr std::size_t kInput_bytes_max = 64 * 1024;

// A head read again and again as more of it comes.
class Trickle {
 public:
  ReadState read(std::string_view text) {
    const ConstBytes in = guard_.place(as_bytes(text));
    fields.clear();
    return read_request(in, {}, fields, head, framing, kTable, &progress).state;
  }

  HeadProgress progress;
  Fields fields;
  RequestHead head;
  Framing framing;

 private:
  testing::GuardBuffer guard_{kInput_bytes_max};
};

std::string large_head() {
  std::string text = "POST http://a.example/x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 7\r\n";
  for (int i = 0; i < 90; ++i) {
    text += "Field-" + std::to_string(i) + ": " + std::string(300, 'v') + " \r\n";
  }
  return text + "\r\n";
}

TEST(Table, GoesOverEachByteOfATricklingHeadOnce) {
  const std::string text = large_head();
  ASSERT_GT(text.size(), 25'000U);
  Trickle trickle;
  for (std::size_t size = 1; size < text.size(); ++size) {
    ASSERT_EQ(trickle.read(text.substr(0, size)), ReadState::partial) << size;
    ASSERT_EQ(trickle.progress.walk.bytes_visited, size);
  }
  ASSERT_EQ(trickle.read(text), ReadState::done);
  EXPECT_EQ(trickle.head.method, "POST");
  EXPECT_EQ(trickle.head.target, "http://a.example/x");
  EXPECT_EQ(trickle.head.authority, "a.example");
  EXPECT_EQ(trickle.head.content_length, 7U);
  ASSERT_EQ(trickle.head.headers.size(), 92U);
  for (const Header& field : trickle.head.headers.subspan(2)) {
    ASSERT_TRUE(field.name.starts_with("Field-"));
    ASSERT_EQ(field.value, std::string(300, 'v'));
  }
}

// What was counted is what happens: of all that has been gone over nothing is left, in the middle
// of a name or of a value, and nobody minds.
TEST(Table, GoesOnInTheMiddleOfAnElement) {
  const std::string lines = "GET / HTTP/1.1\r\nHost: a\r\n";
  std::string text = lines + std::string(500, 'n') + ":" + std::string(5'000, 'v');
  Trickle trickle;
  ASSERT_EQ(trickle.read(lines + "n"), ReadState::partial);
  for (std::size_t size = lines.size() + 2; size <= text.size(); ++size) {
    const std::string spoilt = std::string(size - 1, '\0') + text[size - 1];
    ASSERT_EQ(trickle.read(spoilt), ReadState::partial) << size;
  }
  Trickle afresh;  // it would mind
  EXPECT_EQ(afresh.read(std::string(10, '\0')), ReadState::bad);
}

TEST(Table, SaysAtOnceWhatIsWrong) {
  Trickle trickle;
  EXPECT_EQ(trickle.read("GET / HTTP/1.1\r\nHost: a\r\nA b"), ReadState::bad);
  Trickle method;
  EXPECT_EQ(method.read("GE\x01"), ReadState::bad);
}

std::vector<std::size_t> next_states(std::size_t state) {
  std::vector<std::size_t> next;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const auto step = kHeadRules.step(state, byte);
    if (step.action != HeadDo::wrong) next.push_back(step.to);
  }
  return next;
}

std::set<std::size_t> reached_from(HeadState start) {
  std::set<std::size_t> reached;
  std::vector<std::size_t> left{static_cast<std::size_t>(start)};
  while (!left.empty()) {
    const std::size_t state = left.back();
    left.pop_back();
    if (!reached.insert(state).second) continue;
    for (const std::size_t next : next_states(state)) left.push_back(next);
  }
  return reached;
}

TEST(Table, HasNoStateThatNothingLeadsTo) {
  std::set<std::size_t> reached = reached_from(HeadState::method_first);
  EXPECT_TRUE(reached.contains(static_cast<std::size_t>(HeadState::done)));
  reached.merge(reached_from(HeadState::response_h));
  EXPECT_EQ(reached.size(), kHeadStates);
}

// The walk's table is the rules', with equal characters in one column.
TEST(Table, WalksAsTheRulesSay) {
  for (std::size_t state = 0; state < kHeadStates; ++state) {
    const std::uint16_t row = kHead.start(state).row;
    ASSERT_EQ(kHead.state_of(row), state);
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto said = kHeadRules.step(state, byte);
      const auto step = kHead.step(row, static_cast<char>(byte));
      ASSERT_EQ(step.action, said.action);
      ASSERT_EQ(kHead.state_of(step.row), said.to);
    }
  }
  EXPECT_LT(kHeadRules.columns(), 32U);
}

}  // namespace
}  // namespace zyphos::http1
