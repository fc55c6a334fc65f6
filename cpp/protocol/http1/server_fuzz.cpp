// Any bytes, cut in any way, to an HTTP/1 server. The first bytes of the input choose the cuts and
// the handler; the rest is what the client sends. Nothing may crash or read too far, and the output
// may depend neither on the cuts nor on the parser.
#include <string>

#include "base/check.h"
#include "protocol/http1/server.h"
#include "testing/fuzz_main.h"
#include "testing/one_peer.h"
#include "testing/report_handler.h"
#include "testing/splits.h"

namespace zyphos::http1 {
namespace {

std::string run(const testing::ReportHandler::Options& handling, const testing::Pieces& pieces,
                std::size_t flush_bytes, Parser parser) {
  testing::ReportHandler handler(handling);
  ServerOptions options;
  options.parser = parser;
  testing::OnePeer peer(std::make_unique<Http1Server>(handler, options),
                        {.limits = {}, .flush_bytes = flush_bytes});
  for (const auto piece : pieces) {
    peer.feed(piece);
    while (peer.deliver_wakes() > 0) {
    }
  }
  peer.finish();
  while (peer.deliver_wakes() > 0) {
  }
  ZY_CHECK(peer.ending() != "open");
  // Where chunks end depends on the room there is, which depends on the cuts: then only what was
  // answered is compared.
  const std::string output = handling.with_length ? peer.output() : std::string();
  return output + std::to_string(peer.around().counters.value(Counter::requests)) +
         std::string(peer.ending()) + std::string(errc_name(peer.slot().error()));
}

void check(std::string_view data) {
  constexpr std::size_t kControl_bytes = 4;
  if (data.size() < kControl_bytes) return;
  const auto control = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  const testing::ReportHandler::Options handling{
      .with_length = (control(0) & 1) == 0,
      .repeat = (control(0) & 2) != 0 ? 500U : 1U,
      .body_bytes_each = (control(0) & 4) != 0 ? 3 : ~std::size_t{0},
      .wakes = static_cast<unsigned>(control(0) >> 6)};
  const std::size_t piece_max = 1 + control(1);
  const std::size_t flush_bytes = (control(0) & 8) != 0 ? 1 + control(2) : ~std::size_t{0};
  const std::string_view input = data.substr(kControl_bytes);
  const std::string whole = run(handling, {input}, ~std::size_t{0}, kDescent);
  const testing::Pieces pieces = testing::cut_randomly(input, control(3), piece_max);
  for (const Parser parser : {kDescent, kTable, Parser(&scan::best_kernel())}) {
    ZY_CHECK(run(handling, pieces, flush_bytes, parser) == whole);
  }
}

}  // namespace
}  // namespace zyphos::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  zyphos::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}

ZYPHOS_FUZZ_MAIN("protocol/http1/corpus/protocol_http1_server_fuzz")
