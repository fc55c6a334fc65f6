// HTTP/1 in user space: reading heads, the server's and the client's turn on pipelined small
// requests. Each bench prints a hash of its work as its label, so that a change of speed can be
// told from a change of work.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdio>
#include <string>

#include "memory/recycled.h"
#include "protocol/http1/client.h"
#include "protocol/http1/read.h"
#include "protocol/http1/server.h"
#include "testing/surroundings.h"

namespace zyphos::http1 {
namespace {

constexpr std::string_view kSmall = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view kBrowser =
    "GET /wiki/Hypertext_Transfer_Protocol?from=bench HTTP/1.1\r\nHost: en.wikipedia.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nPriority: u=0, i\r\n\r\n";
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";

// Input with the padding that readers may look at.
class Padded {
 public:
  explicit Padded(std::string_view text, std::size_t times = 1) : size_(text.size() * times) {
    for (std::size_t i = 0; i < times; ++i) bytes_ += text;
    bytes_.resize(size_ + kReadPadding);
  }
  Bytes bytes() { return {reinterpret_cast<std::byte*>(bytes_.data()), size_}; }

 private:
  std::string bytes_;
  std::size_t size_;
};

std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

void label(benchmark::State& state, std::uint64_t hash) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "work %016llx", static_cast<unsigned long long>(hash));
  state.SetLabel(text.data());
}

void read_head(benchmark::State& state, std::string_view text) {
  Padded input(text);
  const ReadLimits limits;
  std::uint64_t hash = 0;
  for (auto _ : state) {
    Fields fields;
    RequestHead head;
    Framing framing;
    const ReadResult read = read_request(input.bytes(), limits, fields, head, framing);
    benchmark::DoNotOptimize(fields);
    hash = mix(read.size + head.headers.size(), head.target);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  label(state, hash);
}
BENCHMARK_CAPTURE(read_head, small, kSmall);
BENCHMARK_CAPTURE(read_head, browser, kBrowser);

// The "hello" of cpp/app, which a protocol's bench may not include.
class Answer final : public Handler {
 public:
  std::unique_ptr<Exchange> begin(const RequestHead&, const ExchangeContext&) override;
  std::array<Header, 1> fields{Header{.name = "Content-Type", .value = "text/plain"}};
};

class AnswerExchange final : public Exchange, public Recycled<AnswerExchange> {
 public:
  explicit AnswerExchange(const Answer& answer) : answer_(answer) {}
  std::size_t body(Bytes bytes, bool) override { return bytes.size(); }
  Produce produce(Sink& sink, Time) override {
    constexpr std::string_view kBody = "Hello, world!";
    if (!sink.head({.status = 200, .headers = answer_.fields, .content_length = kBody.size()})) {
      return Produce::more;
    }
    return sink.body(as_bytes(kBody)) == kBody.size() ? Produce::done : Produce::failed;
  }

 private:
  const Answer& answer_;
};

std::unique_ptr<Exchange> Answer::begin(const RequestHead&, const ExchangeContext&) {
  return std::make_unique<AnswerExchange>(*this);
}

std::uint64_t take_output(Outbox& out) {
  std::array<ConstBytes, 8> parts;
  std::uint64_t hash = out.pending();
  const std::size_t count = out.gather(parts);
  for (std::size_t i = 0; i < count; ++i) hash = mix(hash, as_text(parts[i].first(1)));
  out.sent(out.pending());
  return hash;
}

// One receive with `pipelined` requests, their answers written and taken: all of the server's
// user-space work but the engine's own.
void serve(benchmark::State& state, std::string_view text) {
  const auto pipelined = static_cast<std::size_t>(state.range(0));
  Padded input(text, pipelined);
  testing::Surroundings around;
  Answer handler;
  const ServerOptions options;
  Slot slot(around.driver);
  slot.open(std::make_unique<Http1Server>(handler, options));
  std::uint64_t hash = 0;
  for (auto _ : state) {
    slot.input(input.bytes());
    slot.pump(Time{1});
    hash = take_output(slot.out());
    slot.settle();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(pipelined));
  label(state, hash ^ around.counters.value(Counter::bytes_copied));
}
BENCHMARK_CAPTURE(serve, small, kSmall)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(serve, browser, kBrowser)->Arg(1)->Arg(16);

// The same from the load generator's side.
void ask(benchmark::State& state) {
  const auto pipelined = static_cast<std::size_t>(state.range(0));
  Padded input(kAnswer, pipelined);
  testing::Surroundings around;
  Slot slot(around.driver);
  auto client = std::make_unique<Http1Client>(
      ClientOptions{.pipeline = pipelined,
                    .limits = {},
                    .expected_body = as_bytes(kAnswer.substr(kAnswer.size() - 13))});
  Http1Client& asked = *client;
  slot.open(std::move(client));
  const Request request{
      .method = "GET", .target = "/", .authority = "127.0.0.1:8080", .headers = {}, .body = {}};
  std::uint64_t done = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < pipelined; ++i) asked.submit(request, i);
    slot.pump(Time{1});
    benchmark::DoNotOptimize(take_output(slot.out()));
    slot.input(input.bytes());
    slot.pump(Time{2});
    for (const Completion& completion : asked.completed()) {
      done += completion.error == Errc::ok && completion.body_expected ? 1 : 0;
    }
    slot.settle();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(pipelined));
  label(state, done == static_cast<std::uint64_t>(state.iterations()) * pipelined ? pipelined : 0);
}
BENCHMARK(ask)->Arg(1)->Arg(16);

}  // namespace
}  // namespace zyphos::http1
