// The parsers beside each other on three requests, and beside other people's where CMake is told
// where their source is: ratios within one run. Zero allocations in all of them. What each
// validates:
//
//   ours            every character of method, target, version, names, values and line ends; the
//                   target's form; exactly one Host and its characters; Content-Length,
//                   Transfer-Encoding, Connection, Expect and Upgrade for what they say, and that
//                   they agree; limits of a line, the head and the fields' number
//   re2c            (where CMake finds it) our own re2c_reader.re: characters of method, target,
//                   names and values, the version, line ends; no target's form, no field's meaning
//   picohttpparser  (-DZYPHOS_PICOHTTPPARSER=DIR with picohttpparser.c) characters of names and
//                   values; method and target: only that they are printable; line ends, where it
//                   takes a bare LF too; no field's meaning, no framing
//   llhttp          (-DZYPHOS_LLHTTP=DIR with include/ and src/, as in the sdist of PyPI's
//                   httptools under vendor/llhttp) the method by a list, the target's form, the
//                   version, names and values, line ends; Content-Length, Transfer-Encoding,
//                   Connection and Upgrade for what they say, and that the first two agree; not
//                   Host. Its results are calls back with spans, which are stored here as ours are
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>

#include "protocol/http1/read.h"

#ifdef ZYPHOS_HAVE_PICOHTTPPARSER
extern "C" {
#include <picohttpparser.h>
}
#endif
#ifdef ZYPHOS_HAVE_RE2C
#include "protocol/http1/re2c_reader.h"
#endif
#ifdef ZYPHOS_HAVE_LLHTTP
#include <llhttp.h>
#endif

namespace zyphos::http1 {
namespace {

// picohttpparser's own, bench.c: 703 bytes.
constexpr std::string_view kBrowser =
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
    "Host: www.kittyhell.com\r\n"
    "User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) "
    "Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\nAccept-Encoding: gzip,deflate\r\n"
    "Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\nKeep-Alive: 115\r\n"
    "Connection: keep-alive\r\nCookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; "
    "__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; __utmz=xxxxxxxxx.xxxxxxxxxx."
    "x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral\r\n\r\n";
static_assert(kBrowser.size() == 703);

constexpr std::string_view kSmall =
    "GET /api/items/42?page=1&sort=a HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: "
    "curl/7.88.1\r\n"
    "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n";
static_assert(kSmall.size() == 161);

// What a load generator sends.
constexpr std::string_view kLeast = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

std::string padded(std::string_view text) {
  std::string bytes(text);
  bytes.resize(text.size() + kReadPadding);
  return bytes;
}

void count(benchmark::State& state, std::string_view text) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void read_by(benchmark::State& state, std::string_view text, std::string_view name) {
  const scan::Kernel* const kernel = scan::find_kernel(name);
  if (kernel != nullptr && !kernel->lack().empty()) {
    state.SkipWithError(kernel->lack().c_str());
    return;
  }
  const Parser parser = name == kTable.name() ? kTable : Parser(kernel);
  const std::string bytes = padded(text);
  const ReadLimits limits;
  for (auto _ : state) {
    Fields fields;
    RequestHead head;
    Framing framing;
    const ReadResult read =
        read_request(as_bytes(bytes).first(text.size()), limits, fields, head, framing, parser);
    benchmark::DoNotOptimize(fields);
    benchmark::DoNotOptimize(head);
    if (read.size != text.size()) state.SkipWithError("refused");
  }
  count(state, text);
}

#define ZY_READ(request)                                                   \
  BENCHMARK_CAPTURE(read_by, request##_descent, k##request, "descent");    \
  BENCHMARK_CAPTURE(read_by, request##_table, k##request, "table");        \
  BENCHMARK_CAPTURE(read_by, request##_simd_scalar, k##request, "scalar"); \
  BENCHMARK_CAPTURE(read_by, request##_simd_sse42, k##request, "sse4.2");  \
  BENCHMARK_CAPTURE(read_by, request##_simd_avx2, k##request, "avx2");     \
  BENCHMARK_CAPTURE(read_by, request##_simd_avx512, k##request, "avx512")

ZY_READ(Browser);
ZY_READ(Small);
ZY_READ(Least);

#ifdef ZYPHOS_HAVE_RE2C

void re2c(benchmark::State& state, std::string_view text) {
  const std::string bytes = padded(text);
  for (auto _ : state) {
    Re2cHead head;
    const std::size_t size = read_by_re2c(std::string_view(bytes).substr(0, text.size()), head);
    benchmark::DoNotOptimize(head);
    if (size != text.size()) state.SkipWithError("refused");
  }
  count(state, text);
}
BENCHMARK_CAPTURE(re2c, Browser, kBrowser);
BENCHMARK_CAPTURE(re2c, Small, kSmall);
BENCHMARK_CAPTURE(re2c, Least, kLeast);

#endif

#ifdef ZYPHOS_HAVE_PICOHTTPPARSER

void picohttpparser(benchmark::State& state, std::string_view text) {
  const std::string bytes = padded(text);
  for (auto _ : state) {
    std::array<phr_header, 100> headers;
    const char* method = nullptr;
    const char* path = nullptr;
    std::size_t method_size = 0;
    std::size_t path_size = 0;
    std::size_t count = headers.size();
    int version = 0;
    const int size = phr_parse_request(bytes.data(), text.size(), &method, &method_size, &path,
                                       &path_size, &version, headers.data(), &count, 0);
    benchmark::DoNotOptimize(headers);
    benchmark::DoNotOptimize(path);
    if (size != static_cast<int>(text.size())) state.SkipWithError("refused");
  }
  count(state, text);
}
BENCHMARK_CAPTURE(picohttpparser, Browser, kBrowser);
BENCHMARK_CAPTURE(picohttpparser, Small, kSmall);
BENCHMARK_CAPTURE(picohttpparser, Least, kLeast);

#endif

#ifdef ZYPHOS_HAVE_LLHTTP

// What it calls back with, kept as our readers keep it.
struct Collected {
  std::string_view target;
  Fields fields;
  std::string_view name;
  bool whole = false;

  static Collected& of(llhttp_t* parser) { return *static_cast<Collected*>(parser->data); }
};

llhttp_settings_t collecting() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = [](llhttp_t* parser, const char* at, std::size_t size) {
    Collected::of(parser).target = {at, size};
    return 0;
  };
  settings.on_header_field = [](llhttp_t* parser, const char* at, std::size_t size) {
    Collected::of(parser).name = {at, size};
    return 0;
  };
  settings.on_header_value = [](llhttp_t* parser, const char* at, std::size_t size) {
    Collected& to = Collected::of(parser);
    return to.fields.add(to.name, {at, size}) ? 0 : -1;
  };
  settings.on_message_complete = [](llhttp_t* parser) {
    Collected::of(parser).whole = true;
    return 0;
  };
  return settings;
}

void llhttp(benchmark::State& state, std::string_view text) {
  const std::string bytes = padded(text);
  const llhttp_settings_t settings = collecting();
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  for (auto _ : state) {
    Collected collected;
    llhttp_reset(&parser);
    parser.data = &collected;
    const llhttp_errno_t error = llhttp_execute(&parser, bytes.data(), text.size());
    benchmark::DoNotOptimize(collected);
    if (error != HPE_OK || !collected.whole) state.SkipWithError("refused");
  }
  count(state, text);
}
BENCHMARK_CAPTURE(llhttp, Browser, kBrowser);
BENCHMARK_CAPTURE(llhttp, Small, kSmall);
BENCHMARK_CAPTURE(llhttp, Least, kLeast);

#endif

}  // namespace
}  // namespace zyphos::http1
