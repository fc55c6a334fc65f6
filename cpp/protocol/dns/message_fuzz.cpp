// Any bytes as a message: what is read can be written, and is the same when it is read again; a
// zone answers with a message, or not at all.
#include "base/check.h"
#include "protocol/dns/message.h"
#include "protocol/dns/zone.h"
#include "testing/fuzz_main.h"
#include "testing/guard_buffer.h"

namespace zyphos::dns {
namespace {

void check_records(const std::vector<Record>& was, const std::vector<Record>& is) {
  ZY_CHECK(was.size() == is.size());
  for (std::size_t i = 0; i < was.size(); ++i) {
    // A name that became a pointer to the question's has the question's case.
    ZY_CHECK(same_name(was[i].name, is[i].name));
    ZY_CHECK(was[i].type == is[i].type && was[i].ttl_s == is[i].ttl_s);
    ZY_CHECK(was[i].data.size() == is[i].data.size());
  }
}

// An alias's name may point into the message as it was: its bytes mean nothing in another.
bool has_alias(const Message& message) {
  for (const auto* records : {&message.answers, &message.authorities, &message.additionals}) {
    for (const Record& record : *records) {
      if (record.type == Type::cname) return true;
    }
  }
  return false;
}

void check(ConstBytes data) {
  testing::GuardBuffer guard(data.size());
  const Bytes placed = guard.place(data);
  const std::vector<std::byte> answer = Zone(60).answer(placed);
  ZY_CHECK(answer.empty() || read_message(answer).has_value());
  const auto message = read_message(placed);
  if (!message || has_alias(*message)) return;
  const std::vector<std::byte> written = write_message(*message);
  const auto again = read_message(written);
  ZY_CHECK(again.has_value());
  ZY_CHECK(message->questions == again->questions);
  check_records(message->answers, again->answers);
  check_records(message->authorities, again->authorities);
  check_records(message->additionals, again->additionals);
}

}  // namespace
}  // namespace zyphos::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  zyphos::dns::check({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}

ZYPHOS_FUZZ_MAIN("protocol/dns/corpus/protocol_dns_message_fuzz")
