#include "engine/uring_options.h"

#include <array>
#include <bit>

namespace zyphos {
namespace {

struct Rule {
  bool broken;
  const char* says;
};

constexpr unsigned kBuffers_max = 32768;  // of a buffer ring (io_uring_register_buf_ring(3))

}  // namespace

// zyphos_lab/spec/uring.py has the same rules with places in the file; a test holds them together.
std::string contradiction(const UringOptions& o) {
  const std::array rules{
      Rule{!o.single_issuer && o.taskrun == Taskrun::defer, "taskrun defer needs single_issuer"},
      Rule{o.sqpoll && o.taskrun != Taskrun::none, "sqpoll needs taskrun none"},
      Rule{o.sqpoll_cpu.has_value() && !o.sqpoll, "sqpoll_cpu needs sqpoll"},
      Rule{o.multishot_recv && !o.buffer_ring, "multishot_recv needs buffer_ring"},
      Rule{o.recv_bundles && !o.buffer_ring, "recv_bundles needs buffer_ring"},
      Rule{o.incremental_buffers && !o.buffer_ring, "incremental_buffers needs buffer_ring"},
      Rule{o.incremental_buffers && o.recv_bundles, "incremental_buffers excludes recv_bundles"},
      Rule{o.link_recv && o.multishot_recv, "link_recv excludes multishot_recv"},
      Rule{o.registered_buffers && !o.send_zc_bytes, "registered_buffers needs send_zc_bytes"},
      Rule{(o.link_recv || o.link_shutdown) && o.submissions < 2, "links need 2 submissions"},
      Rule{o.completions < o.submissions, "there must be no fewer completions than submissions"},
      Rule{!std::has_single_bit(o.buffers) || o.buffers > kBuffers_max,
           "buffers must be a power of two, at most 32768"},
  };
  for (const Rule& rule : rules) {
    if (rule.broken) return std::string("uring: ") + rule.says;
  }
  return {};
}

}  // namespace zyphos
