#include <algorithm>
#include <array>
#include <cstring>

#include "app/hello.h"
#include "metrics/histogram.h"
#include "protocol/echo/server.h"
#include "protocol/http1/body_reader.h"
#include "protocol/http1/read.h"
#include "protocol/http1/server.h"
#include "protocol/slot.h"
#include "scan/kernel.h"
#include "testing/surroundings.h"
#include "tool/clock_paths.h"
#include "tool/code_path.h"
#include "tool/regex_paths.h"
#include "tool/route_paths.h"
#include "tool/words.h"

namespace zyphos {
namespace {

using route::Kind;

constexpr std::size_t kHello_bytes = 13;

// What the measuring loop itself costs.
class NothingPath final : public CodePath {
 public:
  std::uint64_t run() override { return 0; }
};

// A count that is known: per byte of input two instructions, one of them a conditional branch.
class SpinPath final : public CodePath {
 public:
  explicit SpinPath(Bytes input) : rounds_(input.size()) {}
  std::uint64_t run() override {
    std::uint64_t left = rounds_;
    if (left == 0) return 0;
#if defined(__x86_64__)
    asm volatile("1:\n\tsub $1, %0\n\tjnz 1b" : "+r"(left) : : "cc");
#elif defined(__aarch64__)
    asm volatile("1:\n\tsubs %0, %0, #1\n\tb.ne 1b" : "+r"(left) : : "cc");
#else
    while (left > 0) asm volatile("" : "+r"(--left));
#endif
    return rounds_ - left;
  }

 private:
  std::uint64_t rounds_;
};

// A message's body off `rest`, wholly there; the bytes of its data.
std::uint64_t read_body(http1::BodyReader& body, Bytes& rest) {
  std::uint64_t size = 0;
  while (true) {
    const Bytes data = body.data(rest);
    size += data.size();
    body.took(rest, data.size());
    if (body.done()) return size;
    if (body.bad()) throw CodeRefused("a body that is not chunked as it says");
    if (data.empty()) throw CodeRefused("a body that is cut off");
  }
}

void require_done(const http1::ReadResult& read) {
  if (read.state == http1::ReadState::partial) throw CodeRefused("a head that is cut off");
  if (read.state == http1::ReadState::bad) {
    throw CodeRefused("a head that is refused: " + std::string(errc_name(read.error)));
  }
}

// Every message of the input, as a server reads it: head, then body.
class RequestPath : public CodePath {
 public:
  explicit RequestPath(Bytes input, http1::Parser parser = http1::kDescent)
      : input_(input), parser_(parser) {}
  std::uint64_t run() override {
    std::uint64_t sum = 0;
    for (Bytes rest = input_; !rest.empty();) {
      http1::Fields fields;
      RequestHead head;
      http1::Framing framing;
      const auto read = http1::read_request(rest, limits_, fields, head, framing, parser_);
      require_done(read);
      rest = rest.subspan(read.size);
      body_.open(framing.body, framing.content_length);
      sum += read.size + head.headers.size() + read_body(body_, rest);
    }
    return sum;
  }

 private:
  Bytes input_;
  http1::Parser parser_;
  http1::ReadLimits limits_;
  http1::BodyReader body_;
};

class SimdRequestPath final : public RequestPath {
 public:
  explicit SimdRequestPath(Bytes input) : RequestPath(input, &scan::best_kernel()) {}
};

class TableRequestPath final : public RequestPath {
 public:
  explicit TableRequestPath(Bytes input) : RequestPath(input, http1::kTable) {}
};

// simd by one kernel, which the machine has to be able to run.
std::unique_ptr<CodePath> by_kernel(std::string_view name, Bytes input) {
  const scan::Kernel* const kernel = scan::find_kernel(name);
  if (kernel == nullptr) throw CodeRefused(std::string(name) + " is none of this processor's");
  if (const std::string lack = kernel->lack(); !lack.empty()) throw CodeRefused(lack);
  return std::make_unique<RequestPath>(input, kernel);
}

class ResponsePath : public CodePath {
 public:
  explicit ResponsePath(Bytes input, http1::Parser parser = http1::kDescent)
      : input_(input), parser_(parser) {}
  std::uint64_t run() override {
    std::uint64_t sum = 0;
    for (Bytes rest = input_; !rest.empty();) {
      http1::Fields fields;
      http1::ResponseLine line;
      http1::Framing framing;
      const auto read = http1::read_response(rest, limits_, fields, line, framing, parser_);
      require_done(read);
      rest = rest.subspan(read.size);
      if (framing.body == http1::Body::until_close) {
        framing = {.body = http1::Body::length, .content_length = rest.size()};
      }
      body_.open(framing.body, framing.content_length);
      sum += read.size + line.status + fields.view().size() + read_body(body_, rest);
    }
    return sum;
  }

 private:
  Bytes input_;
  http1::Parser parser_;
  http1::ReadLimits limits_;
  http1::BodyReader body_;
};

class TableResponsePath final : public ResponsePath {
 public:
  explicit TableResponsePath(Bytes input) : ResponsePath(input, http1::kTable) {}
};

// One receive of the whole input by a connection of a server, its answers written and taken: all
// of the server's user-space work but the engine's own.
class ConnectionPath : public CodePath {
 public:
  ConnectionPath(Bytes input, std::unique_ptr<Connection> connection) : input_(input) {
    slot_.open(std::move(connection));
    slot_.pump(Time{1});
    slot_.settle();
  }
  std::uint64_t run() override {
    slot_.input(input_);
    std::uint64_t answered = 0;
    do {
      slot_.pump(Time{1});
      answered += slot_.out().pending();
      slot_.out().sent(slot_.out().pending());
    } while (slot_.wants_pump());
    slot_.settle();
    slot_.rest();
    if (slot_.error() != Errc::ok) {
      throw CodeRefused("what the connection refuses: " + std::string(errc_name(slot_.error())));
    }
    return answered;
  }

 private:
  Bytes input_;
  testing::Surroundings around_;
  Slot slot_{around_.driver};
};

// A base, so that it is there before the connection that refers to it.
struct HelloServer {
  explicit HelloServer(http1::Parser parser) { options.parser = parser; }
  app::Hello hello{kHello_bytes};
  http1::ServerOptions options;
};

class ServerPath : private HelloServer, public ConnectionPath {
 public:
  explicit ServerPath(Bytes input, http1::Parser parser = http1::kDescent)
      : HelloServer(parser),
        ConnectionPath(input, std::make_unique<http1::Http1Server>(hello, options)) {}
};

class SimdServerPath final : public ServerPath {
 public:
  explicit SimdServerPath(Bytes input) : ServerPath(input, &scan::best_kernel()) {}
};

class TableServerPath final : public ServerPath {
 public:
  explicit TableServerPath(Bytes input) : ServerPath(input, http1::kTable) {}
};

// Each 8 bytes of input are a time in ns, least significant byte first.
class HistogramPath final : public CodePath {
 public:
  explicit HistogramPath(Bytes input) : input_(input) {
    if (input.size() % sizeof(std::int64_t) != 0) {
      throw CodeRefused("times of 8 bytes each make no " + std::to_string(input.size()) + " bytes");
    }
  }
  std::uint64_t run() override {
    const std::uint64_t before = histogram_.count();
    for (std::size_t at = 0; at < input_.size(); at += sizeof(std::int64_t)) {
      std::int64_t time_ns = 0;
      std::memcpy(&time_ns, input_.data() + at, sizeof time_ns);
      histogram_.record(time_ns);
    }
    return histogram_.count() - before;
  }

 private:
  Bytes input_;
  Histogram histogram_;
};

template <class Path>
std::unique_ptr<CodePath> made(Bytes input) {
  if constexpr (std::is_constructible_v<Path, Bytes>) {
    return std::make_unique<Path>(input);
  } else {
    return std::make_unique<Path>();
  }
}

std::unique_ptr<CodePath> echo(Bytes input) {
  if (input.empty()) throw CodeRefused("no message at all");
  return std::make_unique<ConnectionPath>(input, std::make_unique<echo::EchoServer>(input.size()));
}

constexpr std::array kPaths = {
    NamedCodePath{"clock_coarse", "CLOCK_MONOTONIC_COARSE: the time of the kernel's last tick",
                  made<ClockPath<look_by_vdso<CLOCK_MONOTONIC_COARSE>>>},
    NamedCodePath{"clock_syscall", "CLOCK_MONOTONIC by a system call",
                  made<ClockPath<look_by_syscall>>},
    NamedCodePath{"clock_tsc", "the processor's counter", made<ClockPath<look_at_tsc>>},
    NamedCodePath{"clock_tsc_ordered", "the processor's counter, when what stands before is done",
                  made<ClockPath<look_at_tsc_ordered>>},
    NamedCodePath{"clock_vdso", "CLOCK_MONOTONIC by clock_gettime",
                  made<ClockPath<look_by_vdso<CLOCK_MONOTONIC>>>},
    NamedCodePath{"echo_server", "a connection of the echo server: the input is one message", echo},
    NamedCodePath{"histogram_record", "Histogram::record, once for each 8 bytes of input",
                  made<HistogramPath>},
    NamedCodePath{"http1_request", "reading requests, heads and bodies", made<RequestPath>},
    NamedCodePath{"http1_request_avx2", "the same by parser simd with AVX2",
                  [](Bytes input) { return by_kernel("avx2", input); }},
    NamedCodePath{"http1_request_avx512", "the same by parser simd with AVX-512",
                  [](Bytes input) { return by_kernel("avx512", input); }},
    NamedCodePath{"http1_request_scalar", "the same by parser simd without wide registers",
                  [](Bytes input) { return by_kernel("scalar", input); }},
    NamedCodePath{"http1_request_simd", "the same by parser simd", made<SimdRequestPath>},
    NamedCodePath{"http1_request_sse42", "the same by parser simd with SSE4.2",
                  [](Bytes input) { return by_kernel("sse4.2", input); }},
    NamedCodePath{"http1_request_table", "the same by parser table", made<TableRequestPath>},
    NamedCodePath{"http1_response", "reading responses, heads and bodies", made<ResponsePath>},
    NamedCodePath{"http1_response_table", "the same by parser table", made<TableResponsePath>},
    NamedCodePath{"http1_server", "a connection of the HTTP/1 server: requests to answers",
                  made<ServerPath>},
    NamedCodePath{"http1_server_simd", "the same by parser simd", made<SimdServerPath>},
    NamedCodePath{"http1_server_table", "the same by parser table", made<TableServerPath>},
    NamedCodePath{"nothing", "what the measuring loop itself costs", made<NothingPath>},
    NamedCodePath{"regex_backtracking", "an expression matched by std::regex, depth first",
                  regex_backtracking},
    NamedCodePath{"regex_lazy_dfa", "an expression matched by RE2", regex_lazy_dfa},
    NamedCodePath{"regex_nfa", "an expression matched by std::regex, breadth first", regex_nfa},
    NamedCodePath{"route_build_dfa", "making a router: the result is its bytes for each route",
                  route_build_by<Kind::dfa>},
    NamedCodePath{"route_build_hash", "the same of another kind", route_build_by<Kind::hash>},
    NamedCodePath{"route_build_linear", "and another", route_build_by<Kind::linear>},
    NamedCodePath{"route_build_radix", "and another", route_build_by<Kind::radix>},
    NamedCodePath{"route_build_trie", "and another", route_build_by<Kind::trie>},
    NamedCodePath{"route_dfa", "one lookup of a route by an automaton", route_lookup_by<Kind::dfa>},
    NamedCodePath{"route_hash", "by a hash of static paths", route_lookup_by<Kind::hash>},
    NamedCodePath{"route_linear", "by each route in turn", route_lookup_by<Kind::linear>},
    NamedCodePath{"route_radix", "by an adaptive radix tree", route_lookup_by<Kind::radix>},
    NamedCodePath{"route_trie", "by a tree of segments", route_lookup_by<Kind::trie>},
    NamedCodePath{"spin", "two instructions for each byte of input, one of them a branch",
                  made<SpinPath>},
};

}  // namespace

std::span<const NamedCodePath> code_paths() { return kPaths; }

std::expected<const NamedCodePath*, std::string> find_code_path(std::string_view name) {
  const auto found = std::ranges::find(kPaths, name, &NamedCodePath::name);
  if (found != kPaths.end()) return &*found;
  const auto distance = [name](const NamedCodePath& one) { return edit_distance(name, one.name); };
  const auto nearest = std::ranges::min_element(kPaths, {}, distance);
  std::string message = "there is no code path '" + std::string(name) + "'";
  if (distance(*nearest) <= std::max<std::size_t>(2, name.size() / 3)) {
    return std::unexpected(message + "; did you mean '" + std::string(nearest->name) + "'?");
  }
  return std::unexpected(message + "; `zyphos-code list` has them");
}

}  // namespace zyphos
