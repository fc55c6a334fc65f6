// The codecs beside each other on 64 bytes, 4 KiB and 256 KiB: bytes/s of what is read.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "scan/codec.h"

namespace zyphos::scan {
namespace {

// `pattern` over and over, and what readers may look at.
std::string filled(std::string_view pattern, std::size_t size) {
  std::string text;
  while (text.size() < size) text += pattern;
  text.resize(size);
  text.resize(size + kReadPadding);
  return text;
}

bool can(benchmark::State& state, std::size_t codec) {
  const bool has = codec < codecs().size() && codecs()[codec].lack().empty();
  if (!has) state.SkipWithError("not on this processor");
  return has;
}

// `work(codec, text, size, out)`; a result of kRefused is an error.
template <class Work>
void run(benchmark::State& state, std::size_t codec, std::string_view pattern, Work work) {
  if (!can(state, codec)) return;
  const auto size = static_cast<std::size_t>(state.range(0));
  std::string text = filled(pattern, size);
  std::vector<char> out(2 * size + kReadPadding);
  for (auto _ : state) {
    if (work(codecs()[codec], text.data(), size, out.data()) == kRefused) {
      state.SkipWithError("refused");
    }
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void mask(benchmark::State& state, std::size_t codec) {
  run(state, codec, "payload", [](const Codec& by, char* text, std::size_t size, char*) {
    by.mask(reinterpret_cast<std::byte*>(text), size, 0x12345678);
    return size;
  });
}

std::size_t judge(const Codec& by, char* text, std::size_t size, char*) {
  return by.is_utf8(text, size) ? size : kRefused;
}
void utf8_ascii(benchmark::State& state, std::size_t codec) {
  run(state, codec, "plain text of a header", judge);
}
void utf8_mixed(benchmark::State& state, std::size_t codec) {
  run(state, codec,
      "caf\xc3\xa9 \xe2\x82\xac"
      "5.",
      judge);
}

void base64_encode(benchmark::State& state, std::size_t codec) {
  run(state, codec, "credentials", [](const Codec& by, char* text, std::size_t size, char* out) {
    return by.base64_encode(reinterpret_cast<const std::byte*>(text), size, out);
  });
}

void base64_decode(benchmark::State& state, std::size_t codec) {
  run(state, codec, "Zm9vYmFy", [](const Codec& by, char* text, std::size_t size, char* out) {
    return by.base64_decode(text, size, reinterpret_cast<std::byte*>(out));
  });
}

std::size_t unescape(const Codec& by, char* text, std::size_t size, char* out) {
  return by.percent_decode(text, size, out);
}
void percent_rare(benchmark::State& state, std::size_t codec) {
  run(state, codec, "a-path/with-few/escapes-in/it%20only/and-long-segments-between/them-all",
      unescape);
}
void percent_dense(benchmark::State& state, std::size_t codec) {
  run(state, codec, "%41a%42b", unescape);
}

#define ZY_BOTH(what)                                                  \
  BENCHMARK_CAPTURE(what, scalar, 0)->Arg(64)->Arg(4096)->Arg(262144); \
  BENCHMARK_CAPTURE(what, avx2, 1)->Arg(64)->Arg(4096)->Arg(262144)
ZY_BOTH(mask);
ZY_BOTH(utf8_ascii);
ZY_BOTH(base64_encode);
ZY_BOTH(base64_decode);
ZY_BOTH(percent_rare);
ZY_BOTH(percent_dense);
BENCHMARK_CAPTURE(utf8_mixed, scalar, 0)->Arg(60)->Arg(4092)->Arg(262140);
BENCHMARK_CAPTURE(utf8_mixed, avx2, 1)->Arg(60)->Arg(4092)->Arg(262140);

}  // namespace
}  // namespace zyphos::scan
