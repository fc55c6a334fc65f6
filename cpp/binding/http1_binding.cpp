#include "binding/http1_binding.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "protocol/http1/chunked.h"
#include "protocol/http1/head_automaton.h"
#include "protocol/http1/read.h"
#include "protocol/http1/rule.h"

namespace py = pybind11;

namespace zyphos {
namespace {

// A head with the padding that the parser may read behind it.
class Text {
 public:
  explicit Text(std::string_view bytes) : size_(bytes.size()), storage_(size_ + kReadPadding) {
    std::memcpy(storage_.data(), bytes.data(), size_);
  }
  ConstBytes first(std::size_t n) const { return ConstBytes(storage_).first(n); }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  std::vector<std::byte> storage_;
};

struct Parsed {
  http1::Fields fields;
  RequestHead head;
  http1::Framing framing;
  http1::ReadResult result;

  explicit Parsed(ConstBytes in) {
    result = http1::read_request(in, http1::ReadLimits{}, fields, head, framing);
  }
};

// The byte that made it wrong: the last one of the shortest prefix that is refused.
std::size_t offset_of_fault(const Text& text) {
  std::size_t good = 0;
  std::size_t bad = text.size();
  while (bad - good > 1) {
    const std::size_t middle = good + (bad - good) / 2;
    (Parsed(text.first(middle)).result.state == http1::ReadState::bad ? bad : good) = middle;
  }
  return bad == 0 ? 0 : bad - 1;
}

py::bytes bytes_of(std::string_view text) { return {text.data(), text.size()}; }

py::dict describe(const Parsed& parsed) {
  py::list headers;
  for (const Header& header : parsed.head.headers) {
    headers.append(py::make_tuple(bytes_of(header.name), bytes_of(header.value)));
  }
  py::dict out;
  out["state"] = "done";
  out["method"] = bytes_of(parsed.head.method);
  out["target"] = bytes_of(parsed.head.target);
  out["version"] = py::make_tuple(parsed.head.version_major, parsed.head.version_minor);
  out["authority"] = bytes_of(parsed.head.authority);
  out["headers"] = headers;
  out["content_length"] = parsed.head.content_length;
  out["chunked"] = parsed.framing.body == http1::Body::chunked;
  out["close"] = parsed.framing.close;
  out["size"] = parsed.result.size;
  return out;
}

py::dict parse_request(const py::bytes& head) {
  const Text text{static_cast<std::string_view>(head)};
  const Parsed parsed(text.first(text.size()));
  if (parsed.result.state == http1::ReadState::done) return describe(parsed);
  py::dict out;
  if (parsed.result.state == http1::ReadState::partial) {
    out["state"] = "partial";
    return out;
  }
  out["state"] = "bad";
  out["error"] = errc_name(parsed.result.error);
  out["message"] = errc_text(parsed.result.error);
  out["status"] = parsed.result.status;
  const http1::Rule rule = http1::broken_rule(text.first(text.size()), parsed.result.error);
  out["rule"] = rule == http1::Rule::none ? "" : http1::text_of(rule).name;
  out["offset"] = offset_of_fault(text);
  return out;
}

// For each state what each byte leads to; -1: it is wrong there.
std::vector<std::vector<int>> next_states() {
  std::vector<std::vector<int>> next(http1::kHeadStates, std::vector<int>(256, -1));
  for (std::size_t state = 0; state < next.size(); ++state) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto step = http1::kHeadRules.step(state, byte);
      if (step.action != http1::HeadDo::wrong) next[state][byte] = step.to;
    }
  }
  return next;
}

py::dict head_automaton() {
  py::dict out;
  out["request"] = static_cast<int>(http1::HeadState::method_first);
  out["response"] = static_cast<int>(http1::HeadState::response_h);
  out["field"] = static_cast<int>(http1::HeadState::field_first);
  out["done"] = static_cast<int>(http1::HeadState::done);
  out["next"] = next_states();
  return out;
}

// Framing and data as they come, data passed over.
std::string_view read_chunked(const py::bytes& body) {
  const auto text = static_cast<std::string_view>(body);
  ConstBytes rest = as_bytes(text);
  http1::ChunkedReader reader;
  while (!rest.empty() && !reader.done() && !reader.bad()) {
    rest = rest.subspan(reader.framing(rest));
    const auto data = std::min<std::uint64_t>(reader.data_left(), rest.size());
    if (data > 0) reader.took(data);
    rest = rest.subspan(data);
  }
  if (reader.bad() || (reader.done() && !rest.empty())) return "bad";
  return reader.done() ? "done" : "partial";
}

py::list http1_rules() {
  py::list all;
  for (const http1::RuleText& rule : http1::rules()) {
    all.append(py::make_tuple(rule.name, rule.clause, rule.refuses, rule.lenient));
  }
  return all;
}

}  // namespace

void bind_http1(py::module_& module) {
  module.def("parse_request", &parse_request, py::arg("head"),
             "What the HTTP/1.1 server reads of a request's head: a dict whose `state` is done "
             "(method, target, version, authority, headers, content_length, chunked, close, size), "
             "partial, or bad (error, message, status, the rule that is broken, and the offset of "
             "the byte at fault).");
  module.def("head_automaton", &head_automaton,
             "The automaton of parser table: `next`, for each state a list of 256 states (-1: that "
             "byte is wrong there), and the states where a request, a response and a field section "
             "begin and where a head is done.");
  module.def("read_chunked", &read_chunked, py::arg("body"),
             "What the chunked coding's reader says of a body of these bytes and no more: done, "
             "partial or bad.");
  module.def("http1_rules", &http1_rules,
             "The rules by which the server refuses requests: (name, clause, what is refused, what "
             "strictness=lenient does instead or an empty text).");
}

}  // namespace zyphos
