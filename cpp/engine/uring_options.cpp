#include "engine/uring_options.h"

#include <array>
#include <bit>

namespace zyphos {
namespace {

using Options = const UringOptions&;

struct Rule {
  bool (*broken)(Options);
  const char* says;
};

constexpr unsigned kTogether_max = 64;    // parts of a send (Ring::kParts)
constexpr unsigned kBuffers_max = 32768;  // of a buffer ring (io_uring_register_buf_ring(3))

// zyphos_lab/spec/uring_rules.py has the same with places in the file; a test holds them together.
constexpr std::array kRules{
    Rule{[](Options o) { return !o.single_issuer && o.taskrun == Taskrun::defer; },
         "taskrun defer needs single_issuer"},
    Rule{[](Options o) { return o.sqpoll && o.taskrun != Taskrun::none; },
         "sqpoll needs taskrun none"},
    Rule{[](Options o) { return o.sqpoll_cpu.has_value() && !o.sqpoll; },
         "sqpoll_cpu needs sqpoll"},
    Rule{[](Options o) { return o.multishot_recv && !o.buffer_ring; },
         "multishot_recv needs buffer_ring"},
    Rule{[](Options o) { return o.recv_bundles && !o.buffer_ring; },
         "recv_bundles needs buffer_ring"},
    Rule{[](Options o) { return o.incremental_buffers && !o.buffer_ring; },
         "incremental_buffers needs buffer_ring"},
    Rule{[](Options o) { return o.incremental_buffers && o.recv_bundles; },
         "incremental_buffers excludes recv_bundles"},
    Rule{[](Options o) { return o.link_recv && o.multishot_recv; },
         "link_recv excludes multishot_recv"},
    Rule{[](Options o) { return o.registered_buffers && !o.send_zc_bytes; },
         "registered_buffers needs send_zc_bytes"},
    Rule{[](Options o) { return (o.link_recv || o.link_shutdown) && o.submissions < 2; },
         "links need 2 submissions"},
    Rule{[](Options o) { return o.link_sends && !o.send_apart; }, "link_sends needs send_apart"},
    Rule{[](Options o) { return o.send_apart && (o.send_zc_bytes || o.link_recv); },
         "send_apart excludes send_zc_bytes and link_recv"},
    Rule{[](Options o) { return o.send_apart && o.link_shutdown; },
         "send_apart excludes link_shutdown"},
    Rule{[](Options o) { return o.send_apart && o.submissions < kTogether_max; },
         "send_apart needs 64 submissions"},
    Rule{[](Options o) { return o.completions < o.submissions; },
         "there must be no fewer completions than submissions"},
    Rule{[](Options o) { return !std::has_single_bit(o.buffers) || o.buffers > kBuffers_max; },
         "buffers must be a power of two, at most 32768"},
};

}  // namespace

std::string contradiction(const UringOptions& options) {
  for (const Rule& rule : kRules) {
    if (rule.broken(options)) return std::string("uring: ") + rule.says;
  }
  return {};
}

}  // namespace zyphos
