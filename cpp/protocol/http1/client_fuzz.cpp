// Any bytes, cut in any way, to an HTTP/1 client with requests outstanding. Each request completes
// exactly once, in order, and what it completes with may depend neither on the cuts nor on the
// parser.
#include <string>

#include "base/check.h"
#include "protocol/http1/client.h"
#include "testing/fuzz_main.h"
#include "testing/one_peer.h"
#include "testing/splits.h"

namespace zyphos::http1 {
namespace {

constexpr std::size_t kPipeline = 4;

std::string collect(Http1Client& client) {
  std::string text;
  for (const Completion& completion : client.completed()) {
    text += std::to_string(completion.tag) + " " + std::string(errc_name(completion.error)) + " " +
            std::to_string(completion.status) + " " + std::to_string(completion.body_bytes) +
            (completion.body_expected ? "\n" : " unexpected\n");
  }
  return text;
}

std::string run(bool head_only, const testing::Pieces& pieces, Parser parser) {
  constexpr std::string_view kBody = "hello";
  auto made = std::make_unique<Http1Client>(ClientOptions{
      .pipeline = kPipeline, .limits = {}, .expected_body = as_bytes(kBody), .parser = parser});
  Http1Client& client = *made;
  Request get;
  Request head;
  head.method = "HEAD";
  testing::OnePeer peer(std::move(made));
  for (std::uint64_t tag = 0; tag < kPipeline; ++tag) {
    ZY_CHECK(client.submit(head_only && tag == 1 ? head : get, tag));
  }
  peer.pump();
  std::string text;
  for (const auto piece : pieces) {
    peer.feed(piece);
    text += collect(client);
  }
  peer.finish();
  text += collect(client);
  ZY_CHECK(client.outstanding() == 0 && peer.ending() != "open");
  return text + std::string(peer.ending()) + std::string(errc_name(peer.slot().error()));
}

void check(std::string_view data) {
  constexpr std::size_t kControl_bytes = 3;
  if (data.size() < kControl_bytes) return;
  const auto control = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  const bool head_only = (control(0) & 1) != 0;
  const std::string_view input = data.substr(kControl_bytes);
  const std::string whole = run(head_only, {input}, kDescent);
  const testing::Pieces pieces = testing::cut_randomly(input, control(1), 1U + control(2));
  for (const Parser parser : {kDescent, kTable, Parser(&scan::best_kernel())}) {
    ZY_CHECK(run(head_only, pieces, parser) == whole);
  }
}

}  // namespace
}  // namespace zyphos::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  zyphos::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}

ZYPHOS_FUZZ_MAIN("protocol/http1/corpus/protocol_http1_client_fuzz")
