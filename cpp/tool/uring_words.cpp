#include "tool/uring_words.h"

#include <array>

namespace zyphos {
namespace {

struct Flag {
  const char* name;
  bool UringOptions::* member;
  const char* help;
};

constexpr std::array kFlags{
    Flag{"single_issuer", &UringOptions::single_issuer, "the kernel knows that one thread submits"},
    Flag{"registered_ring", &UringOptions::registered_ring, "the ring's own descriptor is known"},
    Flag{"multishot_accept", &UringOptions::multishot_accept, "one entry accepts all"},
    Flag{"multishot_recv", &UringOptions::multishot_recv, "one entry receives again and again"},
    Flag{"buffer_ring", &UringOptions::buffer_ring, "receive buffers shared; else one each"},
    Flag{"recv_bundles", &UringOptions::recv_bundles, "a completion may fill several buffers"},
    Flag{"incremental_buffers", &UringOptions::incremental_buffers,
         "a buffer is filled by several completions"},
    Flag{"poll_first", &UringOptions::poll_first, "a receive waits before it is tried"},
    Flag{"registered_files", &UringOptions::registered_files, "sockets are known by number"},
    Flag{"registered_buffers", &UringOptions::registered_buffers,
         "zero-copy sends from registered memory"},
    Flag{"link_recv", &UringOptions::link_recv, "a receive begins after the send before it"},
    Flag{"link_shutdown", &UringOptions::link_shutdown, "the FIN goes with the last send"},
    Flag{"send_apart", &UringOptions::send_apart, "an entry for each part of what is sent"},
    Flag{"link_sends", &UringOptions::link_sends, "of these: one after the other"},
    Flag{"skip_success", &UringOptions::skip_success, "no completion that nobody waits for"},
    Flag{"sqpoll", &UringOptions::sqpoll, "a kernel thread submits"},
};

}  // namespace

void add_uring(Words& words, UringOptions& options, std::string& taskrun) {
  words.choice("uring.taskrun", "when the kernel does its part: defer, coop, none", taskrun,
               {"defer", "coop", "none"});
  for (const Flag& flag : kFlags) {
    words.flag(std::string("uring.") + flag.name, flag.help, options.*flag.member);
  }
  words.number("uring.sqpoll_cpu", "of that thread", options.sqpoll_cpu, 0);
  words.number("uring.sqpoll_idle_ns", "so long it looks in vain before it sleeps",
               options.sqpoll_idle_ns, std::int64_t{1});
  words.number("uring.send_zc_bytes", "sends from this size on are zero-copy",
               options.send_zc_bytes, std::size_t{1});
  words.number("uring.submissions", "entries of the submission queue", options.submissions, 1U);
  words.number("uring.completions", "entries of the completion queue", options.completions, 1U);
  words.number("uring.buffers", "of the buffer ring: a power of two", options.buffers, 1U);
  words.number("uring.buffer_bytes", "size of a receive buffer", options.buffer_bytes,
               std::size_t{64});
}

Taskrun taskrun_of(std::string_view name) {
  if (name == "coop") return Taskrun::coop;
  return name == "none" ? Taskrun::none : Taskrun::defer;
}

}  // namespace zyphos
