// Any bytes to all parsers: of the whole, and of a head that trickles in, each says what descent
// says of the whole, request or response, under limits that the first bytes of the input choose.
// Mutations know that a head is made of lines.
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/random.h"
#include "protocol/http1/mutate.h"
#include "protocol/http1/read.h"
#include "protocol/http1/said.h"
#include "testing/fuzz_main.h"
#include "testing/guard_buffer.h"

namespace zyphos::http1 {
namespace {

constexpr std::size_t kInput_bytes_max = 64 * 1024;
constexpr std::size_t kControl_bytes = 3;

testing::GuardBuffer& guard() {
  static testing::GuardBuffer buffer(kInput_bytes_max);
  return buffer;
}

std::vector<Parser> all_parsers() {
  std::vector<Parser> parsers{kDescent, kTable};
  for (const scan::Kernel& kernel : scan::kernels()) {
    if (kernel.lack().empty()) parsers.emplace_back(&kernel);
  }
  return parsers;
}

// In pieces, until it is done or refused.
void trickle(std::string_view input, const ReadLimits& limits, Parser parser, std::uint64_t seed) {
  Random random(seed);
  const std::size_t piece_max = 1 + random.below(40);
  HeadProgress progress;
  for (std::size_t size = 0;;) {
    const ConstBytes in = guard().place(as_bytes(input.substr(0, size)));
    const std::string whole = Said(in).request(in, limits, kDescent);
    ZY_CHECK(Said(in).request(in, limits, parser, &progress) == whole);
    if (size == input.size() || !whole.starts_with("1 ")) return;
    size = std::min<std::size_t>(input.size(), size + 1 + random.below(piece_max));
  }
}

void check(std::string_view data) {
  if (data.size() < kControl_bytes || data.size() > kInput_bytes_max) return;
  const auto control = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  ReadLimits limits;
  if ((control(0) & 1) != 0) limits.line_bytes_max = 1U + control(1);
  if ((control(0) & 2) != 0) limits.head_bytes_max = 1U + control(1);
  const std::string_view input = data.substr(kControl_bytes);
  static const std::vector<Parser> parsers = all_parsers();
  for (const Parser parser : parsers) {
    const ConstBytes in = guard().place(as_bytes(input));
    ZY_CHECK(Said(in).request(in, limits, parser) == Said(in).request(in, limits, kDescent));
    ZY_CHECK(Said(in).response(in, limits, parser) == Said(in).response(in, limits, kDescent));
  }
  trickle(input, limits, parsers[control(0) / 4U % parsers.size()], control(2));
}

}  // namespace
}  // namespace zyphos::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  zyphos::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}

#ifdef ZYPHOS_LIBFUZZER

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);

// Every other mutation is one of lines.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  zyphos::Random random(seed);
  if (size < zyphos::http1::kControl_bytes || random.below(2) == 0) {
    return LLVMFuzzerMutate(data, size, max);
  }
  const std::size_t kept = zyphos::http1::kControl_bytes;
  const std::string head(reinterpret_cast<const char*>(data) + kept, size - kept);
  const std::string mutated = zyphos::http1::mutate_lines(head, random);
  const std::size_t n = std::min(mutated.size(), max - kept);
  std::memcpy(data + kept, mutated.data(), n);
  return kept + n;
}

#endif

ZYPHOS_FUZZ_MAIN("protocol/http1/corpus/protocol_http1_parsers_fuzz")
